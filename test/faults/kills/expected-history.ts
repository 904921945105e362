import type { AnyEvent } from '../../support/client.js';
import type { Stored } from './stored.js';
import type { Problems, Counts } from './counts.js';

/** What clients know of a session, whatever server told them. */
export class KnownSession {
  /** The stored events that some client was sent: their text by seq. */
  readonly seen = new Map<number, string>();
  /** The highest seq among them: the cursor of a client that comes back. */
  lastSeq = 0;
  /** A client has asked for its deletion: from then on it may be gone. */
  deleting = false;
  /** Messages that stream and tools that run now, as far as a client can see. */
  readonly streaming = new Set<string>();
  readonly tools = new Set<string>();

  constructor(readonly id: string) {}
}

/** A key that a query was sent with; the same key is sent again with the same query. */
export interface KnownKey {
  readonly key: string;
  readonly session: KnownSession;
  readonly text: string;
  readonly whenBusy?: 'queue';
  /** The run that some client was told of. */
  runId?: string;
}

interface Claim {
  readonly what: string;
  readonly session: KnownSession;
  readonly holds: (stored: Stored) => boolean;
}

/** All that clients were told by the servers of one data directory. */
export class ExpectedHistory {
  readonly sessions = new Map<string, KnownSession>();
  readonly keys = new Map<string, KnownKey>();
  /** Queries that have been sent and of which nothing has been heard. */
  readonly unheard = new Set<string>();
  private claims: Claim[] = [];
  private fresh: { session: KnownSession; seq: number }[] = [];

  constructor(
    private readonly counts: Counts,
    private readonly problems: Problems,
  ) {}

  session(id: string): KnownSession {
    let session = this.sessions.get(id);
    if (!session) this.sessions.set(id, (session = new KnownSession(id)));
    return session;
  }

  /** A client has been told that something is so: it must be so in the database. */
  acknowledged(session: KnownSession, what: string, holds: (stored: Stored) => boolean): void {
    this.counts.acknowledged += 1;
    this.claims.push({ what, session, holds });
  }

  /** A client was told that its query was taken. */
  taken(session: KnownSession, runId: string, text: string, key?: KnownKey): void {
    this.unheard.delete(text);
    if (key) {
      if (key.runId !== undefined && key.runId !== runId) {
        this.problems.repeated(`${key.key} was given two runs, ${key.runId} and ${runId}`);
      }
      key.runId = runId;
    }
    const input = JSON.stringify(text);
    this.acknowledged(session, `run ${runId}`, ({ runs }) => runs.get(runId)?.input === input);
  }

  /** A client was sent a stored event. */
  saw(session: KnownSession, seq: number, text: string): void {
    this.counts.sightings += 1;
    const before = session.seen.get(seq);
    if (before === undefined) {
      this.counts.seen += 1;
      session.seen.set(seq, text);
      this.fresh.push({ session, seq });
      session.lastSeq = Math.max(session.lastSeq, seq);
    } else if (before !== text) {
      this.problems.outOfOrder(`event ${seq} of ${session.id} is another one: ${before} and ${text}`);
    }
  }

  /** What an event says of its session's state now. */
  follow(session: KnownSession, event: AnyEvent): void {
    const { type } = event;
    if (type === 'assistant_streaming_message') session.streaming.add(event['messageId'] as string);
    else if (type === 'assistant_message') session.streaming.delete(event['messageId'] as string);
    else if (type === 'tool_call') session.tools.add(event['toolCallId'] as string);
    else if (type === 'tool_result') session.tools.delete(event['toolCallId'] as string);
    else if (type === 'user_message') this.unheard.delete(event['content'] as string);
    else if (type === 'agent_run_end') {
      session.streaming.clear();
      session.tools.clear();
    }
  }

  /** Compares what clients were told since the last time with what is stored. */
  check(stored: Stored): void {
    const gone = (session: KnownSession) => session.deleting && !stored.sessions.has(session.id);
    for (const { what, session, holds } of this.claims) {
      if (!gone(session) && !holds(stored)) this.problems.lost(`acknowledged, not stored: ${what}`);
    }
    for (const { session, seq } of this.fresh) {
      const row = stored.events.get(session.id)?.[seq - 1];
      if (gone(session) || row?.data === session.seen.get(seq)) continue;
      this.problems.lost(`seen, not stored: event ${seq} of ${session.id}: ${session.seen.get(seq)}`);
    }
    this.claims = [];
    this.fresh = [];
  }

  /** The server is gone: nothing streams or runs any more. */
  reset(): void {
    this.unheard.clear();
    for (const { streaming, tools } of this.sessions.values()) {
      streaming.clear();
      tools.clear();
    }
  }
}
