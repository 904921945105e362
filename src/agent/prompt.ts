import type {
  LanguageModelV3FilePart,
  LanguageModelV3Message,
  LanguageModelV3Prompt,
  LanguageModelV3TextPart,
} from '@ai-sdk/provider';
import type { Dialect } from '../models/index.js';
import type {
  AgentRunEndEvent,
  ContentPart,
  QueryContent,
  RunEndStatus,
  StoredAgentEvent,
  ToolResultEvent,
} from '../events/index.js';
import { NO_RESULT, stepMessages } from './step-messages.js';

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

const LEFT_OUT =
  'This result was left out, for the conversation has grown too long, or the run ended before there was one. Call the tool again if it is needed.';

/**
 * The stored events as a conversation that every provider takes: user and assistant take turns, and each tool call
 * has its result, also where a run was aborted, failed or was cut off by a crash.
 * @param dialect of the model that is asked
 * @param complete whether `events` are all of the session's; if not, the model is told so
 */
export function toPrompt(
  instructions: string,
  given: readonly StoredAgentEvent[],
  dialect: Dialect,
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
        prompt.push(
          ...stepMessages(event, resultsAfter(events, i), dialect, complete ? NO_RESULT : LEFT_OUT),
        );
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
