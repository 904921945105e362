import { Body, Controller, Get, Headers, HttpCode, Post, Query, Res, UseGuards } from '@nestjs/common';
import type { Response as ExpressResponse } from 'express';
import { MODEL_FAILURES } from '../common/errors.js';
import { Fails } from '../http/fails.js';
import { Answers } from '../http/answers.js';
import { requestedCursor, sendEventStream } from '../http/event-stream.js';
import { IdempotencyKey } from '../http/idempotency.js';
import { RunLimit } from '../http/run-limit.js';
import {
  ChooseModelDto,
  CreateSessionDto,
  GenerateSummaryDto,
  ListEventsDto,
  ListSessionsDto,
  SessionIdDto,
  UpdateSessionDto,
  WatchSessionDto,
} from './dto/sessions.dto.js';
import { announce } from './announce-session.js';
import { SessionCreation } from './session-creation.js';
import type { SessionDto } from './session.dto.js';
import { SessionEvents } from './session-events.js';
import { SessionLists } from './session-lists.js';
import { SessionSettings } from './session-settings.js';
import { SessionTitles } from './session-titles.js';
import { SessionsService } from './sessions.service.js';

/** Sessions, and the events stored in them. */
@Controller('sessions')
@Fails('DATABASE_UNAVAILABLE')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly creation: SessionCreation,
    private readonly sessionEvents: SessionEvents,
    private readonly lists: SessionLists,
    private readonly answers: Answers,
    private readonly settings: SessionSettings,
    private readonly titles: SessionTitles,
  ) {}

  /**
   * Opens a session. Its address is in the header Location.
   * @param key the same key within 24 hours, with the same body, gives the same session
   */
  @Post('create')
  @Fails('IDEMPOTENCY_MISMATCH')
  async create(
    @Body() dto: CreateSessionDto,
    @IdempotencyKey() key: string | undefined,
    @Res({ passthrough: true }) res: ExpressResponse,
  ): Promise<{ sessionId: string; session: SessionDto; events: [] }> {
    const { session } = announce(res, await this.creation.create(dto, key));
    return { sessionId: session.id, session: this.sessions.toDto(session), events: [] };
  }

  /** The sessions, last updated first: all of them, or a page when a limit is given. */
  @Get()
  async list(@Query() dto: ListSessionsDto, @Res() res: ExpressResponse): Promise<void> {
    await this.answers.send(res, this.lists.list(dto));
  }

  /** One session. */
  @Get('details')
  @Fails('SESSION_NOT_FOUND')
  async details(@Query() { sessionId }: SessionIdDto): Promise<{ session: SessionDto }> {
    return { session: this.sessions.toDto(await this.sessions.get(sessionId)) };
  }

  /** The stored events of a session, in seq order. */
  @Get('events')
  @Fails('SESSION_NOT_FOUND')
  async events(@Query() dto: ListEventsDto, @Res() res: ExpressResponse): Promise<void> {
    await this.answers.send(res, this.sessionEvents.page(dto));
  }

  /** The session that was updated last, with all its stored events. */
  @Get('events/latest')
  @Fails('SESSION_NOT_FOUND')
  async latest(@Res() res: ExpressResponse): Promise<void> {
    await this.answers.send(res, this.sessionEvents.latest());
  }

  /**
   * The session as Server-Sent Events, whoever started its runs.
   * @param lastEventId the id of the last event that the client has; it wins over `after`
   */
  @Get('stream')
  @Fails('SESSION_NOT_FOUND')
  async stream(
    @Query() { sessionId, after }: WatchSessionDto,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() res: ExpressResponse,
  ): Promise<void> {
    const events = await this.sessionEvents.follow(sessionId, requestedCursor(lastEventId, after));
    sendEventStream(res, events, { stalledReaderMs: this.answers.stalledReaderMs, reconnects: true });
  }

  /** Changes the name, the tags or the metadata of a session; what is left out stays. */
  @Post('update')
  @Fails('SESSION_NOT_FOUND')
  @HttpCode(200)
  async update(@Body() dto: UpdateSessionDto): Promise<{ session: SessionDto }> {
    return { session: this.sessions.toDto(await this.sessions.update(dto)) };
  }

  /** Deletes a session with all that belongs to it. A run under way is aborted first. */
  @Post('delete')
  @Fails('SESSION_NOT_FOUND')
  @HttpCode(200)
  async delete(@Body() { sessionId }: SessionIdDto): Promise<{ success: true }> {
    await this.sessions.delete(sessionId);
    return { success: true };
  }

  /** A title of at most six words for a conversation, written by the model. */
  @Post('generate-summary')
  @Fails('SESSION_NOT_FOUND', 'UNKNOWN_MODEL', ...MODEL_FAILURES)
  @UseGuards(RunLimit)
  @HttpCode(200)
  async generateSummary(@Body() dto: GenerateSummaryDto): Promise<{ summary: string }> {
    return { summary: await this.titles.generate(dto) };
  }

  /** Chooses the model of a session, for its next query on. */
  @Post('model')
  @Fails('SESSION_NOT_FOUND', 'UNKNOWN_MODEL')
  @HttpCode(200)
  async chooseModel(@Body() dto: ChooseModelDto): Promise<{ success: true; sessionInfo: SessionDto }> {
    return { success: true, sessionInfo: this.sessions.toDto(await this.settings.chooseModel(dto)) };
  }
}
