import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { map } from 'rxjs';
import { Answers, type Part } from '../http/answers.js';
import { InvalidInput } from '../common/errors.js';
import { Limits } from '../http/limits.js';
import { sendEventStream } from '../http/event-stream.js';
import { EventLog, EventFeed, type FeedItem } from '../events/index.js';
import type { ListEventsDto, WatchSessionDto } from './dto/sessions.dto.js';
import { EventLists } from './event-lists.js';
import { SessionsService } from './sessions.service.js';

/** The events of a session as they are read over HTTP: a page of them, or a stream. */
@Injectable()
export class SessionStreams {
  constructor(
    private readonly sessions: SessionsService,
    private readonly log: EventLog,
    private readonly texts: EventLists,
    private readonly watch: EventFeed,
    private readonly answers: Answers,
    private readonly limits: Limits,
  ) {}

  /** `{ events, lastSeq, hasMore }`: what is stored when it is asked for. @throws SessionNotFound */
  sendPage(dto: ListEventsDto, res: ServerResponse): Promise<void> {
    return this.answers.send(res, this.page(dto));
  }

  /** `{ sessionId, sessionInfo, events }` of the session that was updated last. @throws SessionNotFound */
  sendLatest(res: ServerResponse): Promise<void> {
    return this.answers.send(res, this.latest());
  }

  private async *page({ sessionId, after, limit, types }: ListEventsDto): AsyncGenerator<Part, void, void> {
    await this.sessions.require(sessionId);
    const lastSeq = await this.log.lastSeq(sessionId);
    const wanted = types?.split(',').filter(Boolean).slice(0, 50) ?? [];
    const range = {
      upTo: lastSeq,
      ...(after !== undefined && { after }),
      ...(wanted.length > 0 && { types: wanted }),
    };
    yield '{"events":[';
    const hasMore = yield* this.texts.list(sessionId, range, limit);
    yield `],"lastSeq":${lastSeq},"hasMore":${hasMore}}`;
  }

  private async *latest(): AsyncGenerator<Part, void, void> {
    const session = await this.sessions.latest();
    const head = JSON.stringify({ sessionId: session.id, sessionInfo: this.sessions.toDto(session) });
    yield `${head.slice(0, -1)},"events":[`;
    yield* this.texts.list(session.id, { upTo: await this.log.lastSeq(session.id) });
    yield ']}';
  }

  /**
   * Sends what is stored after the cursor, `replay_end`, then what comes. `Last-Event-ID` wins over `after`:
   * a browser that reconnects repeats the address that it began with.
   * @throws SessionNotFound, or InvalidInput for a cursor that is not one of this session
   */
  async send(dto: WatchSessionDto, lastEventId: string | undefined, res: ServerResponse): Promise<void> {
    const after = await this.cursor(dto, lastEventId);
    sendEventStream(
      res,
      (ready) =>
        this.watch.follow(dto.sessionId, { after, ready }).pipe(map((item) => toFrame(dto.sessionId, item))),
      this.limits.rules.stalledReaderMs,
    );
  }

  /** @throws SessionNotFound, or InvalidInput for a cursor beyond what there is */
  async cursor({ sessionId, after = 0 }: WatchSessionDto, lastEventId?: string): Promise<number> {
    await this.sessions.require(sessionId);
    const cursor = lastEventId ? Number(lastEventId) : after;
    if (!Number.isSafeInteger(cursor) || cursor < 0) {
      throw new InvalidInput(
        'Last-Event-ID must be the id of an event of this stream: a whole number from 0.',
      );
    }
    const lastSeq = cursor === 0 ? 0 : await this.log.lastSeq(sessionId);
    if (cursor > lastSeq) {
      await this.sessions.require(sessionId); // deleted meanwhile, it has no event
      throw new InvalidInput(
        `The cursor ${cursor} is beyond the last event of this session (${lastSeq}). Begin again with after=0.`,
        { lastSeq },
      );
    }
    return cursor;
  }
}

/** Only stored events carry an id: a browser that reconnects names the last of them. */
function toFrame(sessionId: string, item: FeedItem): string {
  switch (item.kind) {
    case 'stored':
      return `id: ${item.seq}\ndata: ${item.json}\n\n`;
    case 'replay_end':
      return `data: ${JSON.stringify({ type: 'replay_end', sessionId, lastSeq: item.lastSeq })}\n\n`;
    case 'live': {
      const { seq, json } = item.published;
      return seq === undefined ? `data: ${json}\n\n` : `id: ${seq}\ndata: ${json}\n\n`;
    }
  }
}
