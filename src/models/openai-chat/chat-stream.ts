import type {
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from '@ai-sdk/provider';
import { isCount } from '../counts.js';
import { newId } from '../../common/ids.js';
import { parseForeignJson } from '../json.js';
import { MAX_CALLS_PER_ANSWER } from '../bounds.js';
import { isUsableId } from '../call-ids.js';
import { LineBuffer } from '../line-buffer.js';

type Fields = Readonly<Record<string, unknown>>;

/** The SDK's terms for `finish_reason`. */
const FINISH: ReadonlyMap<string, LanguageModelV3FinishReason['unified']> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['content_filter', 'content-filter'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
  ['error', 'error'],
]);

/** Maximum of characters held back for tool calls that have no name yet. */
const MAX_UNNAMED = 1_000_000;

interface OpenCall {
  readonly index: number | undefined;
  readonly id: string;
  name: string;
  input: string;
}

/** Turns the text of a `/chat/completions` stream into parts as it arrives, each passed on once. */
export class ChatStream {
  private readonly lines = new LineBuffer();
  private readonly calls: OpenCall[] = [];
  /** The latest call; undefined if that call is beyond the bound and not kept. */
  private lastCall: OpenCall | undefined;
  private unnamed = 0;
  private finishReason: string | undefined;
  private usage: Fields | undefined;
  private thinking = false;
  private answered = false;
  private done = false;
  private closed = false;

  constructor(private readonly take: (part: LanguageModelV3StreamPart) => void) {}

  /** @throws SyntaxError for a chunk that is invalid JSON or has another shape */
  push(text: string): void {
    for (const line of this.lines.push(text)) this.line(line);
  }

  /** To be called at the regular end of the connection. A stream without a finish reason was cut off. */
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
      finishReason: { unified: FINISH.get(raw) ?? 'other', raw },
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
    const { error, usage, choices } = parseChunk(trimmed);
    if (error) return this.take({ type: 'error', error });
    this.usage = fieldsOf(usage) ?? this.usage;
    const choice = fieldsOf(choices?.[0]);
    if (!choice) return;
    const delta = fieldsOf(choice['delta']);
    if (delta) this.delta(delta);
    this.finishReason = textOf(choice['finish_reason']) || this.finishReason;
  }

  /** Fields of a wrong type are ignored: a number as text would break the count of characters. */
  private delta({ content, reasoning_content: ours, reasoning: theirs, tool_calls: calls }: Fields): void {
    const [thought, other] = [textOf(ours), textOf(theirs)];
    if (thought) this.think('reasoning_content', thought);
    else if (other) this.think('reasoning', other);
    const text = textOf(content);
    if (text) this.text(text);
    for (const call of Array.isArray(calls) ? (calls as unknown[]) : []) this.toolCall(fieldsOf(call));
  }

  private text(delta: string): void {
    this.answered = true;
    this.take({ type: 'text-delta', id: 'text', delta });
  }

  /** The part names the thought's field: the provider wants it back in there, and some refuse the other one. */
  private think(field: 'reasoning' | 'reasoning_content', delta: string): void {
    if (!this.thinking) {
      this.thinking = this.answered = true;
      this.take({ type: 'reasoning-start', id: 'thinking', providerMetadata: { chat: { field } } });
    }
    this.take({ type: 'reasoning-delta', id: 'thinking', delta });
  }

  private toolCall(delta: Fields | undefined): void {
    if (!delta) return;
    const fn = fieldsOf(delta['function']);
    const [id, name, args] = [textOf(delta['id']), textOf(fn?.['name']), textOf(fn?.['arguments'])];
    const index = typeof delta['index'] === 'number' ? delta['index'] : undefined;
    const call = this.openCall(index, id, name) ?? this.newCall(index, id);
    this.lastCall = call;
    // A call that is not kept is passed on in one part all the same: its characters must be counted.
    if (!call) return this.take({ type: 'tool-input-start', id: '', toolName: id + name + args });
    if (call.name === '' && name) {
      call.name = name;
      this.take({ type: 'tool-input-start', id: call.id, toolName: name });
      if (call.input) this.take({ type: 'tool-input-delta', id: call.id, delta: call.input });
    }
    if (!args) return;
    call.input += args;
    if (call.name !== '') this.take({ type: 'tool-input-delta', id: call.id, delta: args });
    else if ((this.unnamed += args.length) > MAX_UNNAMED)
      throw new SyntaxError('its tool calls have no name');
  }

  /** The open call of a delta. Some providers send no index, others the same index for every call. */
  private openCall(index: number | undefined, id: string, name: string): OpenCall | undefined {
    if (index === undefined) {
      return this.calls.find((call) => call.id === id) ?? (name ? undefined : this.lastCall);
    }
    const open = this.calls.findLast((call) => call.index === index);
    return name && id && open && open.name !== '' && open.id !== id ? undefined : open;
  }

  /** Adds a call. One call beyond the bound is kept as a sign that there were more. */
  private newCall(index: number | undefined, id: string): OpenCall | undefined {
    this.answered = true;
    if (this.calls.length > MAX_CALLS_PER_ANSWER) return undefined;
    const isFree = isUsableId(id) && this.calls.every((call) => call.id !== id);
    const call = { index, id: isFree ? id : newId(), name: '', input: '' };
    this.calls.push(call);
    return call;
  }
}

interface Chunk extends Fields {
  readonly choices?: readonly unknown[] | null;
}

function parseChunk(json: string): Chunk {
  const chunk = fieldsOf(parseForeignJson(json));
  if (chunk && Array.isArray(chunk['choices'] ?? [])) return chunk;
  throw new SyntaxError('a chunk is no object with a list of choices');
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null ? (value as Fields) : undefined;

function toUsage(usage: Fields | undefined): LanguageModelV3Usage {
  const [input, output] = [usage?.['prompt_tokens'], usage?.['completion_tokens']].map((tokens) =>
    isCount(tokens) ? tokens : undefined,
  );
  return {
    inputTokens: { total: input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: output, text: undefined, reasoning: undefined },
  };
}
