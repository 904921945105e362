import type { LanguageModelV3FinishReason, LanguageModelV3ToolCall } from '@ai-sdk/provider';
import { parseArguments } from './step-messages.js';

/** Reasons of an end that came before the answer's own. */
const CUTS: ReadonlySet<string> = new Set(['length', 'content-filter']);

/** Ids of the calls of an answer that must not be run. */
export interface CutCalls {
  /** Calls that are no part of the answer: the model has refused, or a filter has cut them. */
  readonly dropped: ReadonlySet<string>;
  /** Calls that the maximum length has cut: the model is told. */
  readonly cut: ReadonlySet<string>;
}

/**
 * The calls that the end of an answer has cut. A call is whole if its arguments are; of the last one, nothing is no
 * sign of a call without arguments.
 * @param bare ids of the calls whose arguments were not streamed
 */
export function cutCalls(
  { unified, raw }: LanguageModelV3FinishReason,
  calls: readonly LanguageModelV3ToolCall[],
  bare: ReadonlySet<string>,
): CutCalls {
  const none: CutCalls = { dropped: new Set(), cut: new Set() };
  if (!CUTS.has(unified)) return none;
  const last = calls.at(-1);
  const isCut = (call: LanguageModelV3ToolCall) =>
    (call === last && bare.has(call.toolCallId)) || parseArguments(call.input) === undefined;
  // Anthropic asks for the whole turn to be discarded after a refusal.
  const ids = calls.filter((call) => raw === 'refusal' || isCut(call)).map(({ toolCallId }) => toolCallId);
  return unified === 'length' ? { ...none, cut: new Set(ids) } : { ...none, dropped: new Set(ids) };
}
