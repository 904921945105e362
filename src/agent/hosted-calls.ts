import type { LanguageModelV3ToolCall, LanguageModelV3ToolResult } from '@ai-sdk/provider';
import { elapsedMs, epochMs, monotonicMs } from '../common/clock.js';
import { cutText } from '../common/text.js';
import type { EventDraft } from '../events/index.js';
import { boundResult } from '../tools/index.js';
import { MAX_RESULT_BYTES } from './bounds.js';
import { parseArguments } from './step-messages.js';

interface HostedCall {
  readonly call: LanguageModelV3ToolCall;
  readonly startTime: number;
  readonly startedAt: number;
  result?: LanguageModelV3ToolResult;
  elapsedMs: number;
}

/** Characters of a provider's error. */
const MAX_ERROR = 10_000;
const DESCRIPTION = "Run by the model's provider.";

/** Calls of one answer that the provider has run itself, such as a web search. Bounded as the answer is. */
export class HostedCalls {
  /** By the provider's id. */
  private readonly calls = new Map<string, HostedCall>();

  /** @param call with the id and the name that clients are shown */
  call(id: string, call: LanguageModelV3ToolCall): void {
    this.calls.set(id, { call, startTime: epochMs(), startedAt: monotonicMs(), elapsedMs: 0 });
  }

  /** A result of one of these calls; a later one takes the place of a preliminary one. */
  result(result: LanguageModelV3ToolResult): void {
    const hosted = this.calls.get(result.toolCallId);
    if (!hosted) return;
    hosted.result = result;
    hosted.elapsedMs = elapsedMs(hosted.startedAt);
  }

  /** The calls, each with its result, as the log shows them. */
  events(): EventDraft[] {
    return [...this.calls.values()].flatMap(toEvents);
  }
}

function toEvents({ call, startTime, result, elapsedMs }: HostedCall): EventDraft[] {
  const { toolCallId, toolName: name, input } = call;
  const tool = { name, description: DESCRIPTION, schema: {} };
  const args = parseArguments(input) ?? {};
  const shown = result ? shownResult(name, result) : { content: [], error: 'The provider gave no result.' };
  return [
    { type: 'tool_call', toolCallId, name, arguments: args, startTime, tool },
    { type: 'tool_result', toolCallId, name, elapsedMs, ...shown },
  ];
}

/** The result for clients: what is encrypted in it is for the provider alone. */
function shownResult(name: string, { result, isError }: LanguageModelV3ToolResult) {
  try {
    const json = JSON.stringify(result, (key, value: unknown) =>
      /^encrypted/i.test(key) ? undefined : value,
    );
    if (isError) return { content: [], error: cutText(json, MAX_ERROR) };
    return { content: boundResult(name, JSON.parse(json), MAX_RESULT_BYTES).content };
  } catch (error) {
    return { content: [], error: String((error as Error).message) };
  }
}
