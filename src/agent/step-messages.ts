import type {
  LanguageModelV3Message,
  LanguageModelV3TextPart,
  LanguageModelV3ToolCallPart,
  LanguageModelV3ToolResultPart,
} from '@ai-sdk/provider';
import { wellFormed } from '../common/text.js';
import type { AssistantMessageEvent, ToolCallRequest, ToolResultEvent } from '../events/index.js';
import { type Dialect, parseForeignJson, quoteLargeIntegers } from '../models/index.js';
import { isDeeperThan, MAX_JSON_DEPTH } from '../tools/index.js';
import { type AssistantContent, type RecordedPart, recordedParts } from './message-record.js';

export const NO_RESULT = 'The run ended before this tool had answered.';

/**
 * One step of a run as the model is told it: its message, then the results of its calls. The one way from stored events
 * to these messages, for the running loop and for later requests: a restart changes nothing in what a provider is sent.
 * @param results by the ids of the message's calls
 */
export function stepMessages(
  event: AssistantMessageEvent,
  results: ReadonlyMap<string, ToolResultEvent>,
  dialect: Dialect,
  withoutResult = NO_RESULT,
): LanguageModelV3Message[] {
  const requests = event.toolCalls ?? [];
  if (event.content.trim() === '' && requests.length === 0) return []; // Anthropic refuses a blank text
  const parts = recordedParts(event, dialect.model);
  const toCall = (call: ToolCallRequest): LanguageModelV3ToolCallPart => ({
    type: 'tool-call',
    toolCallId: dialect.callId(call.id, parts !== undefined),
    toolName: dialect.toolName(call.function.name),
    input: parseArguments(call.function.arguments) ?? {},
  });
  const calls = requests.map(toCall);
  const content = (parts && asWritten(event.content, calls, parts)) ?? [...textPart(event.content), ...calls];
  const assistant: LanguageModelV3Message = { role: 'assistant', content };
  if (calls.length === 0) return [assistant];
  const toResult = ({ toolCallId, toolName }: LanguageModelV3ToolCallPart, i: number) => ({
    type: 'tool-result' as const,
    toolCallId,
    toolName,
    output: toOutput(results.get(requests[i]?.id ?? ''), withoutResult),
  });
  return [assistant, { role: 'tool', content: calls.map(toResult) }];
}

/** The message in the order in which it was written; undefined where the record does not fit the event. */
function asWritten(
  text: string,
  calls: readonly LanguageModelV3ToolCallPart[],
  parts: readonly RecordedPart[],
): AssistantContent | undefined {
  if (parts.filter(({ type }) => type === 'call').length !== calls.length) return undefined;
  const lengths = parts.map((part) => (part.type === 'text' ? part.length : 0));
  const isWhole = lengths.reduce((sum, length) => sum + length, 0) === text.length;
  let [at, call] = [0, 0];
  return parts.flatMap((part): AssistantContent => {
    const options = part.options && { providerOptions: part.options };
    if (part.type === 'reasoning') return [{ type: 'reasoning', text: part.text, ...options }];
    if (part.type === 'call') return calls.slice(call, ++call).map((each) => ({ ...each, ...options }));
    // A masked text has another length: it stands whole in the place of its first part.
    const end = isWhole ? at + part.length : text.length;
    const piece = text.slice(at, (at = end));
    return options ? [{ type: 'text', text: piece, ...options }] : textPart(piece);
  });
}

/** The text as a part. Anthropic refuses a blank one. */
const textPart = (text: string): LanguageModelV3TextPart[] =>
  text.trim() === '' ? [] : [{ type: 'text', text }];

function toOutput(
  result: ToolResultEvent | undefined,
  withoutResult: string,
): LanguageModelV3ToolResultPart['output'] {
  if (!result) return { type: 'error-text', value: withoutResult };
  if (result.error !== undefined) return { type: 'error-text', value: result.error };
  return { type: 'text', value: toolResultText(result.content) };
}

/** A tool's result as text for the model. */
export function toolResultText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content) && content.every(isTextPart)) {
    const texts = content.map(({ name, text }) => (name ? `${name}:\n${text}` : text));
    return texts.join('\n');
  }
  return JSON.stringify(wellFormed(content)) ?? ''; // within JSON, half a character would be escaped
}

function isTextPart(part: unknown): part is { text: string; name?: string } {
  return typeof (part as { text?: unknown } | null)?.text === 'string';
}

/**
 * Arguments that a model wrote; undefined when they are no JSON object, or nested too deep to be worked with. Nothing
 * and `null` stand for none, JSON within a JSON string for itself, and an integer that a double cannot hold is a string.
 */
export function parseArguments(json: string): Record<string, unknown> | undefined {
  if (json.trim() === '') return {};
  try {
    const once = parseForeignJson(quoteLargeIntegers(json));
    const value = typeof once === 'string' ? parseForeignJson(quoteLargeIntegers(once || '{}')) : once;
    if (value === null) return {};
    const isObject = typeof value === 'object' && !Array.isArray(value);
    return isObject && !isDeeperThan(value, MAX_JSON_DEPTH) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
