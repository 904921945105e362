import { Inject, Injectable } from '@nestjs/common';
import { abortable } from '../common/abortable.js';
import { elapsedMs, monotonicMs } from '../common/clock.js';
import { DatabaseUnavailable, UnitOfWork } from '../database/index.js';

/** Time for which one write answers every probe, in milliseconds. */
const FRESH_MS = 1_000;
/** Longest wait for a write, in milliseconds. */
const WAIT_MS = 2_000;

/** Finds out by writing whether the database can be written: one write at a time, and only when somebody asks. */
@Injectable()
export class StorageProbe {
  private result: Promise<void> = Promise.resolve();
  private isPending = false;
  private endedAt = -Infinity;

  constructor(@Inject(UnitOfWork) private readonly work: UnitOfWork) {}

  /** @throws DatabaseUnavailable saying what to do */
  async requireWritable(): Promise<void> {
    if (!this.isPending && elapsedMs(this.endedAt) >= FRESH_MS) this.write();
    const timeout = AbortSignal.timeout(WAIT_MS);
    try {
      await abortable(this.result, timeout);
    } catch (error) {
      if (!timeout.aborted) throw error;
      throw new DatabaseUnavailable(
        `The database has not taken a write within ${WAIT_MS / 1_000} s: its disk is slow or fails, or another process holds its lock. Look at both.`,
      );
    }
  }

  private write(): void {
    this.isPending = true;
    this.result = this.work.probe().finally(() => {
      this.isPending = false;
      this.endedAt = monotonicMs();
    });
    this.result.catch(() => undefined); // those who wait for it get the rejection
  }
}
