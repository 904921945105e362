import { Body, Controller, Get, HttpCode, Param, Post, Query, Res, UseGuards } from '@nestjs/common';
import type { Response as ExpressResponse } from 'express';
import { Answers } from '../http/answers.js';
import { Fails } from '../http/fails.js';
import { IdempotencyKey, markReplayed } from '../http/idempotency.js';
import { RunLimit } from '../http/run-limit.js';
import { sendEventStream } from '../http/event-stream.js';
import { type DetailedStatus, RunsService } from '../runs/index.js';
import { SessionIdDto } from '../sessions/index.js';
import { AbortDto, OneshotDto, QueryDto } from './dto/query.dto.js';
import { OneshotService } from './oneshot.service.js';
import { type Answer, QueryService } from './query.service.js';
import { NOT_ANSWERED, NOT_TAKEN } from './query.errors.js';
import { QueryStreams } from './query-streams.js';
import { type RunDetailsDto, toRunDto } from './dto/run.dto.js';

/** Queries, and the runs that answer them. */
@Controller()
@Fails('DATABASE_UNAVAILABLE')
export class QueryController {
  constructor(
    private readonly queries: QueryService,
    private readonly streams: QueryStreams,
    private readonly oneshots: OneshotService,
    private readonly runReads: RunsService,
    private readonly answers: Answers,
  ) {}

  /**
   * Sends a query and waits for the final message of its run.
   * @param key the same as `idempotencyKey` in the body, which wins
   */
  @Post('sessions/query')
  @Fails(...NOT_TAKEN, ...NOT_ANSWERED)
  @UseGuards(RunLimit)
  @HttpCode(200)
  query(@Body() dto: QueryDto, @IdempotencyKey() key?: string): Promise<Answer> {
    return this.queries.ask({ ...dto, idempotencyKey: dto.idempotencyKey ?? key });
  }

  /**
   * Sends a query and is answered by its run's events as Server-Sent Events.
   * @param key the same as `idempotencyKey` in the body, which wins
   */
  @Post('sessions/query/stream')
  @Fails(...NOT_TAKEN)
  @UseGuards(RunLimit)
  @HttpCode(200)
  async stream(
    @Body() dto: QueryDto,
    @IdempotencyKey() key: string | undefined,
    @Res() res: ExpressResponse,
  ): Promise<void> {
    const events = await this.streams.stream({ ...dto, idempotencyKey: dto.idempotencyKey ?? key });
    sendEventStream(res, events, this.answers);
  }

  /** Ends the run under way, or takes one out of the queue. When it answers, the run has ended. */
  @Post('sessions/abort')
  @Fails('SESSION_NOT_FOUND')
  @HttpCode(200)
  async abort(@Body() { sessionId, runId }: AbortDto): Promise<{ success: boolean }> {
    return { success: await this.queries.abort(sessionId, runId) };
  }

  /** What a session is doing. */
  @Get('sessions/status')
  @Fails('SESSION_NOT_FOUND')
  status(@Query() { sessionId }: SessionIdDto): Promise<{ sessionId: string; status: DetailedStatus }> {
    return this.queries.status(sessionId);
  }

  /**
   * A query in a session of its own.
   * @param key the same key within 24 hours, with the same body, attaches to the same run of the same session
   */
  @Post('oneshot/query')
  @Fails(...NOT_TAKEN, ...NOT_ANSWERED)
  @UseGuards(RunLimit)
  @HttpCode(200)
  async oneshot(
    @Body() dto: OneshotDto,
    @IdempotencyKey() key: string | undefined,
    @Res({ passthrough: true }) res: ExpressResponse,
  ): Promise<Answer & { sessionId: string }> {
    return this.oneshots.ask(markReplayed(res, await this.oneshots.open(dto, key)));
  }

  /**
   * A query in a session of its own, answered by the run's events as Server-Sent Events.
   * @param key the same key within 24 hours, with the same body, attaches to the same run of the same session
   */
  @Post('oneshot/query/stream')
  @Fails(...NOT_TAKEN)
  @UseGuards(RunLimit)
  @HttpCode(200)
  async oneshotStream(
    @Body() dto: OneshotDto,
    @IdempotencyKey() key: string | undefined,
    @Res() res: ExpressResponse,
  ): Promise<void> {
    const opened = markReplayed(res, await this.oneshots.open(dto, key));
    sendEventStream(res, await this.oneshots.stream(opened), this.answers);
  }

  /** The runs of a session. */
  @Get('runs')
  @Fails('SESSION_NOT_FOUND')
  async runs(@Query() { sessionId }: SessionIdDto, @Res() res: ExpressResponse): Promise<void> {
    await this.answers.send(res, this.queries.list(sessionId));
  }

  /** One run. */
  @Get('runs/:id')
  @Fails('RUN_NOT_FOUND')
  async run(@Param('id') id: string): Promise<{ run: RunDetailsDto }> {
    const { run, steps } = await this.runReads.details(id);
    return { run: { ...toRunDto(run), steps } };
  }
}
