import { mayHoldSecret, maskSecrets, type Secret } from '../common/secret.js';

/** A symbol, which no JSON can hold: the record of a message reaches no client, on whatever way its event does. */
const RECORD = Symbol('model record');

/** The event with its model record: JSON that only the model which wrote the message is sent again. */
export function withModelRecord<T extends object>(event: T, record: string | null | undefined): T {
  return typeof record === 'string' ? Object.assign(event, { [RECORD]: record }) : event;
}

/** The model record of an assistant message, if any. */
export function modelRecordOf(event: object): string | undefined {
  return (event as { readonly [RECORD]?: string })[RECORD];
}

/** Removes the record of an event that must not be stored with it. */
export function dropModelRecord(event: object): void {
  delete (event as { [RECORD]?: string })[RECORD];
}

/**
 * Whether a record holds a secret. Such a record is not stored: a masked thought no longer matches its signature. Texts
 * that came in pieces, as a list of details does, are joined by the name of their field.
 */
export function recordHoldsSecret(record: string, secrets: readonly Secret[]): boolean {
  if (secrets.length === 0) return false;
  if (mayHoldSecret(record, secrets)) return true;
  const texts = new Map<string, string[]>();
  JSON.parse(record, (key, value: unknown) => {
    if (typeof value !== 'string') return;
    const pieces = texts.get(key);
    if (pieces) pieces.push(value);
    else texts.set(key, [value]);
  });
  return [...texts.values()].some((pieces) => {
    const joined = pieces.join('');
    return pieces.length > 1 && maskSecrets(joined, secrets) !== joined;
  });
}
