import type { AnyEvent } from '../../support/client.js';
import type { ExpectedHistory, KnownSession } from './expected-history.js';
import type { Problems } from './counts.js';
import { type ServerLife, ServerGone } from './server-life.js';

/** One session as one connection shows it: every event in its place, noted and compared. */
export class ObservedSession {
  readonly events: AnyEvent[] = [];
  private readonly deltas = new Map<string, string>();
  private readonly waiting = new Set<(event?: AnyEvent) => void>();
  private over = false;
  private end: () => void = () => undefined;
  /** Resolves when nothing more comes. */
  readonly closed = new Promise<void>((resolve) => (this.end = resolve));

  /** @param last the cursor that was asked for; undefined: it begins wherever its first event stands */
  constructor(
    private readonly session: KnownSession,
    private readonly life: ServerLife,
    private readonly expectedHistory: ExpectedHistory,
    private readonly problems: Problems,
    private last: number | undefined,
  ) {}

  /** @param text the event as it came over the wire */
  take(event: AnyEvent, text: string): void {
    const { seq } = event;
    if (typeof seq === 'number') this.inOrder(seq, text);
    if (event.type === 'replay_end' && event['lastSeq'] !== this.last) {
      this.problems.outOfOrder(`replay_end of ${this.session.id} at ${this.last}: ${text}`);
    }
    this.joins(event);
    this.expectedHistory.follow(this.session, event);
    this.events.push(event);
    for (const check of [...this.waiting]) check(event);
    this.life.note('seen');
    this.life.note(`seen:${event.type}`);
  }

  /** Nothing more comes. */
  close(): void {
    this.over = true;
    this.end();
    for (const check of [...this.waiting]) check();
  }

  /** Resolves with the first event, past or to come, that fits. @throws ServerGone when none came */
  until(fits: (event: AnyEvent) => boolean): Promise<AnyEvent> {
    return new Promise((resolve, reject) => {
      const check = (event?: AnyEvent) => {
        const found = event && fits(event);
        if (!found && !this.over) return;
        this.waiting.delete(check);
        if (found) resolve(event);
        else reject(new ServerGone(`a stream of ${this.session.id} ended without what was awaited`));
      };
      const past = this.events.find(fits);
      if (past) return resolve(past);
      this.waiting.add(check);
      if (this.over) check();
    });
  }

  untilEndOf(runId: string): Promise<AnyEvent> {
    return this.until((event) => event.type === 'agent_run_end' && event['runId'] === runId);
  }

  private inOrder(seq: number, text: string): void {
    const { last, session } = this;
    this.last = seq;
    if (last !== undefined && seq <= last)
      this.problems.repeated(`event ${seq} of ${session.id} after ${last}`);
    else if (last !== undefined && seq > last + 1)
      this.problems.outOfOrder(`event ${seq} of ${session.id} after ${last}`);
    this.expectedHistory.saw(session, seq, text);
  }

  /** The deltas of a message, joined, are what it says at its end. */
  private joins(event: AnyEvent): void {
    const id = event['messageId'] as string;
    if (event.type === 'assistant_streaming_message') {
      this.deltas.set(id, (this.deltas.get(id) ?? '') + (event['content'] as string));
    } else if (event.type === 'assistant_message') {
      const joined = this.deltas.get(id);
      if (joined === undefined || joined === event['content']) return;
      this.problems.lost(
        `the deltas of ${id} join to "${joined}", the message is "${String(event['content'])}"`,
      );
    }
  }
}
