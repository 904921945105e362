import { Logger } from '@nestjs/common';
import { type SqlThread, ThreadUnavailable } from './sql-thread.js';

/** Pages at which a checkpoint is due. The estimate is low: there may be 1,000, SQLite's own threshold. */
const PAGES = 500;

/**
 * Checkpoints the write-ahead log in a thread of its own. A synchronous driver would do it inside a COMMIT, and block
 * the event loop: 7 ms for 1,000 pages, more by two fsyncs on a slow disk.
 */
export class WalCheckpointer {
  private readonly logger = new Logger('Database');
  private pages = 0;
  private isBroken = false;

  constructor(private readonly thread: SqlThread) {}

  /**
   * Must be called after each commit, and awaited before the next one begins: during a write, a log is never
   * checkpointed to its end, and grows. Never rejects.
   * @param pages approximate number of pages that the commit has written
   */
  async after(pages: number): Promise<void> {
    this.pages += pages;
    if (this.pages < PAGES || this.isBroken) return;
    this.pages = 0;
    try {
      await this.thread.run('PRAGMA wal_checkpoint(PASSIVE)');
    } catch (error) {
      // Any other error is the disk's, a full one for instance: what is in the log stays there.
      if (error instanceof ThreadUnavailable) this.giveUp(error);
    }
  }

  /** Falls back to SQLite's own checkpoints, inside a commit. */
  private giveUp({ message }: ThreadUnavailable): void {
    this.isBroken = true;
    this.logger.warn(
      `The log is moved into the database file by commits from now on: no thread can do it (${message}).`,
    );
  }
}
