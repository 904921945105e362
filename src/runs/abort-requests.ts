import { monotonicMs } from '../common/clock.js';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppConfig } from '../config/index.js';
import { UnitOfWork } from '../database/index.js';
import { ActiveRuns } from './active-runs.js';
import type { OpenRun } from './run.entity.js';
import { isOwnerAlive } from './run-owner.js';
import { RunsRepository } from './runs.repository.js';

/** How often a server that shares its database looks for requests, while it executes runs: a look takes 20 µs. */
const LOOK_MS = 200;
/** How long the run's own server has to end it. One that does not is taken for dead. */
const ANSWER_MS = 10_000;

/**
 * Aborts between servers that share a database (`server.shared`). The run's own server has the text that has streamed
 * so far, and keeps it; the others ask for the abort in the run's row.
 */
@Injectable()
export class AbortRequests implements OnModuleDestroy {
  private readonly logger = new Logger(AbortRequests.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly work: UnitOfWork,
    private readonly runs: RunsRepository,
    private readonly active: ActiveRuns,
    private readonly config: AppConfig,
  ) {}

  onModuleDestroy(): void {
    clearTimeout(this.timer);
  }

  /** Looks for requests as long as runs of this server are under way. Must be called when one begins. */
  watch(): void {
    if (this.config.server.shared) this.timer ??= setTimeout(() => void this.look(), LOOK_MS).unref();
  }

  /** Asks the server of the session's running run to abort it; one of this server is left alone. */
  async request(sessionId: string): Promise<void> {
    if (!this.config.server.shared) return;
    await this.work.write((tx) => this.runs.requestAbort(tx, sessionId, this.active.ownerId));
  }

  /** Has the run's own server abort it. @returns whether that server has ended the run */
  async abort({ id, sessionId, owner }: OpenRun): Promise<boolean> {
    if (!this.config.server.shared || !isOwnerAlive(owner)) return false;
    await this.request(sessionId);
    const deadline = monotonicMs() + ANSWER_MS;
    while (isOwnerAlive(owner) && monotonicMs() < deadline) {
      if (!(await this.runs.isRunning(id))) return true;
      await sleep(LOOK_MS / 4);
    }
    return false;
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    try {
      for (const id of await this.runs.abortRequested(this.active.ownerId)) this.active.get(id)?.abort();
    } catch (error) {
      this.logger.warn(`Aborts of other servers cannot be read: ${String(error)}`);
    }
    this.timer = undefined;
    if (this.active.all().some(({ waitingOn }) => waitingOn !== 'queue')) this.watch();
  }
}
