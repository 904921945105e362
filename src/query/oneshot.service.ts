import { Injectable } from '@nestjs/common';
import { concat, of } from 'rxjs';
import {
  type LiveEvent,
  type PacedStream,
  type Queued,
  type SessionCreated,
  sessionCreated,
} from '../events/index.js';
import { SessionsService } from '../sessions/index.js';
import type { OneshotDto } from './dto/query.dto.js';
import { type Answer, QueryService } from './query.service.js';
import { QueryStreams } from './query-streams.js';

/** One query in a session made for it. The session stays, with its name and tags, like any other. */
@Injectable()
export class OneshotService {
  constructor(
    private readonly sessions: SessionsService,
    private readonly queries: QueryService,
    private readonly streams: QueryStreams,
  ) {}

  async ask(dto: OneshotDto): Promise<Answer & { sessionId: string }> {
    const sessionId = await this.createSession(dto);
    return { sessionId, ...(await this.queries.ask({ sessionId, query: dto.query })) };
  }

  /** The new session, then what {@link QueryStreams.stream} gives. @throws what that does */
  async stream(dto: OneshotDto): Promise<PacedStream<SessionCreated | LiveEvent | Queued>> {
    const sessionId = await this.createSession(dto);
    const created = sessionCreated(sessionId);
    const events = await this.streams.stream({ sessionId, query: dto.query });
    return (ready) => concat(of(created), events(ready));
  }

  private async createSession({ sessionName, sessionTags }: OneshotDto): Promise<string> {
    const { id } = await this.sessions.create({
      ...(sessionName !== undefined && { name: sessionName }),
      ...(sessionTags && { tags: sessionTags }),
    });
    return id;
  }
}
