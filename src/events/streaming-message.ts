import { epochMs, monotonicMs } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { SecretMask } from '../common/secret.js';
import type { EventBus } from './event-bus.js';
import type { StreamingAgentEvent } from './event.types.js';
import type { LiveEvent } from './live-event.js';
import type { StreamingMessages } from './streaming-messages.js';

interface OpenToolCall {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly parts: string[];
  readonly mask: SecretMask;
}

type Delta =
  | Pick<StreamingAgentEvent & { type: 'assistant_streaming_message' }, 'type' | 'content'>
  | Pick<StreamingAgentEvent & { type: 'assistant_streaming_thinking_message' }, 'type' | 'content'>
  | Pick<
      StreamingAgentEvent & { type: 'assistant_streaming_tool_call' },
      'type' | 'toolCallId' | 'toolName' | 'arguments'
    >;

/**
 * A message while the model writes it. Every delta is published at once, and kept once, here, until the message is
 * stored: its text is all deltas joined.
 */
export class StreamingMessage {
  readonly messageId = newId();
  private readonly textMask: SecretMask;
  private readonly thinkingMask: SecretMask;
  private readonly textParts: string[] = [];
  private readonly thinkingParts: string[] = [];
  private readonly toolCalls = new Map<string, OpenToolCall>();
  private deltas = 0;
  /** Characters so far, of every kind. */
  length = 0;
  private closed = false;
  // By the monotonic clock; 0 when there was none.
  private readonly openedAt = monotonicMs();
  private firstAt = 0;
  /** The last delta. */
  lastAt = 0;
  private thoughtUntil = 0;

  /** JSON fields that all its deltas share. */
  readonly jsonScope: string;

  constructor(
    private readonly bus: EventBus,
    private readonly open: StreamingMessages,
    readonly sessionId: string,
    readonly runId: string,
    private readonly newMask: () => SecretMask,
  ) {
    this.jsonScope = JSON.stringify({ sessionId, runId, messageId: this.messageId }).slice(1, -1);
    this.textMask = newMask();
    this.thinkingMask = newMask();
    open.opened(this);
  }

  get text(): string {
    return this.textParts.join('');
  }

  get thinking(): string {
    return this.thinkingParts.join('');
  }

  get isEmpty(): boolean {
    return this.length === 0 && this.toolCalls.size === 0;
  }

  /** Milliseconds from its opening to the first delta; 0 when none came. */
  get ttftMs(): number {
    return this.firstAt && Math.round(this.firstAt - this.openedAt);
  }

  /** Milliseconds from its opening to the last delta; 0 when none came. */
  get ttltMs(): number {
    return this.lastAt && Math.round(this.lastAt - this.openedAt);
  }

  get thinkingDurationMs(): number {
    return this.thoughtUntil && Math.round(this.thoughtUntil - this.firstAt);
  }

  addText(content: string): void {
    if (this.closed) return;
    this.length += content.length;
    this.showText(this.textMask.push(content));
  }

  addThinking(content: string): void {
    if (this.closed) return;
    this.length += content.length;
    this.showThinking(this.thinkingMask.push(content));
  }

  addToolArguments(toolCallId: string, toolName: string, args: string): void {
    if (this.closed) return;
    let call = this.toolCalls.get(toolCallId);
    if (!call) {
      this.toolCalls.set(toolCallId, (call = { toolCallId, toolName, parts: [], mask: this.newMask() }));
    }
    this.length += args.length;
    const shown = call.mask.push(args);
    if (shown !== '' || args === '') this.showArguments(call, shown);
  }

  private showText(content: string): void {
    if (content === '') return;
    this.textParts.push(content);
    this.send({ type: 'assistant_streaming_message', content });
  }

  private showThinking(content: string): void {
    if (content === '') return;
    this.thinkingParts.push(content);
    this.send({ type: 'assistant_streaming_thinking_message', content });
    this.thoughtUntil = this.lastAt;
  }

  private showArguments({ toolCallId, toolName, parts }: OpenToolCall, args: string): void {
    parts.push(args);
    this.send({ type: 'assistant_streaming_tool_call', toolCallId, toolName, arguments: args });
  }

  /** Completes every open stream of deltas; later ones are dropped. Must be called before the message is stored. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.showThinking(this.thinkingMask.end());
    this.showText(this.textMask.end());
    for (const call of this.toolCalls.values()) {
      const rest = call.mask.end();
      if (rest !== '') this.showArguments(call, rest);
    }
    this.open.closed(this);
    if (this.thinkingParts.length > 0) {
      this.send({ type: 'assistant_streaming_thinking_message', content: '' }, true);
    }
    if (this.textParts.length > 0) this.send({ type: 'assistant_streaming_message', content: '' }, true);
    for (const { toolCallId, toolName } of this.toolCalls.values()) {
      this.send({ type: 'assistant_streaming_tool_call', toolCallId, toolName, arguments: '' }, true);
    }
  }

  /** The message so far, for a new subscriber: at most one event for each kind of content. */
  soFar(): LiveEvent[] {
    const missed: Delta[] = [];
    if (this.thinkingParts.length > 0) {
      missed.push({ type: 'assistant_streaming_thinking_message', content: this.thinking });
    }
    if (this.textParts.length > 0) missed.push({ type: 'assistant_streaming_message', content: this.text });
    for (const { toolCallId, toolName, parts } of this.toolCalls.values()) {
      const args = parts.join('');
      missed.push({ type: 'assistant_streaming_tool_call', toolCallId, toolName, arguments: args });
    }
    return missed.map((delta) => new DeltaEvent(this, delta, false, newId(), epochMs()));
  }

  private send(delta: Delta, isComplete = false): void {
    this.deltas += 1;
    if (!isComplete) {
      this.lastAt = monotonicMs();
      this.firstAt ||= this.lastAt;
    }
    if (!this.bus.hasListeners(this.sessionId)) return;
    // The counter makes the id unique, the message's id unguessable: cheaper than a new id per token.
    const id = `${this.messageId}.${this.deltas}`;
    this.bus.publish(this.sessionId, new DeltaEvent(this, delta, isComplete, id, epochMs()));
  }
}

/** A delta on its way to subscribers. Its object and its JSON are made on demand: this is once per token. */
class DeltaEvent implements LiveEvent {
  readonly seq = undefined;
  #json: string | undefined;
  #event: StreamingAgentEvent | undefined;

  constructor(
    private readonly message: StreamingMessage,
    private readonly delta: Delta,
    private readonly isComplete: boolean,
    private readonly id: string,
    private readonly timestamp: number,
  ) {}

  get type(): StreamingAgentEvent['type'] {
    return this.delta.type;
  }

  get runId(): string {
    return this.message.runId;
  }

  get event(): StreamingAgentEvent {
    if (this.#event) return this.#event;
    const { id, timestamp, isComplete, delta } = this;
    const { sessionId, runId, messageId } = this.message;
    const head = { id, type: delta.type, sessionId, runId, messageId, timestamp, isComplete };
    return (this.#event = Object.assign(head, delta) as StreamingAgentEvent); // a spread is several times as slow
  }

  /** Written by hand: a third of the cost of JSON.stringify on the whole event. */
  get json(): string {
    return (this.#json ??=
      `{"id":"${this.id}","type":"${this.delta.type}",${this.message.jsonScope},"timestamp":${this.timestamp},` +
      `"isComplete":${this.isComplete},${jsonFields(this.delta)}}`);
  }
}

function jsonFields(delta: Delta): string {
  if (delta.type !== 'assistant_streaming_tool_call') return `"content":${JSON.stringify(delta.content)}`;
  const { toolCallId, toolName, arguments: args } = delta;
  return JSON.stringify({ toolCallId, toolName, arguments: args }).slice(1, -1);
}
