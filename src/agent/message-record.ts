import type { LanguageModelV3Message, SharedV3ProviderOptions } from '@ai-sdk/provider';
import { type AssistantMessageEvent, modelRecordOf } from '../events/index.js';

export type AssistantContent = Extract<LanguageModelV3Message, { role: 'assistant' }>['content'];

/** A part of an answer in its order: what of it the events do not hold. */
export type RecordedPart =
  | { readonly type: 'text'; readonly length: number; readonly options?: SharedV3ProviderOptions }
  | { readonly type: 'reasoning'; readonly text: string; readonly options?: SharedV3ProviderOptions }
  | { readonly type: 'call'; readonly options?: SharedV3ProviderOptions };

interface MessageRecord {
  /** Identity of the model that wrote the message. */
  readonly model: string;
  readonly parts: readonly RecordedPart[];
}

/** Bytes of a record. Beyond, only the model is recorded: its next request goes without these thoughts. */
const MAX_RECORD_BYTES = 1_000_000;

/**
 * Record of an answer, as JSON: thoughts, signatures and the order of parts, which providers want back as they came.
 * Undefined for an answer that consists of text only.
 */
export function recordOf(model: string, parts: readonly RecordedPart[]): string | undefined {
  if (parts.every(({ type, options }) => type === 'text' && !options)) return undefined;
  const json = JSON.stringify({ model, parts } satisfies MessageRecord);
  if (Buffer.byteLength(json) <= MAX_RECORD_BYTES) return json;
  return JSON.stringify({ model, parts: [] } satisfies MessageRecord);
}

/** The parts of an event's record; undefined where this model did not write the event. */
export function recordedParts(
  event: AssistantMessageEvent,
  model: string,
): readonly RecordedPart[] | undefined {
  const json = modelRecordOf(event);
  if (json === undefined) return undefined;
  const record = JSON.parse(json) as MessageRecord;
  return record.model === model ? record.parts : undefined;
}
