import type {
  LanguageModelV3FilePart,
  LanguageModelV3Message,
  LanguageModelV3Prompt,
  LanguageModelV3TextPart,
} from '@ai-sdk/provider';
import { wellFormed } from '../common/text.js';
import { isDeeperThan, MAX_JSON_DEPTH } from '../tools/index.js';
import { parseForeignJson, quoteLargeIntegers } from '../models/index.js';
import type {
  AgentRunEndEvent,
  AssistantMessageEvent,
  ContentPart,
  QueryContent,
  RunEndStatus,
  StoredAgentEvent,
  ToolResultEvent,
} from '../events/index.js';

/** Event types that the model's messages are made of. */
export const PROMPT_EVENTS = [
  'user_message',
  'environment_input',
  'assistant_message',
  'tool_result',
  'agent_run_end',
] as const;

const UNANSWERED: Readonly<Record<RunEndStatus, string>> = {
  completed: 'no answer was given',
  aborted: 'the user stopped this request before it was answered',
  error: 'this request failed before it was answered',
  interrupted: 'the server stopped before this request was answered',
};

/** Note to the model where the conversation lacks its first messages or results of tools. */
const CUT =
  'This conversation is longer than a request may be: what came first of it, or older results of tools, are left out.';

/**
 * The stored events as a conversation that every provider takes: user and assistant take turns, and each tool call
 * has its result, also where a run was aborted, failed or was cut off by a crash.
 * @param complete whether `events` are all of the session's; if not, the model is told so
 */
export function toPrompt(
  instructions: string,
  given: readonly StoredAgentEvent[],
  complete = true,
): LanguageModelV3Prompt {
  const content = complete ? instructions : `${instructions}\n\n${CUT}`;
  const prompt: LanguageModelV3Message[] = [{ role: 'system', content }];
  const events = complete ? given : fromFirstQuery(given);
  let endOfRun: AgentRunEndEvent | undefined;
  for (const [i, event] of events.entries()) {
    switch (event.type) {
      case 'user_message':
      case 'environment_input': {
        const last = prompt.at(-1);
        if (last?.role === 'user' && event.type === 'environment_input') {
          last.content.push(...userParts(event.content));
        } else {
          if (last?.role === 'user') prompt.push(unanswered(endOfRun?.status ?? 'interrupted'));
          prompt.push({ role: 'user', content: userParts(event.content) });
          if (event.type === 'user_message') endOfRun = undefined;
        }
        break;
      }
      case 'assistant_message':
        prompt.push(...assistantMessages(event, resultsAfter(events, i), complete ? NO_RESULT : LEFT_OUT));
        break;
      case 'agent_run_end':
        endOfRun = event;
        break;
    }
  }
  return prompt;
}

/** Every provider requires a user message first. */
function fromFirstQuery(events: readonly StoredAgentEvent[]): readonly StoredAgentEvent[] {
  const first = events.findIndex(({ type }) => type === 'user_message');
  return first === -1 ? [] : events.slice(first);
}

function unanswered(status: RunEndStatus): LanguageModelV3Message {
  return { role: 'assistant', content: [{ type: 'text', text: `[${UNANSWERED[status]}]` }] };
}

function userParts(content: QueryContent): (LanguageModelV3TextPart | LanguageModelV3FilePart)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  // Anthropic refuses a text that is empty; a client may send one beside its image.
  return content.filter((part) => part.type !== 'text' || part.text.trim() !== '').map(toPart);
}

function toPart(part: ContentPart): LanguageModelV3TextPart | LanguageModelV3FilePart {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const { url } = part.image_url;
  const data = /^data:([^;,]+);base64,(.*)$/s.exec(url);
  if (data) return { type: 'file', mediaType: data[1] ?? 'image/*', data: data[2] ?? '' };
  const link = new URL(url);
  // Google requires the type of a linked image, and the SDK says JPEG by default.
  const type = /\.(png|jpe?g|gif|webp)$/i.exec(link.pathname)?.[1]?.toLowerCase().replace('jpg', 'jpeg');
  return { type: 'file', mediaType: `image/${type ?? '*'}`, data: link };
}

/** Results of one message's calls, which follow it. Some providers give each message's calls the same ids. */
function resultsAfter(events: readonly StoredAgentEvent[], index: number): Map<string, ToolResultEvent> {
  const results = new Map<string, ToolResultEvent>();
  for (let i = index + 1; i < events.length; i++) {
    const event = events[i];
    if (event?.type === 'assistant_message' || event?.type === 'user_message') break;
    if (event?.type === 'tool_result') results.set(event.toolCallId, event);
  }
  return results;
}

function assistantMessages(
  event: AssistantMessageEvent,
  results: ReadonlyMap<string, ToolResultEvent>,
  withoutResult: string,
): LanguageModelV3Message[] {
  const calls = event.toolCalls ?? [];
  const isBlank = event.content.trim() === ''; // Anthropic refuses a blank text
  if (isBlank && calls.length === 0) return [];
  const assistant: LanguageModelV3Message = {
    role: 'assistant',
    content: [
      ...(isBlank ? [] : [{ type: 'text' as const, text: event.content }]),
      ...calls.map((call) => ({
        type: 'tool-call' as const,
        toolCallId: call.id,
        toolName: call.function.name,
        input: parseArguments(call.function.arguments) ?? {},
      })),
    ],
  };
  if (calls.length === 0) return [assistant];
  const tool: LanguageModelV3Message = {
    role: 'tool',
    content: calls.map((call) => ({
      type: 'tool-result' as const,
      toolCallId: call.id,
      toolName: call.function.name,
      output: toOutput(results.get(call.id), withoutResult),
    })),
  };
  return [assistant, tool];
}

const NO_RESULT = 'The run ended before this tool had answered.';
const LEFT_OUT =
  'This result was left out, for the conversation has grown too long, or the run ended before there was one. Call the tool again if it is needed.';

function toOutput(result: ToolResultEvent | undefined, withoutResult: string) {
  if (!result) return { type: 'error-text' as const, value: withoutResult };
  if (result.error !== undefined) return { type: 'error-text' as const, value: result.error };
  return { type: 'text' as const, value: toolResultText(result.content) };
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
