import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../common/clock.js';
import type { CompactFile } from './compact.js';
import { type SqlThread, ThreadUnavailable } from './sql-thread.js';
import { isBusy } from './sqlite-errors.js';
import { BUSY_TIMEOUT_MS } from './write-queue.js';
import type { Writer } from './writer.js';

const RETRY_MS = 25;

/**
 * Deletes rows so that nothing of them stays in the files. `secure_delete` overwrites what a statement frees; an emptied
 * write-ahead log holds no older version of a page. Every write needs that setting, not the deletion alone: a page that
 * was split without it keeps copies of rows in its unused part. SQLite leaves some there all the same (rebuildPage in
 * its btree.c clears nothing), so a file with a trace of the rows is rewritten.
 */
export class Eraser {
  private hasOldLog = false;

  /** @param thread where statements block the event loop: the deletion of a session of 30 MB takes 0.4 s */
  constructor(
    private readonly writer: Writer,
    private readonly thread: SqlThread | undefined,
    private readonly compact: CompactFile | undefined,
  ) {}

  /** Must be called between two transactions. @returns the number of rows that the statement itself has deleted */
  async erase(sql: string, values: readonly unknown[], trace: string): Promise<number> {
    const changes = await this.delete(sql, values);
    this.hasOldLog ||= changes > 0;
    await this.emptyLog();
    if (changes > 0 && (await this.compact?.holds(trace))) await this.compact?.rewrite();
    return changes;
  }

  /** Empties the log where another connection was reading it at the deletion. Never rejects. */
  async emptyLog(): Promise<void> {
    if (!this.hasOldLog) return;
    this.hasOldLog = !(await this.truncate().catch(() => false)); // on a full disk, the next commit tries again
  }

  /** Waits for another process's lock as long as any write does. */
  private async delete(sql: string, values: readonly unknown[]): Promise<number> {
    const deadline = monotonicMs() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        return await this.execute(sql, values);
      } catch (error) {
        if (!isBusy(error) || monotonicMs() > deadline) throw error;
        await sleep(RETRY_MS);
      }
    }
  }

  private async execute(sql: string, values: readonly unknown[]): Promise<number> {
    const result = await inThread(this.thread, sql, values);
    return result ? result.changes : this.writer.erase(sql, values);
  }

  private async truncate(): Promise<boolean> {
    const result = await inThread(this.thread, 'PRAGMA wal_checkpoint(TRUNCATE)');
    return result ? result.rows[0]?.['busy'] === 0 : this.writer.checkpoint();
  }
}

/** @returns undefined where there is no thread: the writer's own connection has to do it */
async function inThread(thread: SqlThread | undefined, sql: string, values: readonly unknown[] = []) {
  try {
    return await thread?.run(sql, values);
  } catch (error) {
    if (error instanceof ThreadUnavailable) return undefined;
    throw error;
  }
}
