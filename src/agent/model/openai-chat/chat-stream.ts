import type { LanguageModelV3StreamPart, LanguageModelV3Usage } from '@ai-sdk/provider';
import { newId } from '../../../common/ids.js';

interface ToolCallDelta {
  readonly index?: number;
  readonly id?: string | null;
  readonly function?: { readonly name?: string | null; readonly arguments?: string | null };
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: {
      readonly content?: string | null;
      readonly reasoning_content?: string | null;
      readonly reasoning?: string | null;
      readonly tool_calls?: readonly ToolCallDelta[] | null;
    };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: {
    readonly prompt_tokens?: number;
    readonly completion_tokens?: number;
  } | null;
  readonly error?: unknown;
}

const FINISH: Readonly<Record<string, 'stop' | 'length' | 'content-filter' | 'tool-calls'>> = {
  stop: 'stop',
  length: 'length',
  content_filter: 'content-filter',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
};

interface OpenCall {
  readonly id: string;
  readonly name: string;
  input: string;
}

/** Turns the bytes of a `/chat/completions` stream into parts, as they come and nothing more than once. */
export class ChatStream {
  private rest = '';
  private readonly calls = new Map<number, OpenCall>();
  private finishReason: string | undefined;
  private usage: Chunk['usage'];
  private done = false;
  private closed = false;

  constructor(private readonly take: (part: LanguageModelV3StreamPart) => void) {}

  /** @throws SyntaxError for a chunk that is no JSON */
  push(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) this.data(line.slice(line.charAt(5) === ' ' ? 6 : 5));
    }
  }

  /** Call it when the connection has ended in order. What ended without a reason has been cut off. */
  end(): void {
    if (this.rest !== '') this.push('\n');
    if (this.closed || (this.finishReason === undefined && !this.done)) return;
    this.closed = true;
    for (const { id, name, input } of this.calls.values()) {
      this.take({ type: 'tool-call', toolCallId: id, toolName: name, input });
    }
    const raw = this.finishReason ?? (this.calls.size > 0 ? 'tool_calls' : 'stop');
    this.take({
      type: 'finish',
      finishReason: { unified: FINISH[raw] ?? 'other', raw },
      usage: toUsage(this.usage),
    });
  }

  private data(json: string): void {
    const trimmed = json.trimEnd();
    if (trimmed === '[DONE]') {
      this.done = true;
      return;
    }
    const chunk = JSON.parse(trimmed) as Chunk;
    if (chunk.error !== undefined) return this.take({ type: 'error', error: chunk.error });
    if (chunk.usage) this.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const { delta, finish_reason: finishReason } = choice;
    const thinking = delta?.reasoning_content ?? delta?.reasoning;
    if (thinking) this.take({ type: 'reasoning-delta', id: 'thinking', delta: thinking });
    if (delta?.content) this.take({ type: 'text-delta', id: 'text', delta: delta.content });
    for (const call of delta?.tool_calls ?? []) this.toolCall(call);
    if (finishReason) this.finishReason = finishReason;
  }

  private toolCall(delta: ToolCallDelta): void {
    const index = delta.index ?? this.calls.size;
    const args = delta.function?.arguments ?? '';
    let call = this.calls.get(index);
    if (!call) {
      call = { id: delta.id || newId(), name: delta.function?.name ?? '', input: '' };
      this.calls.set(index, call);
      this.take({ type: 'tool-input-start', id: call.id, toolName: call.name });
    }
    if (args === '') return;
    call.input += args;
    this.take({ type: 'tool-input-delta', id: call.id, delta: args });
  }
}

function toUsage(usage: Chunk['usage']): LanguageModelV3Usage {
  const { prompt_tokens: input, completion_tokens: output } = usage ?? {};
  return {
    inputTokens: { total: input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: output, text: undefined, reasoning: undefined },
  };
}
