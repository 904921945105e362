import { Injectable } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import { type ReplayEnd, replayEnd } from './control-messages.js';
import { EventBus } from './event-bus.js';
import { nextTurn } from '../files/loop-turns.js';
import { EventPages, type EventRow } from './event-pages.js';
import { EventTruncator } from './event-truncation.js';
import { type LiveEvent, ReplayedEvent } from './live-event.js';
import { StreamingMessages } from './streaming-messages.js';

/** Characters sent between two waits for back-pressure. */
const CHARACTERS = 256_000;

/** Items of a feed: events of the log, then `replay_end`, then events of the bus. */
export type FeedItem = LiveEvent | ReplayEnd;

/** A stream that reads the log no faster than its reader takes it: `ready` resolves when it has taken what it was sent. */
export type PacedStream<T> = (ready: () => Promise<void>) => Observable<T>;

export interface FollowOptions {
  /** Cursor: the last seq that the subscriber has. Default 0: everything. */
  readonly after?: number;
  /** Back-pressure: awaited between parts of the log, so that history is read no faster than it can be sent. */
  readonly ready?: () => Promise<void>;
}

/** Replay and live events: knows both log and bus. */
@Injectable()
export class EventFeed {
  constructor(
    private readonly pages: EventPages,
    private readonly bus: EventBus,
    private readonly streaming: StreamingMessages,
    private readonly frames: EventTruncator,
  ) {}

  /**
   * All stored events after the cursor, then `replay_end`, then live events: in `seq` order, without a gap or a
   * repeat. A subscriber that joins in the middle of an answer gets the text so far just before `replay_end`.
   * Completes when the session is deleted or the server stops.
   */
  follow(sessionId: string, options: FollowOptions = {}): Observable<FeedItem> {
    return new Observable((subscriber) => {
      const state: WatchState = { last: options.after ?? 0, newest: 0, live: false };
      const live = this.bus.of(sessionId).subscribe({
        next: (event) => {
          const { seq } = event;
          if (seq !== undefined && seq <= state.last) return; // was in the replay
          if (!state.live) {
            // The replay will come to this event; deltas meanwhile are in the text so far.
            if (seq !== undefined) state.newest = Math.max(state.newest, seq);
            return;
          }
          if (seq !== undefined) state.last = seq;
          subscriber.next(event);
        },
        complete: () => subscriber.complete(),
      });
      this.replay(sessionId, state, options, subscriber).catch((error: unknown) => subscriber.error(error));
      return live;
    });
  }

  private async replay(
    sessionId: string,
    state: WatchState,
    { ready }: FollowOptions,
    subscriber: Subscriber<FeedItem>,
  ): Promise<void> {
    for (;;) {
      await ready?.();
      if (subscriber.closed) return;
      // The bus has completed the streams of a deleted session before this subscription began: it would never end.
      if (!(await this.pages.hasSession(sessionId))) return subscriber.complete();
      const page = await this.pages.page(sessionId, { after: state.last });
      for await (const event of this.eventsOf(sessionId, page, ready)) {
        if (subscriber.closed) return;
        state.last = event.seq;
        subscriber.next(event);
      }
      if (!this.pages.isFull(page) && state.newest <= state.last) break;
      await nextTurn();
    }
    // From here to `live` nothing is awaited: no event can come between. A message is closed before it is
    // stored, so what is still open was not in the replay.
    for (const event of this.streaming.of(sessionId)?.soFar() ?? []) subscriber.next(event);
    subscriber.next(replayEnd(sessionId, state.last));
    state.live = true;
  }

  private async *eventsOf(
    sessionId: string,
    page: readonly EventRow[],
    ready: FollowOptions['ready'],
  ): AsyncGenerator<ReplayedEvent> {
    let sent = 0;
    for (const row of page) {
      const json = await this.frames.of(sessionId, row);
      if (sent > CHARACTERS) {
        await ready?.();
        await nextTurn();
        sent = 0;
      }
      sent += json.length;
      yield new ReplayedEvent(row.type, row.seq, json);
    }
  }
}

interface WatchState {
  /** Seq of the last event that the subscriber was sent. */
  last: number;
  /** Highest seq that came over the bus during the replay. */
  newest: number;
  live: boolean;
}
