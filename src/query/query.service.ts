import { Injectable } from '@nestjs/common';
import { DomainError, type ErrorCode } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { maskSecretsIn } from '../common/secret.js';
import { AppConfig, type WhenBusy } from '../config/index.js';
import { type Transaction, UnitOfWork } from '../database/index.js';
import type { AssistantMessageEvent, QueryContent } from '../events/index.js';
import { type SessionStatus, SessionsService, toSessionStatus } from '../sessions/index.js';
import { ActiveRun, type RunActivity, type RunResult } from '../runs/active-runs.js';
import {
  Draining,
  IdempotencyMismatch,
  QueueFull,
  RunAborted,
  RunInterrupted,
  RunLost,
  RunNotFound,
  SessionBusy,
} from './query.errors.js';
import { RunEvents } from '../runs/run-events.js';
import type { RunStep } from '../runs/run-steps.js';
import type { Run, RunStatus, StoredRun } from '../runs/run.entity.js';
import { RunEngine } from '../runs/run-engine.js';
import { RunsRepository } from '../runs/runs.repository.js';

/** How long an idempotency key is remembered. */
const KEY_LIFETIME_MS = 24 * 60 * 60 * 1_000;

export interface QueryRequest {
  readonly sessionId: string;
  readonly query: QueryContent;
  readonly whenBusy?: WhenBusy | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** A query that was taken: it is stored, and will be answered. */
export interface Accepted {
  readonly runId: string;
  /** Its place in the session's queue, from 1; undefined when it runs. */
  readonly position?: number;
  /** Whether an earlier request with the same idempotency key had started it. */
  readonly attached: boolean;
  readonly done: Promise<RunResult>;
  /** Resolves like `done`; rejects as soon as it is known that the database cannot take the run's end for now. */
  readonly ended: () => Promise<RunResult>;
}

export interface Answer {
  readonly result: AssistantMessageEvent;
  readonly runId: string;
  /** Set when it had waited in the queue, with its place at the time of the request. */
  readonly queued?: true;
  readonly position?: number;
}

/** Of an idle session: its state alone. */
export type DetailedStatus = SessionStatus &
  Partial<RunActivity> & {
    /** How many queries wait in this session. */
    readonly queued?: number;
    /** They, in their order; each can be taken out by an abort that names its run. */
    readonly queue?: readonly QueuedRun[];
  };

export interface QueuedRun {
  readonly runId: string;
  /** From 1. */
  readonly position: number;
  /** When it was taken, in milliseconds since the epoch. */
  readonly since: number;
}

/** Takes queries, gives their answers, ends them on request. The runs themselves are the engine's. */
@Injectable()
export class QueryService {
  constructor(
    private readonly engine: RunEngine,
    private readonly runs: RunsRepository,
    private readonly sessions: SessionsService,
    private readonly work: UnitOfWork,
    private readonly events: RunEvents,
    private readonly config: AppConfig,
  ) {
    sessions.onDelete((sessionId) => this.abortAll(sessionId));
  }

  /** Whether the server is about to stop: it takes no new query then. */
  get draining(): boolean {
    return this.engine.draining;
  }

  /**
   * Takes a query. When this resolves, the user's message is stored (or, in a queue, the query is), and the
   * run goes on whether anybody listens or not.
   * @throws SessionNotFound, SessionBusy, QueueFull, UnknownModel, IdempotencyMismatch, Draining
   */
  async start(request: QueryRequest, runId = newId()): Promise<Accepted> {
    if (this.engine.draining) throw new Draining();
    try {
      return await this.work.write((tx) => this.accept(tx, request, runId));
    } catch (error) {
      if (!(error instanceof RunLost)) throw error;
      // In a commit of its own: this query may be refused, what it has found must be mended all the same.
      await this.engine.closeLost(error.run);
      return this.start(request, runId);
    }
  }

  /** Takes a query and waits for its final message. @throws what `start` does, the model's failure, RunDelayed */
  async ask(request: QueryRequest): Promise<Answer> {
    const { runId, ended, position } = await this.start(request);
    const { message, error, status } = await ended();
    if (error) throw new DomainError(error.code, error.message, { ...detailsOf(error), runId });
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
    const open = await this.work.write((tx) => this.runs.openOf(tx, sessionId));
    const run = runId === undefined ? open[0] : open.find(({ id }) => id === runId);
    if (!run) return false;
    if (run.status === 'queued' && (await this.dequeue(run.id, sessionId))) return true;
    const live = this.engine.live.get(run.id);
    if (live) {
      live.abort();
      await live.ended();
    } else {
      await this.engine.closeLost(run, 'aborted');
    }
    return true;
  }

  /** What the session is doing, and what waits in its queue. @throws SessionNotFound */
  async status(sessionId: string): Promise<{ sessionId: string; status: DetailedStatus }> {
    const session = await this.sessions.get(sessionId);
    const status = toSessionStatus(session.state);
    if (!status.isProcessing) return { sessionId, status };
    const open = await this.runs.readOpenOf(sessionId);
    const [current] = open;
    const queue = open
      .filter((run) => run.status === 'queued')
      .map(({ id, createdAt }, i) => ({ runId: id, position: i + 1, since: createdAt }));
    const doing = current && this.engine.doing(current);
    return { sessionId, status: { ...status, ...doing, queued: queue.length, queue } };
  }

  /** The session's runs, oldest first. @throws SessionNotFound */
  async list(sessionId: string): Promise<StoredRun[]> {
    await this.sessions.require(sessionId);
    return this.runs.list(sessionId);
  }

  /** A run with the steps that it took. @throws RunNotFound */
  async details(id: string): Promise<{ run: StoredRun; steps: RunStep[] }> {
    const run = await this.runs.find(id);
    if (!run) throw new RunNotFound(id);
    return { run, steps: await this.events.steps(run) };
  }

  private async accept(tx: Transaction, request: QueryRequest, runId: string): Promise<Accepted> {
    const { sessionId, query, idempotencyKey } = request;
    const session = await this.sessions.getForQuery(tx, sessionId);
    this.sessions.modelOf(session); // refused now rather than when its turn comes
    const input = JSON.stringify(maskSecretsIn(query, this.config.secrets));
    if (idempotencyKey !== undefined) {
      const known = await this.runs.findByKey(tx, sessionId, idempotencyKey, Date.now() - KEY_LIFETIME_MS);
      if (known) return this.attach(tx, known, input);
    }
    // The state changes in one commit with the runs: nothing is open in a session that is not executing.
    const open = session.state === 'executing' ? await this.engine.openRuns(tx, sessionId) : [];
    const [busyWith] = open;
    const whenBusy = request.whenBusy ?? this.config.server.whenBusy;
    if (busyWith && whenBusy === 'reject') throw new SessionBusy(sessionId, busyWith.id);
    const queued = open.filter(({ status }) => status === 'queued');
    const { maxQueued } = this.config.server;
    if (busyWith && whenBusy === 'queue' && queued.length >= maxQueued) throw new QueueFull(maxQueued);

    const run = new ActiveRun(runId, sessionId);
    const interrupts = busyWith !== undefined && whenBusy === 'interrupt';
    const priority = interrupts ? 1 : 0;
    const stored = { id: runId, sessionId, priority, input, idempotencyKey: idempotencyKey ?? null };
    const accepted = { runId, attached: false, done: run.done, ended: () => run.ended() };
    if (!busyWith && (await this.engine.hasRoom(tx))) {
      await this.engine.begin(tx, run, session, stored, query);
      return accepted;
    }
    await this.runs.enqueue(tx, stored);
    await this.sessions.setState(tx, sessionId, 'executing');
    tx.afterCommit(() => {
      this.engine.live.add(run);
      if (interrupts) this.interrupt(sessionId, runId);
    });
    return { ...accepted, position: interrupts ? 1 : queued.length + 1 };
  }

  /** Ends what is under way, and earlier queries that wait to interrupt it, so that `runId` is next. */
  private interrupt(sessionId: string, runId: string): void {
    for (const run of this.engine.live.ofSession(sessionId)) {
      if (run.id !== runId && run.waitingOn !== 'queue') run.abort();
    }
  }

  /** Who asks together with the first shares its transaction: only after the commit is that run among the live. */
  private async attach(tx: Transaction, run: Run, input: string): Promise<Accepted> {
    if (run.input !== input) throw new IdempotencyMismatch(run.id);
    if (run.status === 'queued') await this.engine.adopt(tx, run);
    let live: ActiveRun | undefined;
    const done = new Promise<RunResult>((resolve) => {
      tx.afterCommit(() => {
        live = this.engine.live.get(run.id);
        resolve(live?.done ?? this.resultOf(run));
      });
    });
    return { runId: run.id, attached: true, done, ended: () => live?.ended() ?? done };
  }

  private async resultOf(run: Run): Promise<RunResult> {
    const message = await this.events.lastMessage(run);
    return {
      runId: run.id,
      status: END_STATUS[run.status],
      ...(message && { message }),
      ...(run.errorCode !== null && {
        error: new DomainError(run.errorCode as ErrorCode, run.errorMessage ?? ''),
      }),
    };
  }

  private async dequeue(runId: string, sessionId: string): Promise<boolean> {
    const removed = await this.work.write(async (tx) => {
      const end = {
        status: 'aborted',
        iterations: 0,
        inputTokens: 0,
        outputTokens: 0,
        errorCode: null,
        errorMessage: null,
      } as const;
      if (!(await this.runs.end(tx, runId, { status: 'queued' }, end))) return false;
      if ((await this.runs.openOf(tx, sessionId)).length === 0)
        await this.sessions.setState(tx, sessionId, 'idle');
      return true;
    });
    if (removed) {
      this.engine.live.get(runId)?.end({ runId, status: 'aborted' });
      this.engine.live.remove(runId);
    }
    return removed;
  }

  private async abortAll(sessionId: string): Promise<void> {
    const open = await this.work.write((tx) => this.runs.openOf(tx, sessionId));
    // The queue first, so that nothing of it starts when the run under way ends.
    for (const { id } of open.reverse()) await this.abort(sessionId, id);
  }
}

const END_STATUS: Readonly<Record<RunStatus, RunResult['status']>> = {
  queued: 'interrupted',
  running: 'interrupted',
  completed: 'completed',
  failed: 'error',
  aborted: 'aborted',
  interrupted: 'interrupted',
};

function detailsOf({ details }: DomainError): object {
  return typeof details === 'object' && details !== null ? details : {};
}
