import { monotonicMs } from '../common/clock.js';
import type { Delayed, Transaction, UnitOfWork } from '../database/index.js';
import type { EventBus } from './event-bus.js';
import type { EventLog } from './event-log.js';
import type {
  AssistantMessageEvent,
  EventDraft,
  StoredAgentEvent,
  ToolCallRequest,
  Usage,
} from './event.types.js';
import { withModelRecord } from './model-record.js';
import { StreamingMessage } from './streaming-message.js';
import type { RecentEvents, Room } from './recent-events.js';

/** Default room of the history. */
const ROOM: Room = { inputBytes: 36_000_000, outputBytes: 8_000_000, resultBytes: 6_000_000 };
import type { StreamingMessages } from './streaming-messages.js';

export interface RunRecorderScope {
  readonly sessionId: string;
  readonly runId: string;
  /** Checks, in the transaction of each append, that the run may still write; throws when it may not. */
  readonly claim: (tx: Transaction) => Promise<void>;
  /** Called with the reason while the run's writes are not stored. */
  readonly delayed: Delayed;
  /** The session's events so far, where at hand: saves reading events just written. */
  readonly known?: readonly StoredAgentEvent[] | undefined;
}

export interface MessageEnd {
  readonly finishReason: string;
  readonly toolCalls?: readonly ToolCallRequest[];
  readonly usage?: Usage;
  /** JSON that only the model is sent again; no client is. */
  readonly record?: string | undefined;
  /** Events of the answer that are stored between its thinking and its message. */
  readonly before?: readonly EventDraft[];
}

/** A write to a run that has ended. */
class RunEnded extends Error {
  override readonly name = 'RunEnded';
}

/** Records one run: its stored events, under its claim, and its streaming message. */
export class RunRecorder {
  private current: StreamingMessage | undefined;
  private last: Promise<AssistantMessageEvent> | undefined;
  private answered = false;
  private sealed = false;
  private wroteAt = monotonicMs();
  private known: readonly StoredAgentEvent[] | undefined;
  private pending: EventDraft[] = [];

  constructor(
    private readonly work: UnitOfWork,
    private readonly events: EventLog,
    private readonly bus: EventBus,
    private readonly streaming: StreamingMessages,
    private readonly scope: RunRecorderScope,
  ) {
    this.known = scope.known;
  }

  /**
   * The last stored assistant message; undefined when there is none, or storing it failed. A deferred final message
   * is in {@link takePending}.
   */
  get lastMessage(): Promise<AssistantMessageEvent | undefined> {
    return Promise.resolve(this.last).catch(() => undefined);
  }

  /** Whether a message has been closed. */
  get hasMessage(): boolean {
    return this.last !== undefined || this.pending.length > 0;
  }

  /** Whether the last message that was closed calls no tool: nothing needs to follow it. */
  get hasAnswer(): boolean {
    return this.answered;
  }

  /** The run's last event or model token, by the monotonic clock. */
  get progressAt(): number {
    return Math.max(this.wroteAt, this.current?.lastAt ?? 0);
  }

  /** Refuses writes from now on: the run is about to end, even if its agent goes on. */
  close(): void {
    this.sealed = true;
  }

  /** The streaming message, if any. */
  get message(): StreamingMessage | undefined {
    return this.current;
  }

  /**
   * Stores events, in order, in one commit; subscribers see them when this resolves. While the database cannot be
   * written (a full disk), the events wait.
   */
  append(...drafts: EventDraft[]): Promise<StoredAgentEvent[]> {
    this.wroteAt = monotonicMs();
    return this.write(drafts);
  }

  /** Stores an event about the run, not by it: no progress. */
  async appendNotice(draft: EventDraft): Promise<void> {
    await this.write([draft]);
  }

  private write(drafts: readonly EventDraft[]): Promise<StoredAgentEvent[]> {
    if (this.sealed) return Promise.reject(new RunEnded());
    this.known = undefined;
    const all = [...this.takePending(), ...drafts];
    return this.work.persist(async (tx) => {
      await this.scope.claim(tx);
      return this.events.append(tx, this.scope.sessionId, this.scope.runId, all);
    }, this.scope.delayed);
  }

  /** The session's newest events, those of this run included, as far as there is room for them: 44 MB. */
  async history(types?: readonly string[]): Promise<StoredAgentEvent[]> {
    return [...(await this.recent(types, ROOM)).events];
  }

  /** The newest events within `room`, and whether older ones were left out. */
  async recent(types: readonly string[] | undefined, room: Room): Promise<RecentEvents> {
    if (!this.known) return this.events.recent(this.scope.sessionId, { types, room });
    const events = this.known.filter(({ type }) => types?.includes(type) ?? true);
    return { events, complete: true, outputBytes: 0 };
  }

  /** Masks this server's secrets in a text that is no event, but a name in one. */
  masked(text: string): string {
    return this.events.masked(text);
  }

  /** Begins a message, whose deltas are streamed as they come. */
  openMessage(): StreamingMessage {
    if (this.sealed) throw new RunEnded();
    const { sessionId, runId } = this.scope;
    this.current = new StreamingMessage(this.bus, this.streaming, sessionId, runId, () =>
      this.events.newMask(),
    );
    return this.current;
  }

  /** Discards the open message, of which nothing was streamed. */
  discardMessage(): void {
    this.current?.close();
    this.current = undefined;
  }

  /** Stores the open message, its thinking first. */
  closeMessage(end: MessageEnd): Promise<AssistantMessageEvent> {
    this.last = this.append(...this.closed(end)).then((stored) => stored.at(-1) as AssistantMessageEvent);
    this.last.catch(() => undefined); // the caller gets the rejection
    return this.last;
  }

  /**
   * Closes the run's final message, and defers it to the next write: as a rule the run's end, so that both are one
   * append and one commit.
   */
  deferFinalMessage(end: MessageEnd): void {
    if (this.sealed) throw new RunEnded();
    this.pending.push(...this.closed(end));
  }

  /** Events deferred to the run's final commit. The caller must write them. */
  takePending(): EventDraft[] {
    return this.pending.splice(0);
  }

  private closed(end: MessageEnd): EventDraft[] {
    const message = this.current ?? this.openMessage();
    this.current = undefined;
    this.answered = !end.toolCalls?.length;
    message.close();
    const { messageId } = message;
    const drafts: EventDraft[] = [];
    if (message.thinking !== '') {
      drafts.push({
        type: 'assistant_thinking_message',
        content: message.thinking,
        thinkingDurationMs: message.thinkingDurationMs,
        messageId,
      });
    }
    drafts.push(...(end.before ?? []));
    const draft: EventDraft = {
      type: 'assistant_message',
      content: message.text,
      ...(end.toolCalls?.length && { toolCalls: end.toolCalls }),
      finishReason: end.finishReason,
      messageId,
      ttftMs: message.ttftMs,
      ttltMs: message.ttltMs,
      ...(end.usage && { usage: end.usage }),
    };
    drafts.push(withModelRecord(draft, end.record));
    return drafts;
  }
}
