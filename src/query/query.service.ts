import { Injectable } from '@nestjs/common';
import { epochMs } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { maskSecretsIn } from '../common/secret.js';
import { KEY_LIFETIME_MS } from '../http/idempotency.js';
import { AppConfig, type WhenBusy } from '../config/index.js';
import { type Transaction, UnitOfWork } from '../database/index.js';
import type { AssistantMessageEvent, QueryContent } from '../events/index.js';
import {
  ActiveRun,
  type Admission,
  type DetailedStatus,
  Draining,
  type OpenRun,
  type Run,
  RunLost,
  RunScheduler,
  RunsRepository,
  RunsService,
} from '../runs/index.js';
import { type Session, SessionsService } from '../sessions/index.js';
import { toRunDto } from './dto/run.dto.js';
import { IdempotencyMismatch, RunAborted, RunFailed, RunInterrupted } from './query.errors.js';
import { type AwaitedResult, RunResults } from './run-results.service.js';
import { type Entry, entryOf } from './when-busy.js';

export interface QueryRequest {
  readonly sessionId: string;
  readonly query: QueryContent;
  readonly whenBusy?: WhenBusy | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** A query that was taken: it is stored, and will be answered. */
export interface Accepted extends AwaitedResult {
  readonly runId: string;
  /** Its place in the session's queue, from 1; undefined when it runs. */
  readonly position?: number;
  /** Whether an earlier request with the same idempotency key had started it. */
  readonly attached: boolean;
}

export interface Answer {
  readonly result: AssistantMessageEvent;
  readonly runId: string;
  /** Set when it had waited in the queue, with its place at the time of the request. */
  readonly queued?: true;
  readonly position?: number;
}

/** The door of a query: takes it, gives its answer, ends it on request. It holds no run's state. */
@Injectable()
export class QueryService {
  constructor(
    private readonly scheduler: RunScheduler,
    private readonly rows: RunsRepository,
    private readonly runs: RunsService,
    private readonly results: RunResults,
    private readonly sessions: SessionsService,
    private readonly work: UnitOfWork,
    private readonly config: AppConfig,
  ) {
    sessions.onDelete((sessionId) => this.abortAll(sessionId));
  }

  /** Whether the server is about to stop: it takes no new query then. */
  get draining(): boolean {
    return this.scheduler.draining;
  }

  /**
   * Takes a query. When this resolves, the user's message is stored (or, in a queue, the query is), and the
   * run goes on whether anybody listens or not.
   * @throws SessionNotFound, SessionBusy, QueueFull, UnknownModel, IdempotencyMismatch, Draining
   */
  async start(request: QueryRequest, runId = newId()): Promise<Accepted> {
    if (this.draining) throw new Draining();
    try {
      return await this.work.write((tx) => this.accept(tx, request, runId));
    } catch (error) {
      if (!(error instanceof RunLost)) throw error;
      // In a commit of its own: this query may be refused, what it has found must be mended all the same.
      await this.scheduler.endLost(error.run);
      return this.start(request, runId);
    }
  }

  /** Takes a query and waits for its final message. @throws what `start` does, RunFailed, RunAborted, RunInterrupted, RunDelayed */
  async ask(request: QueryRequest): Promise<Answer> {
    const { runId, ended, position } = await this.start(request);
    const { message, error, status } = await ended();
    if (error) throw new RunFailed(error, runId);
    if (status === 'interrupted') throw new RunInterrupted(runId);
    if (!message) throw new RunAborted(runId);
    return { result: message, runId, ...(position !== undefined && { queued: true, position }) };
  }

  /**
   * Ends the run under way, or takes `runId` out of the queue. When this resolves, the run has ended and
   * nothing more is written to it.
   * @returns whether there was something to end
   * @throws SessionNotFound; RunDelayed when its end cannot be stored for now
   */
  async abort(sessionId: string, runId?: string): Promise<boolean> {
    await this.sessions.require(sessionId);
    const open = await this.openRuns(sessionId);
    const run = runId === undefined ? open[0] : open.find(({ id }) => id === runId);
    if (run) await this.scheduler.abort(run);
    return run !== undefined;
  }

  /** What the session is doing, and what waits in its queue. @throws SessionNotFound */
  async status(sessionId: string): Promise<{ sessionId: string; status: DetailedStatus }> {
    const { state } = await this.sessions.get(sessionId);
    return { sessionId, status: await this.runs.statusOf(sessionId, state) };
  }

  /** The JSON text of `{ runs }`: the session's runs, oldest first. @throws SessionNotFound */
  async *list(sessionId: string): AsyncGenerator<string, void, void> {
    await this.sessions.require(sessionId);
    let before = '{"runs":[';
    for await (const page of this.runs.list(sessionId)) {
      const text = page.map((run) => JSON.stringify(toRunDto(run))).join(',');
      if (text !== '') yield before + text;
      if (text !== '') before = ',';
    }
    yield before === ',' ? ']}' : `${before}]}`;
  }

  private async accept(tx: Transaction, request: QueryRequest, runId: string): Promise<Accepted> {
    if (this.draining) throw new Draining(); // once more: the transaction may begin when the server has begun to stop
    const { sessionId, query, idempotencyKey = null } = request;
    const session = await this.sessions.getForQuery(tx, sessionId);
    const input = JSON.stringify(maskSecretsIn(query, this.config.secrets));
    const known = await this.earlier(tx, request);
    if (known) return this.attach(tx, known, input);
    const entry = await this.entryOf(tx, session, request);
    const priority = entry.interrupts ? 1 : 0;
    const run = new ActiveRun(runId, sessionId);
    const row = { id: runId, sessionId, priority, input, idempotencyKey };
    const position = await this.admit(tx, entry, { run, row, session, content: query });
    const accepted = { runId, attached: false, done: run.done, ended: () => run.ended() };
    return position === undefined ? accepted : { ...accepted, position };
  }

  /** @returns the run's place in the queue; undefined when it has begun */
  private async admit(tx: Transaction, entry: Entry, admission: Admission): Promise<number | undefined> {
    const { id, sessionId } = admission.run;
    if (entry.position === undefined && (await this.scheduler.begin(tx, admission))) return undefined;
    await this.scheduler.enqueue(tx, admission);
    if (entry.interrupts) tx.afterCommit(() => this.scheduler.interruptFor(id, sessionId));
    return entry.position ?? 1;
  }

  private async entryOf(tx: Transaction, session: Session, request: QueryRequest): Promise<Entry> {
    const { whenBusy, maxQueued } = this.config.server;
    // The state changes in one commit with the runs: nothing is open in a session that is not executing.
    const open = session.state === 'executing' ? await this.scheduler.openRuns(tx, session.id) : [];
    return entryOf(session.id, open, request.whenBusy ?? whenBusy, maxQueued);
  }

  /** The run that an earlier request with the same idempotency key has started. */
  private async earlier(
    tx: Transaction,
    { sessionId, idempotencyKey }: QueryRequest,
  ): Promise<Run | undefined> {
    if (idempotencyKey === undefined) return undefined;
    return this.rows.findByKey(tx, sessionId, idempotencyKey, epochMs() - KEY_LIFETIME_MS);
  }

  private async attach(tx: Transaction, run: Run, input: string): Promise<Accepted> {
    if (run.input !== input) throw new IdempotencyMismatch(run.id);
    if (run.status === 'queued') await this.scheduler.register(tx, run);
    return { runId: run.id, attached: true, ...this.results.await(tx, run) };
  }

  private openRuns(sessionId: string): Promise<OpenRun[]> {
    return this.work.write((tx) => this.rows.openOf(tx, sessionId));
  }

  private async abortAll(sessionId: string): Promise<void> {
    // The queue first, so that nothing of it starts when the run under way ends.
    for (const { id } of (await this.openRuns(sessionId)).reverse()) await this.abort(sessionId, id);
  }
}
