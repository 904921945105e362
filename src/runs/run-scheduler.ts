import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppConfig } from '../config/index.js';
import { type Transaction, UnitOfWork } from '../database/index.js';
import type { QueryContent } from '../events/index.js';
import { SharedRuns } from './shared-runs.js';
import { ActiveRun, ActiveRuns, type RunResult } from './active-runs.js';
import type { LostStatus } from './run-end.js';
import { LeftInQueue, RunLost } from './run.errors.js';
import type { OpenRun } from './run.entity.js';
import { RunExecutor } from './run-executor.js';
import { endedLine } from './run-log-lines.js';
import { type BegunRun, RunLifecycle } from './run-lifecycle.js';
import { isOwnerAlive } from './run-owner.js';
import type { RunSession } from './run-session.js';
import { type NewRun, RunsRepository } from './runs.repository.js';

/** An accepted query and its new run. */
export interface Admission {
  readonly run: ActiveRun;
  readonly row: NewRun;
  readonly session: RunSession;
  readonly content: QueryContent;
}

/** Begins runs in their turn, within the bound of concurrent runs, and ends runs that this server does not execute. */
@Injectable()
export class RunScheduler implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(RunScheduler.name);
  private stopping = false;

  constructor(
    private readonly work: UnitOfWork,
    private readonly runs: RunsRepository,
    private readonly lifecycle: RunLifecycle,
    private readonly executor: RunExecutor,
    private readonly active: ActiveRuns,
    private readonly shared: SharedRuns,
    private readonly config: AppConfig,
  ) {}

  /** Whether the server is stopping: no run begins then. */
  get draining(): boolean {
    return this.stopping;
  }

  /** Closes runs left open by a crash, before the first request is answered. */
  async onApplicationBootstrap(): Promise<void> {
    for (const run of await this.runs.running()) {
      if (!isOwnerAlive(run.owner)) await this.endLost(run);
    }
    await this.startWaiting();
  }

  /** Accepts no new run, gives running ones a grace period, then ends them as interrupted. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    const grace = sleep(this.config.server.shutdownGraceMs, undefined, { ref: false });
    await Promise.race([this.finished(), grace]);
    this.abortRunning();
    this.work.stopRetrying(); // the next start closes runs whose end cannot be stored now
    await this.work.idle(); // a query whose transaction had begun is among the active runs now
    this.abortRunning();
    await this.finished();
    for (const run of this.active.all()) {
      run.end({ runId: run.id, status: 'interrupted', error: new LeftInQueue(run.id) });
    }
    this.active.release();
  }

  /** Resolves when nothing is being written and no run is running. */
  private async finished(): Promise<void> {
    await this.work.idle();
    await Promise.all(this.active.running().map((run) => run.done));
  }

  private abortRunning(): void {
    for (const run of this.active.running()) run.abort('interrupted');
  }

  /**
   * The session's unfinished runs: the running one first, then the queue.
   * @throws RunLost when the server of the running one has died: no server would end the run before the next start
   */
  async openRuns(tx: Transaction, sessionId: string): Promise<OpenRun[]> {
    const open = await this.runs.openOf(tx, sessionId);
    const [first] = open;
    if (first?.status === 'running' && !isOwnerAlive(first.owner)) throw new RunLost(first);
    return open;
  }

  /** Begins a run at once, if the server has room for it. @returns whether the run has begun */
  async begin(tx: Transaction, { run, row, session, content }: Admission): Promise<boolean> {
    if (!(await this.hasRoom(tx))) return false;
    const begun = await this.lifecycle.begin(tx, row, session, content);
    tx.afterCommit(() => this.execute(run, begun));
    return true;
  }

  /** Puts a run into its session's queue. */
  async enqueue(tx: Transaction, { run, row }: Admission): Promise<void> {
    await this.lifecycle.enqueue(tx, row);
    tx.afterCommit(() => this.wait(run));
  }

  /**
   * Registers a queued run of an earlier process, so that its end can be awaited. Skipped while another process
   * executes a run of the session: that process begins the queued one.
   */
  async register(tx: Transaction, { id, sessionId }: OpenRun): Promise<void> {
    if (this.active.get(id)) return;
    const [first] = await this.runs.openOf(tx, sessionId);
    if (first?.status === 'running' && first.owner !== this.active.ownerId) return;
    this.wait(new ActiveRun(id, sessionId));
  }

  private wait(run: ActiveRun): void {
    this.active.add(run);
    this.shared.watch(); // another server may begin it
  }

  /**
   * Ends an open run as aborted; resolves when the end is committed.
   * @throws RunDelayed when the end cannot be stored for now
   */
  async abort(run: OpenRun): Promise<void> {
    if (run.status === 'queued' && (await this.cancel(run))) return;
    const active = this.active.get(run.id);
    if (active) {
      active.abort();
      await active.ended();
    } else if (!(await this.shared.abort(run))) {
      await this.endLost(run, 'aborted');
    }
  }

  /** Aborts the session's run under way, earlier interrupting ones included, so that `runId` is next. */
  interruptFor(runId: string, sessionId: string): void {
    for (const run of this.active.ofSession(sessionId)) {
      if (run.id !== runId && run.waitingOn !== 'queue') run.abort();
    }
    this.shared.request(sessionId).catch((error: unknown) => {
      this.logger.warn(`The run of another server is not interrupted: ${String(error)}`);
    });
  }

  /** Ends a run of another process, alive or dead; the queue behind it goes on. */
  async endLost(run: OpenRun, status: LostStatus = 'interrupted'): Promise<void> {
    if (await this.work.write((tx) => this.lifecycle.endLost(tx, run, status))) {
      this.logger.log(endedLine(run, `${status}, as its own server did not end it`));
    }
    await this.startWaiting();
  }

  private async cancel({ id, sessionId }: OpenRun): Promise<boolean> {
    const canceled = await this.work.write((tx) => this.lifecycle.cancel(tx, id, sessionId));
    if (!canceled) return false;
    this.logger.log(endedLine({ id, sessionId }, 'aborted in the queue'));
    this.settle({ runId: id, status: 'aborted' });
    return true;
  }

  /** Tells callers that await a queued run how the run ended. */
  private settle(result: RunResult): void {
    this.active.get(result.runId)?.end(result);
    this.active.remove(result.runId);
  }

  private async hasRoom(tx: Transaction): Promise<boolean> {
    const { exclusive, maxConcurrentRuns } = this.config.server;
    return (await this.runs.countRunning(tx)) < (exclusive ? 1 : maxConcurrentRuns);
  }

  private execute(run: ActiveRun, begun: BegunRun): void {
    // A queued run may have been registered by an earlier hook of this commit: callers await the end of that one.
    const known = this.active.get(run.id) ?? run;
    this.active.add(known);
    this.shared.watch();
    void this.executor.execute(known, begun).then((someWait) => {
      if (someWait) return this.startWaiting();
    });
  }

  /** Begins the next queued runs, as far as there is room. Never rejects. */
  private async startWaiting(): Promise<void> {
    if (this.stopping) return;
    try {
      while (await this.work.persist((tx) => this.startNext(tx), ignored)) continue;
    } catch (error) {
      this.logger.error(`The next run of the queue cannot be begun: ${String(error)}`);
    }
  }

  /** @returns whether another run may begin */
  private async startNext(tx: Transaction): Promise<boolean> {
    if (this.stopping || !(await this.runs.hasQueued(tx)) || !(await this.hasRoom(tx))) return false;
    const next = await this.runs.nextQueued(tx);
    if (!next) return false;
    if (!isReadable(next.input)) {
      const error = await this.lifecycle.reject(tx, next);
      tx.afterCommit(() => {
        this.logger.log(endedLine(next, `failed (${error.code}) in the queue`));
        this.settle({ runId: next.id, status: 'error', error });
      });
      return true;
    }
    const begun = await this.lifecycle.dequeue(tx, next);
    tx.afterCommit(() => this.execute(new ActiveRun(next.id, next.sessionId), begun));
    return true;
  }
}

/** Delayed write: a queue waits until its next run is stored. */
const ignored = (): void => undefined;

function isReadable(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}
