import { Body, Controller, Get, Header, Headers, HttpCode, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
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
import type { SessionDto } from './session.dto.js';
import { SessionStreams } from './session-streams.js';
import { SessionsService } from './sessions.service.js';

const JSON_TYPE = 'application/json; charset=utf-8';

@Controller('sessions')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly streams: SessionStreams,
  ) {}

  @Post('create')
  async create(
    @Body() dto: CreateSessionDto,
  ): Promise<{ sessionId: string; session: SessionDto; events: [] }> {
    const session = await this.sessions.create(dto);
    return { sessionId: session.id, session: this.sessions.toDto(session), events: [] };
  }

  @Get()
  async list(@Query() dto: ListSessionsDto): Promise<{ sessions: SessionDto[]; nextCursor?: string }> {
    const { sessions, ...rest } = await this.sessions.list(dto);
    return { sessions: sessions.map((session) => this.sessions.toDto(session)), ...rest };
  }

  @Get('details')
  async details(@Query() { sessionId }: SessionIdDto): Promise<{ session: SessionDto }> {
    return { session: this.sessions.toDto(await this.sessions.get(sessionId)) };
  }

  @Get('events')
  @Header('content-type', JSON_TYPE)
  events(@Query() dto: ListEventsDto): Promise<string> {
    return this.streams.page(dto);
  }

  @Get('events/latest')
  @Header('content-type', JSON_TYPE)
  latest(): Promise<string> {
    return this.streams.latest();
  }

  /** The session as Server-Sent Events, whoever started its runs. */
  @Get('stream')
  async stream(
    @Query() dto: WatchSessionDto,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() res: Response,
  ): Promise<void> {
    await this.streams.send(dto, lastEventId, res);
  }

  @Post('update')
  @HttpCode(200)
  async update(@Body() dto: UpdateSessionDto): Promise<{ session: SessionDto }> {
    return { session: this.sessions.toDto(await this.sessions.update(dto)) };
  }

  @Post('delete')
  @HttpCode(200)
  async delete(@Body() { sessionId }: SessionIdDto): Promise<{ success: true }> {
    await this.sessions.delete(sessionId);
    return { success: true };
  }

  @Post('generate-summary')
  @HttpCode(200)
  async generateSummary(@Body() dto: GenerateSummaryDto): Promise<{ summary: string }> {
    return { summary: await this.sessions.generateSummary(dto) };
  }

  @Post('model')
  @HttpCode(200)
  async chooseModel(@Body() dto: ChooseModelDto): Promise<{ success: true; sessionInfo: SessionDto }> {
    return { success: true, sessionInfo: this.sessions.toDto(await this.sessions.chooseModel(dto)) };
  }
}
