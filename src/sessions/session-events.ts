import { Injectable } from '@nestjs/common';
import type { Part } from '../http/answers.js';
import { InvalidInput } from '../common/errors.js';
import { EventFeed, EventLog, type FeedItem, type PacedStream } from '../events/index.js';
import type { ListEventsDto } from './dto/sessions.dto.js';
import { EventLists } from './event-lists.js';
import { SessionsService } from './sessions.service.js';

/** The events of a session as they are read: a page of them, all, or a stream. */
@Injectable()
export class SessionEvents {
  constructor(
    private readonly sessions: SessionsService,
    private readonly log: EventLog,
    private readonly lists: EventLists,
    private readonly feed: EventFeed,
  ) {}

  /** The JSON text of `{ events, lastSeq, hasMore }`: what is stored when it is asked for. @throws SessionNotFound */
  async *page({ sessionId, after, limit, types }: ListEventsDto): AsyncGenerator<Part, void, void> {
    await this.sessions.require(sessionId);
    const lastSeq = await this.log.lastSeq(sessionId);
    const wanted = types?.split(',').filter(Boolean).slice(0, 50) ?? [];
    const range = {
      upTo: lastSeq,
      ...(after !== undefined && { after }),
      ...(wanted.length > 0 && { types: wanted }),
    };
    yield '{"events":[';
    const hasMore = yield* this.lists.list(sessionId, range, limit);
    yield `],"lastSeq":${lastSeq},"hasMore":${hasMore}}`;
  }

  /** The JSON text of `{ sessionId, sessionInfo, events }` of the session that was updated last. @throws SessionNotFound */
  async *latest(): AsyncGenerator<Part, void, void> {
    const session = await this.sessions.latest();
    const head = JSON.stringify({ sessionId: session.id, sessionInfo: this.sessions.toDto(session) });
    yield `${head.slice(0, -1)},"events":[`;
    yield* this.lists.list(session.id, { upTo: await this.log.lastSeq(session.id) });
    yield ']}';
  }

  /**
   * Stored events after the cursor, `replay_end`, then live events.
   * @throws what {@link requireCursor} does
   */
  async follow(sessionId: string, after?: number): Promise<PacedStream<FeedItem>> {
    const cursor = await this.requireCursor(sessionId, after);
    return (ready) => this.feed.follow(sessionId, { after: cursor, ready });
  }

  /**
   * Checks the last seq that a client says it has.
   * @param after default 0; NaN for one that is no number
   * @throws SessionNotFound, or InvalidInput for a cursor that is not one of this session
   */
  async requireCursor(sessionId: string, after = 0): Promise<number> {
    await this.sessions.require(sessionId);
    if (!Number.isSafeInteger(after) || after < 0) {
      // The fields of requests are checked where they come in: only the header can hold anything else.
      throw new InvalidInput(
        'Last-Event-ID must be the id of an event of this stream: a whole number from 0.',
      );
    }
    const lastSeq = after === 0 ? 0 : await this.log.lastSeq(sessionId);
    if (after > lastSeq) {
      await this.sessions.require(sessionId); // deleted meanwhile, it has no event
      throw new InvalidInput(
        `The cursor ${after} is beyond the last event of this session (${lastSeq}). Begin again with after=0.`,
        { lastSeq },
      );
    }
    return after;
  }
}
