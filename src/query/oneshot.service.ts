import { Injectable } from '@nestjs/common';
import { concat, of } from 'rxjs';
import type { Frames } from '../http/event-stream.js';
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

  async stream(dto: OneshotDto): Promise<Frames> {
    const sessionId = await this.createSession(dto);
    const created = JSON.stringify({ type: 'session_created', sessionId, timestamp: Date.now() });
    const frames = await this.streams.stream({ sessionId, query: dto.query });
    return (ready) =>
      concat(of(`data: ${created}\n\n`), typeof frames === 'function' ? frames(ready) : frames);
  }

  private async createSession({ sessionName, sessionTags }: OneshotDto): Promise<string> {
    const { id } = await this.sessions.create({
      ...(sessionName !== undefined && { name: sessionName }),
      ...(sessionTags && { tags: sessionTags }),
    });
    return id;
  }
}
