import { Injectable } from '@nestjs/common';
import { concat, of } from 'rxjs';
import {
  type LiveEvent,
  type PacedStream,
  type Queued,
  type SessionCreated,
  sessionCreated,
} from '../events/index.js';
import { SessionCreation } from '../sessions/index.js';
import type { OneshotDto } from './dto/query.dto.js';
import { type Answer, type QueryRequest, QueryService } from './query.service.js';
import { QueryStreams } from './query-streams.js';

/** A query with the session made for it, and whether an earlier request with the same idempotency key had made both. */
export interface Opened {
  readonly request: QueryRequest;
  readonly replayed: boolean;
}

/** One query in a session made for it. The session stays, with its name and tags, like any other. */
@Injectable()
export class OneshotService {
  constructor(
    private readonly sessions: SessionCreation,
    private readonly queries: QueryService,
    private readonly streams: QueryStreams,
  ) {}

  /** Makes the session; with a key, once. The key then also makes its query run once. @throws CreationMismatch */
  async open({ query, sessionName, sessionTags }: OneshotDto, key?: string): Promise<Opened> {
    const given = {
      ...(sessionName !== undefined && { name: sessionName }),
      ...(sessionTags && { tags: sessionTags }),
    };
    const { session, replayed } = await this.sessions.create(given, key, 'oneshot');
    return { request: { sessionId: session.id, query, idempotencyKey: key }, replayed };
  }

  /** @throws what {@link QueryService.ask} does */
  async ask({ request }: Opened): Promise<Answer & { sessionId: string }> {
    return { sessionId: request.sessionId, ...(await this.queries.ask(request)) };
  }

  /** The new session, then what {@link QueryStreams.stream} gives. @throws what that does */
  async stream({ request }: Opened): Promise<PacedStream<SessionCreated | LiveEvent | Queued>> {
    const created = sessionCreated(request.sessionId);
    const events = await this.streams.stream(request);
    return (ready) => concat(of(created), events(ready));
  }
}
