import { Controller, Get, Headers, Query, Res } from '@nestjs/common';
import type { Response as ExpressResponse } from 'express';
import { Answers } from '../http/answers.js';
import { requestedCursor, sendEventStream } from '../http/event-stream.js';
import { Limits } from '../http/limits.js';
import { ListEventsDto, WatchSessionDto } from './dto/sessions.dto.js';
import { SessionEvents } from './session-events.js';

@Controller('sessions')
export class SessionEventsController {
  constructor(
    private readonly sessionEvents: SessionEvents,
    private readonly answers: Answers,
    private readonly limits: Limits,
  ) {}

  /** The stored events of a session, in seq order. */
  @Get('events')
  async events(@Query() dto: ListEventsDto, @Res() res: ExpressResponse): Promise<void> {
    await this.answers.send(res, this.sessionEvents.page(dto));
  }

  /** The session that was updated last, with all its stored events. */
  @Get('events/latest')
  async latest(@Res() res: ExpressResponse): Promise<void> {
    await this.answers.send(res, this.sessionEvents.latest());
  }

  /**
   * The session as Server-Sent Events, whoever started its runs.
   * @param lastEventId the id of the last event that the client has; it wins over `after`
   */
  @Get('stream')
  async stream(
    @Query() { sessionId, after }: WatchSessionDto,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() res: ExpressResponse,
  ): Promise<void> {
    const events = await this.sessionEvents.follow(sessionId, requestedCursor(lastEventId, after));
    sendEventStream(res, events, { stalledReaderMs: this.limits.rules.stalledReaderMs, withIds: true });
  }
}
