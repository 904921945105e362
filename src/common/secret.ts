import { inspect } from 'node:util';

const MASK = '***';

/** A value that prints, serialises and inspects as `***`. Only {@link Secret.reveal} gives it away. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/** Replaces every secret that stands in `text`, as it is, by `***`. */
export function maskSecrets(text: string, secrets: readonly Secret[]): string {
  return secrets.reduce((masked, secret) => {
    const value = secret.reveal();
    // A value this short is a placeholder ("none", "x"): masking it would only garble ordinary text.
    return value.length < 6 ? masked : masked.replaceAll(value, MASK);
  }, text);
}

/** A copy of `value`, which is JSON, with {@link maskSecrets} applied to every text in it. */
export function maskSecretsIn<T>(value: T, secrets: readonly Secret[]): T {
  const masked = JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'string' ? maskSecrets(each, secrets) : each,
  );
  return JSON.parse(masked) as T;
}

/** A URL as it may be shown: without the user, the password and the query that it may carry. */
export function withoutCredentials(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
