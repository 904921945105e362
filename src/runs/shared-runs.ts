import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../common/clock.js';
import { AppConfig } from '../config/index.js';
import { UnitOfWork } from '../database/index.js';
import { ActiveRuns } from './active-runs.js';
import { RunEvents } from './run-events.js';
import type { OpenRun, StoredRun } from './run.entity.js';
import { isOwnerAlive } from './run-owner.js';
import { RunsRepository } from './runs.repository.js';

/** How often a server that shares its database looks, while it has runs: a look takes 20 µs. */
const LOOK_MS = 200;
/** How long the run's own server has to end it. One that does not is taken for dead. */
const ANSWER_MS = 10_000;

/** Runs that one statement asks about. */
const ASKED_AT_ONCE = 500;

/**
 * Cooperation of servers that share a database (`server.shared`). Aborts: the run's own server has the text that
 * has streamed so far, and keeps it; the others ask for the abort in the run's row. Ends: a run that waits in the queue
 * here may be begun there, and whoever awaits it here is told of its end.
 */
@Injectable()
export class SharedRuns implements OnModuleDestroy {
  private readonly logger = new Logger(SharedRuns.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly work: UnitOfWork,
    private readonly runs: RunsRepository,
    private readonly active: ActiveRuns,
    private readonly events: RunEvents,
    private readonly config: AppConfig,
  ) {}

  onModuleDestroy(): void {
    clearTimeout(this.timer);
  }

  /** Looks as long as this server has runs. Must be called when one begins, or is put into a queue. */
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
      await this.settleEnded();
    } catch (error) {
      this.logger.warn(`What other servers did cannot be read: ${String(error)}`);
    }
    this.timer = undefined;
    if (this.active.all().length > 0) this.watch();
  }

  /** Settles queued runs that another server has begun and ended, or taken out of the queue. */
  private async settleEnded(): Promise<void> {
    const queued = this.active.all().filter(({ waitingOn }) => waitingOn === 'queue');
    for (let at = 0; at < queued.length; at += ASKED_AT_ONCE) {
      const ids = queued.slice(at, at + ASKED_AT_ONCE).map(({ id }) => id);
      for (const [id, row] of await this.runs.endedAmong(ids)) await this.settle(id, row);
    }
  }

  /** @param row undefined when the run's session was deleted */
  private async settle(id: string, row: StoredRun | undefined): Promise<void> {
    const result = row ? await this.events.result(row) : { runId: id, status: 'aborted' as const };
    this.active.get(id)?.end(result);
    this.active.remove(id);
  }
}
