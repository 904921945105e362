import { monotonicMs } from '../../common/clock.js';

/** Time without a write after which free pages are given back. */
const IDLE_MS = 500;
/** Pause between two steps. */
const PAUSE_MS = 20;
/** Pages of one step, which takes up to 20 ms. */
const STEP_PAGES = 256;

/** Runs a query off the event loop, between two transactions. */
export type RunBetween = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * Gives free pages of the file back to the disk (`auto_vacuum = INCREMENTAL`), in small steps while nothing is written.
 * A file without that setting keeps them: `agent-tars db compact` sets it.
 */
export class SpaceReclaimer {
  private timer: NodeJS.Timeout | undefined;
  private step = Promise.resolve();
  private lastWrite = 0;
  private isClosed = false;

  constructor(private readonly run: RunBetween) {}

  /** Must be called after each write. */
  postpone(): void {
    this.lastWrite = monotonicMs();
  }

  /** Must be called when there are free pages: after a deletion, for instance. */
  wake(pauseMs = IDLE_MS): void {
    if (this.isClosed) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (monotonicMs() - this.lastWrite < IDLE_MS) this.wake();
      else this.step = this.reclaim();
    }, pauseMs).unref();
  }

  /** Resolves when no step is under way, and none comes any more. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.step;
  }

  /** Never rejects. */
  private async reclaim(): Promise<void> {
    try {
      const before = await this.freePages();
      if (before > 0) await this.run(`PRAGMA incremental_vacuum(${STEP_PAGES})`);
      const after = before > 0 ? await this.freePages() : 0;
      const isDone = after === 0 || after >= before; // another server has freed more, or the file has no such setting
      await this.run(`PRAGMA wal_checkpoint(${isDone ? 'TRUNCATE' : 'PASSIVE'})`); // this shortens the file
      if (!isDone) this.wake(PAUSE_MS);
    } catch {
      // The pages stay free for new rows: the next deletion, or the next start, tries again.
    }
  }

  private async freePages(): Promise<number> {
    const [row] = await this.run('PRAGMA freelist_count');
    return Number(row?.['freelist_count'] ?? 0);
  }
}
