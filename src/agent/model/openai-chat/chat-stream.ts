import type {
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from '@ai-sdk/provider';
import { newId } from '../../../common/ids.js';
import { parseForeignJson } from '../../../common/json.js';
import { LineBuffer } from '../line-buffer.js';

interface ToolCallDelta {
  readonly index?: number | null;
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

const FINISH: Readonly<Record<string, LanguageModelV3FinishReason['unified']>> = {
  stop: 'stop',
  length: 'length',
  content_filter: 'content-filter',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  error: 'error',
};

interface OpenCall {
  readonly index: number | undefined;
  readonly id: string;
  name: string;
  input: string;
}

/** Turns the bytes of a `/chat/completions` stream into parts, as they come and nothing more than once. */
export class ChatStream {
  private readonly lines = new LineBuffer();
  private readonly calls: OpenCall[] = [];
  private finishReason: string | undefined;
  private usage: Chunk['usage'];
  private thinking = false;
  private answered = false;
  private done = false;
  private closed = false;

  constructor(private readonly take: (part: LanguageModelV3StreamPart) => void) {}

  /** @throws SyntaxError for a chunk that is no JSON, or of another shape */
  push(text: string): void {
    for (const line of this.lines.push(text)) this.line(line);
  }

  /** Call it when the connection has ended in order. What ended without a reason has been cut off. */
  end(): void {
    this.line(this.lines.end());
    if (this.closed || (this.finishReason === undefined && !(this.done && this.answered))) return;
    this.closed = true;
    for (const { id, name, input } of this.calls) {
      this.take({ type: 'tool-call', toolCallId: id, toolName: name, input: input || '{}' });
    }
    const raw = this.finishReason ?? (this.calls.length > 0 ? 'tool_calls' : 'stop');
    this.take({
      type: 'finish',
      finishReason: { unified: FINISH[raw] ?? 'other', raw },
      usage: toUsage(this.usage),
    });
  }

  private line(line: string): void {
    if (line.startsWith('data:')) this.data(line.slice(line.charAt(5) === ' ' ? 6 : 5));
  }

  private data(json: string): void {
    const trimmed = json.trimEnd();
    if (trimmed === '') return;
    if (trimmed === '[DONE]') {
      this.done = true;
      return;
    }
    const chunk = parseChunk(trimmed);
    if (chunk.error) return this.take({ type: 'error', error: chunk.error });
    if (chunk.usage) this.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const { delta, finish_reason: finishReason } = choice;
    if (delta?.reasoning_content) this.think('reasoning_content', delta.reasoning_content);
    else if (delta?.reasoning) this.think('reasoning', delta.reasoning);
    if (delta?.content) this.text(delta.content);
    for (const call of delta?.tool_calls ?? []) this.toolCall(call);
    if (finishReason) this.finishReason = finishReason;
  }

  private text(delta: string): void {
    this.answered = true;
    this.take({ type: 'text-delta', id: 'text', delta });
  }

  /** The field it came in is where the provider wants it back: some refuse the other one. */
  private think(field: 'reasoning' | 'reasoning_content', delta: string): void {
    if (!this.thinking) {
      this.thinking = this.answered = true;
      this.take({ type: 'reasoning-start', id: 'thinking', providerMetadata: { chat: { field } } });
    }
    this.take({ type: 'reasoning-delta', id: 'thinking', delta });
  }

  private toolCall(delta: ToolCallDelta): void {
    const { name, arguments: args } = delta.function ?? {};
    const call = this.openCall(delta) ?? this.newCall(delta);
    if (call.name === '' && name) {
      call.name = name;
      this.take({ type: 'tool-input-start', id: call.id, toolName: name });
      if (call.input) this.take({ type: 'tool-input-delta', id: call.id, delta: call.input });
    }
    if (!args) return;
    call.input += args;
    if (call.name !== '') this.take({ type: 'tool-input-delta', id: call.id, delta: args });
  }

  /** The call that a delta goes on with. Some providers send no index, others the same one for every call. */
  private openCall({ index, id, function: fn }: ToolCallDelta): OpenCall | undefined {
    const begins = Boolean(fn?.name);
    if (index == null) {
      return this.calls.find((call) => call.id === id) ?? (begins ? undefined : this.calls.at(-1));
    }
    const open = this.calls.findLast((call) => call.index === index);
    return begins && id && open && open.name !== '' && open.id !== id ? undefined : open;
  }

  private newCall({ index, id }: ToolCallDelta): OpenCall {
    this.answered = true;
    const isFree = id && this.calls.every((call) => call.id !== id);
    const call = { index: index ?? undefined, id: isFree ? id : newId(), name: '', input: '' };
    this.calls.push(call);
    return call;
  }
}

function parseChunk(json: string): Chunk {
  const chunk = parseForeignJson(json) as Chunk | null;
  const choices: unknown = chunk?.choices ?? [];
  if (typeof chunk === 'object' && chunk !== null && Array.isArray(choices)) return chunk;
  throw new SyntaxError('a chunk is no object with a list of choices');
}

function toUsage(usage: Chunk['usage']): LanguageModelV3Usage {
  const { prompt_tokens: input, completion_tokens: output } = usage ?? {};
  return {
    inputTokens: { total: input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: output, text: undefined, reasoning: undefined },
  };
}
