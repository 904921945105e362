import type { JSONObject, LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { newId } from '../../common/ids.js';
import { MAX_CALLS_PER_ANSWER } from '../bounds.js';
import { isUsableId } from '../call-ids.js';
import { type Fields, fieldsOf, textOf } from './fields.js';
import { JsonProgress } from './json-progress.js';

/** Maximum of characters held back for tool calls that have no name yet. */
const MAX_UNNAMED = 1_000_000;

interface OpenCall {
  readonly index: number | undefined;
  /** The provider's id; '' if it gave none. */
  readonly given: string;
  readonly id: string;
  name: string;
  input: string;
  readonly progress: JsonProgress;
  /** Whether its beginning was passed on: then its name stands. */
  started: boolean;
  /** Number of the chunk that last named it. */
  namedIn: number;
  extraContent: Fields | undefined;
}

interface CallDelta {
  readonly index: number | undefined;
  readonly id: string;
  readonly name: string;
  readonly args: string;
  /** Whether the delta has the fields that only the first one of a call has. */
  readonly isHead: boolean;
  readonly extraContent: Fields | undefined;
}

/**
 * Puts the calls of an answer together from their deltas. Providers differ in what tells calls apart: the index, the
 * id, or nothing but a name after arguments that are whole.
 */
export class ToolCallAssembler {
  private readonly calls: OpenCall[] = [];
  /** The latest call; undefined if that call is beyond the bound and not kept. */
  private last: OpenCall | undefined;
  private chunk = 0;
  private unnamed = 0;

  constructor(private readonly take: (part: LanguageModelV3StreamPart) => void) {}

  get isEmpty(): boolean {
    return this.calls.length === 0;
  }

  /**
   * @param calls the `tool_calls` of a delta: a list, or one call (TGI)
   * @throws SyntaxError if more than 1,000,000 characters of calls come without a name
   */
  push(calls: unknown): void {
    this.chunk += 1;
    for (const call of Array.isArray(calls) ? (calls as unknown[]) : [calls]) {
      const delta = toDelta(fieldsOf(call));
      if (delta) this.delta(delta);
    }
  }

  /** Passes on the calls, whole, in the order in which they began. */
  end(): void {
    for (const call of this.calls) {
      this.start(call);
      const { id, name, input, extraContent } = call;
      const metadata = extraContent && {
        providerMetadata: { chat: { extraContent: extraContent as JSONObject } },
      };
      this.take({ type: 'tool-call', toolCallId: id, toolName: name, input: input || '{}', ...metadata });
    }
  }

  private delta(delta: CallDelta): void {
    const open = this.openCall(delta);
    const isNext = open !== undefined && this.isNext(open, delta);
    const name = delta.name || (isNext ? open.name : '');
    const call = open && !isNext ? open : this.newCall(delta);
    this.last = call;
    // A call that is not kept is passed on in one part all the same: its characters must be counted.
    if (!call) return this.take({ type: 'tool-input-start', id: '', toolName: delta.id + name + delta.args });
    call.extraContent = delta.extraContent ?? call.extraContent;
    this.addName(call, name);
    this.addArguments(call, delta.args);
  }

  /** The open call of a delta. Some providers send no index. */
  private openCall({ index, id, name }: CallDelta): OpenCall | undefined {
    if (index !== undefined) return this.calls.findLast((call) => call.index === index);
    const named = id ? this.calls.findLast((call) => call.given === id) : undefined;
    return named ?? (name ? undefined : this.last);
  }

  /** Whether a delta begins another call than the open one at its index. */
  private isNext(open: OpenCall, { id, name, args, isHead }: CallDelta): boolean {
    const isOther = id !== '' && open.given !== '' && id !== open.given;
    if (open.progress.isWhole) {
      if (args.trim() !== '') return name !== '' || isOther || args !== open.input;
      return name !== '' && (id === '' || id !== open.given);
    }
    if (name === '' || open.name === '') return false;
    if (isOther || open.namedIn === this.chunk) return true;
    if (id !== '' && open.given === '') return open.input !== '' || name !== open.name;
    return id === '' && isHead && name !== open.name;
  }

  /** Adds a call. One call beyond the bound is kept as a sign that there were more. */
  private newCall({ index, id }: CallDelta): OpenCall | undefined {
    if (this.last) this.start(this.last);
    if (this.calls.length > MAX_CALLS_PER_ANSWER) return undefined;
    const isFree = isUsableId(id) && this.calls.every((call) => call.id !== id);
    const call: OpenCall = {
      index,
      given: isUsableId(id) ? id : '',
      id: isFree ? id : newId(),
      name: '',
      input: '',
      progress: new JsonProgress(),
      started: false,
      namedIn: 0,
      extraContent: undefined,
    };
    this.calls.push(call);
    return call;
  }

  /** A name may come whole with each delta, grow with them, or come in pieces. */
  private addName(call: OpenCall, name: string): void {
    if (name === '') return;
    call.namedIn = this.chunk;
    if (call.started || (call.name !== '' && call.input !== '')) return;
    call.name = name.startsWith(call.name) ? name : call.name + name;
    this.hold(name.length);
    if (call.input !== '') this.start(call);
  }

  private addArguments(call: OpenCall, args: string): void {
    if (args === '' || (call.progress.isWhole && args.trim() !== '')) return;
    call.input += args;
    call.progress.push(args);
    if (call.started) return this.take({ type: 'tool-input-delta', id: call.id, delta: args });
    if (call.name === '') this.hold(args.length);
    this.start(call);
  }

  private start(call: OpenCall): void {
    if (call.started || call.name === '') return;
    call.started = true;
    this.take({ type: 'tool-input-start', id: call.id, toolName: call.name });
    if (call.input !== '') this.take({ type: 'tool-input-delta', id: call.id, delta: call.input });
  }

  private hold(characters: number): void {
    if ((this.unnamed += characters) > MAX_UNNAMED) throw new SyntaxError('its tool calls have no name');
  }
}

/** A call's delta in one shape; undefined if it holds nothing. Some servers leave the level `function` out. */
function toDelta(call: Fields | undefined): CallDelta | undefined {
  if (!call) return undefined;
  const fn = fieldsOf(call['function']) ?? call;
  const [id, name, args] = [textOf(call['id']), textOf(fn['name']), argumentsOf(fn)];
  const extraContent = fieldsOf(call['extra_content']);
  if (id === '' && name === '' && args === '' && !extraContent) return undefined;
  const index = typeof call['index'] === 'number' ? call['index'] : undefined;
  return { index, id, name, args, isHead: 'id' in call || 'type' in call, extraContent };
}

/** Arguments as JSON text: that is how OpenAI sends them; others send the object itself. */
function argumentsOf(fn: Fields): string {
  const args = fn['arguments'] ?? fn['parameters'];
  return fieldsOf(args) ? JSON.stringify(args) : textOf(args);
}
