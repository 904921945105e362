import { Logger } from '@nestjs/common';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/** Pages at which a checkpoint is due. The estimate is low: there may be 1,000, SQLite's own threshold. */
const PAGES = 500;

// Source of the thread, without other code of the server: a file would have to be found from the source and from the
// build.
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const Database = require(workerData.module);
const database = new Database(workerData.file);
parentPort.on('message', (isLast) => {
  if (isLast) {
    database.close();
    parentPort.close();
    return;
  }
  let problem;
  try {
    database.pragma('wal_checkpoint(PASSIVE)');
  } catch (error) {
    problem = String(error); // a full disk, for instance: what is in the log stays there
  }
  parentPort.postMessage(problem);
});
`;

/**
 * Checkpoints the write-ahead log in a thread of its own. A synchronous driver would do it inside a COMMIT, and block
 * the event loop: 7 ms for 1,000 pages, more by two fsyncs on a slow disk.
 */
export class WalCheckpointer {
  private readonly logger = new Logger('Database');
  private readonly module: string;
  private thread: Worker | undefined;
  private settle: (() => void) | undefined;
  private pages = 0;
  private isBroken = false;

  /**
   * @param driver the name of a package with the interface of better-sqlite3
   * @param file the database file
   */
  constructor(
    driver: string,
    private readonly file: string,
  ) {
    this.module = createRequire(import.meta.url).resolve(driver);
  }

  /**
   * Must be called after each commit, and awaited before the next one begins: during a write, a log is never
   * checkpointed to its end, and grows. Never rejects.
   * @param pages approximate number of pages that the commit has written
   */
  async after(pages: number): Promise<void> {
    this.pages += pages;
    if (this.pages < PAGES || this.isBroken) return;
    this.pages = 0;
    await this.ask(false);
  }

  /** Closes the thread's connection, so that the log can be removed. */
  async close(): Promise<void> {
    if (this.thread) await this.ask(true);
  }

  private async ask(isLast: boolean): Promise<void> {
    const thread = (this.thread ??= this.start());
    if (!thread) return;
    const answered = new Promise<void>((resolve) => (this.settle = resolve));
    thread.ref();
    thread.postMessage(isLast);
    await answered;
    thread.unref(); // the thread must not keep the process alive
  }

  /** @returns undefined where no thread can be started: in a container with few processes, for instance */
  private start(): Worker | undefined {
    const { module, file } = this;
    let thread: Worker;
    try {
      thread = new Worker(THREAD, {
        eval: true,
        execArgv: [],
        workerData: { module, file },
        resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
      });
    } catch (error) {
      this.giveUp(error);
      return undefined;
    }
    thread.on('message', () => this.settle?.());
    thread.on('error', (error) => this.giveUp(error));
    thread.on('exit', () => {
      this.thread = undefined;
      this.settle?.();
    });
    return thread;
  }

  /** Falls back to SQLite's own checkpoints, inside a commit. */
  private giveUp(error: unknown): void {
    if (!this.isBroken) {
      this.logger.warn(
        `The log is moved into the database file by commits from now on: no thread can do it (${String(error)}).`,
      );
    }
    this.isBroken = true;
  }
}
