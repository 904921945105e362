import { Injectable } from '@nestjs/common';
import {
  concat,
  filter,
  from,
  map,
  Observable,
  of,
  Subject,
  switchMap,
  takeUntil,
  takeWhile,
  tap,
} from 'rxjs';
import { newId } from '../common/ids.js';
import type { Frames, Ready } from '../http/event-stream.js';
import { type AgentEvent, EventBus, EventPages, EventFeed, type LiveEvent } from '../events/index.js';
import { bufferUntilSubscribed } from './buffer-until-subscribed.js';
import { type Accepted, type QueryRequest, QueryService } from './query.service.js';

/** Queries that are answered by the events of their run, as SSE frames. */
@Injectable()
export class QueryStreams {
  constructor(
    private readonly queries: QueryService,
    private readonly pages: EventPages,
    private readonly bus: EventBus,
    private readonly watch: EventFeed,
  ) {}

  /** Takes a query and gives its run's frames, from the first event to `agent_run_end`. @throws what `start` does */
  async stream(request: QueryRequest): Promise<Frames> {
    const runId = newId();
    const live = bufferUntilSubscribed(framesOf(this.bus.of(request.sessionId), runId));
    try {
      const accepted = await this.queries.start(request, runId);
      if (accepted.attached) {
        live.unsubscribe();
        return await this.replay(request.sessionId, accepted);
      }
      // A run that is taken out of the queue, or that another server ends, has no last event here.
      const frames = live.stream.pipe(takeUntil(from(accepted.done)));
      if (accepted.position === undefined) return frames;
      const { position } = accepted;
      const notice = { type: 'queued', sessionId: request.sessionId, runId, position, timestamp: Date.now() };
      return concat(of(toFrame(JSON.stringify(notice))), frames);
    } catch (error) {
      live.unsubscribe();
      throw error;
    }
  }

  /** A run's events from its first, whether they are stored or still to come. */
  private async replay(sessionId: string, { runId, done }: Accepted): Promise<Frames> {
    const [first] = await this.pages.page(sessionId, { runId }, 1);
    const after = first ? first.seq - 1 : 0;
    return (ready: Ready) => {
      const caughtUp = new Subject<void>();
      return this.watch.follow(sessionId, { after, ready }).pipe(
        tap(({ kind }) => kind === 'replay_end' && caughtUp.next()),
        map((item) => {
          if (item.kind === 'live') return item.published.event;
          return item.kind === 'stored' ? (JSON.parse(item.json) as AgentEvent) : undefined;
        }),
        filter((event) => event?.runId === runId),
        takeWhile((event) => event?.type !== 'agent_run_end', true),
        takeUntil(caughtUp.pipe(switchMap(() => done))), // one that was taken out of the queue has no last event
        map((event) => toFrame(JSON.stringify(event))),
      );
    };
  }
}

/** One line of data and an empty line: existing clients drop any other frame. */
const toFrame = (json: string): string => `data: ${json}\n\n`;

/** A run's frames, until its end: `filter`, `takeWhile` and `map` as one step, for it is taken once per token. */
function framesOf(live: Observable<LiveEvent>, ofRun: string): Observable<string> {
  return new Observable((frames) =>
    live.subscribe({
      next: ({ runId, type, json }) => {
        if (runId !== ofRun) return;
        frames.next(toFrame(json));
        if (type === 'agent_run_end') frames.complete();
      },
      error: (error) => frames.error(error),
      complete: () => frames.complete(),
    }),
  );
}
