import { Injectable } from '@nestjs/common';
import { concat, filter, from, Observable, of, Subject, switchMap, takeUntil, takeWhile, tap } from 'rxjs';
import { newId } from '../common/ids.js';
import {
  EventBus,
  EventFeed,
  EventPages,
  type FeedItem,
  type LiveEvent,
  type PacedStream,
  type Queued,
  queued,
} from '../events/index.js';
import { bufferUntilSubscribed } from './buffer-until-subscribed.js';
import { type Accepted, type QueryRequest, QueryService } from './query.service.js';

/** Queries that are answered by the events of their run. */
@Injectable()
export class QueryStreams {
  constructor(
    private readonly queries: QueryService,
    private readonly pages: EventPages,
    private readonly bus: EventBus,
    private readonly feed: EventFeed,
  ) {}

  /**
   * Takes a query and gives its run's events, from the first to `agent_run_end`; before them `queued`, when it waits.
   * @throws what `start` does
   */
  async stream(request: QueryRequest): Promise<PacedStream<LiveEvent | Queued>> {
    const { sessionId } = request;
    const runId = newId();
    const live = bufferUntilSubscribed(eventsOf(this.bus.of(sessionId), runId));
    try {
      const accepted = await this.queries.start(request, runId);
      if (accepted.attached) {
        live.unsubscribe();
        return await this.replay(sessionId, accepted);
      }
      // A run that is taken out of the queue, or that another server ends, has no last event here.
      const events = live.stream.pipe(takeUntil(from(accepted.done)));
      const { position } = accepted;
      if (position === undefined) return () => events;
      const first = queued(sessionId, runId, position);
      return () => concat(of(first), events);
    } catch (error) {
      live.unsubscribe();
      throw error;
    }
  }

  /** A run's events from its first, whether they are stored or still to come. */
  private async replay(sessionId: string, { runId, done }: Accepted): Promise<PacedStream<LiveEvent>> {
    const [first] = await this.pages.page(sessionId, { runId }, 1);
    const after = first ? first.seq - 1 : 0;
    return (ready) => {
      const caughtUp = new Subject<void>();
      return this.feed.follow(sessionId, { after, ready }).pipe(
        tap(({ type }) => type === 'replay_end' && caughtUp.next()),
        filter((item) => isOf(runId, item)),
        takeWhile(({ type }) => type !== 'agent_run_end', true),
        takeUntil(caughtUp.pipe(switchMap(() => done))), // one that was taken out of the queue has no last event
      );
    };
  }
}

const isOf = (runId: string, item: FeedItem): item is LiveEvent =>
  item.type !== 'replay_end' && item.runId === runId;

/** A run's events, until its end: `filter` and `takeWhile` as one step, for it is taken once per token. */
function eventsOf(live: Observable<LiveEvent>, runId: string): Observable<LiveEvent> {
  return new Observable((events) =>
    live.subscribe({
      next: (event) => {
        if (event.runId !== runId) return;
        events.next(event);
        if (event.type === 'agent_run_end') events.complete();
      },
      error: (error) => events.error(error),
      complete: () => events.complete(),
    }),
  );
}
