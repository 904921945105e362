import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type { DurableLog } from './durable-log.js';
import { type Sql, sqlOf } from './sql.js';

/** How long a write waits for another process that holds the database's lock. */
export const BUSY_TIMEOUT_MS = 5_000;
const BUSY_RETRY_MS = 25;

/** What reads see of the database: committed rows, or in a transaction its own too. */
export interface Reader {
  readonly manager: EntityManager;
  /** Runs one query and answers its rows, as the driver gives them. */
  query<Row>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** What a piece of work sees of the transaction that it runs in. */
export interface Transaction extends Reader {
  /** Runs one statement and answers how many rows it changed. */
  execute(sql: string, values?: readonly unknown[]): Promise<number>;
  /** Runs, in the order of registration, once the commit is on disk; never if it was rolled back. */
  afterCommit(hook: () => void): void;
}

interface Waiting {
  run(tx: Transaction): Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * The one writer. TypeORM gives all callers of a SQLite data source the same connection, and overlapping
 * transactions there lose committed rows; so every write waits here for its turn. Those that wait together
 * share one transaction and one fsync (group commit), each in a savepoint of its own: one that throws takes
 * back its own rows only.
 *
 * Never await a model, a tool or a socket inside a piece of work, and never call `write` from inside one.
 */
export class UnitOfWork {
  private readonly logger = new Logger(UnitOfWork.name);
  private waiting: Waiting[] = [];
  private draining: Promise<void> | undefined;
  private readonly runner: QueryRunner;
  private readonly sql: Sql;
  private readonly committed: Reader | undefined;

  /**
   * @param reader a second connection for reads, or undefined where there can be one only (in memory)
   * @param log what brings a commit to the disk, where the commit itself does not
   */
  constructor(
    private readonly writer: DataSource,
    private readonly reader?: DataSource,
    private readonly log?: DurableLog,
  ) {
    this.runner = writer.createQueryRunner();
    this.sql = sqlOf(writer);
    if (!reader) return;
    const sql = sqlOf(reader);
    this.committed = {
      manager: reader.manager,
      query: async (text, values) => (await sql.all(text, values)) as never,
    };
  }

  /**
   * Runs `work` in a transaction and resolves when it is committed.
   * Rejects with what `work` threw, or with the reason why the commit failed; then nothing was stored. Only where
   * the commit was written and the disk did not confirm it (EIO) may its rows still be there.
   */
  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.waiting.push({
        run: async (tx) => {
          result = await work(tx);
        },
        resolve: () => resolve(result),
        reject,
      });
      this.draining ??= this.drain();
    });
  }

  /** Runs reads that see committed rows only. */
  async read<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    // One connection: the read takes its turn among the writes, so that it never sees half of one.
    return this.committed ? work(this.committed) : this.write(work);
  }

  /** Resolves when all that was handed in so far has been written. */
  async idle(): Promise<void> {
    while (this.draining) await this.draining;
  }

  /** Waits for the last write, moves the log into the database file and closes it. */
  async close(): Promise<void> {
    await this.idle();
    if (this.reader) {
      await this.reader.destroy();
      await this.runner.query('PRAGMA wal_checkpoint(TRUNCATE)').catch(() => undefined); // only tidies up
    }
    await this.writer.destroy();
    await this.log?.close();
  }

  private async drain(): Promise<void> {
    await Promise.resolve(); // those that call in the same tick come along
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      await this.commit(batch);
    }
    this.draining = undefined;
  }

  private async commit(batch: readonly Waiting[]): Promise<void> {
    const done: Waiting[] = [];
    const hooks: (() => void)[] = [];
    try {
      await this.begin();
      for (const work of batch) {
        const own: (() => void)[] = [];
        if (await this.runOne(work, own, batch.length > 1)) {
          done.push(work);
          hooks.push(...own);
        }
      }
      await this.sql.run('COMMIT');
      this.tellRunner(false);
      // Nothing else is written meanwhile: what comes now waits for the next commit, and shares its fsync.
      await this.log?.sync();
    } catch (error) {
      await this.rollback();
      for (const work of batch) work.reject(error); // one that was rejected already stays so
      return;
    }
    for (const hook of hooks) this.runHook(hook);
    for (const work of done) work.resolve();
  }

  /** What is committed is committed: a hook that fails must not keep the others from being told. */
  private runHook(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.logger.error(`A hook after a commit failed: ${String(error)}`);
    }
  }

  /** @returns whether it is part of the commit; when it is not, its caller has been told why */
  private async runOne(work: Waiting, hooks: (() => void)[], shared: boolean): Promise<boolean> {
    const { sql } = this;
    const tx: Transaction = {
      manager: this.runner.manager,
      execute: async (text, values) => sql.run(text, values),
      query: async (text, values) => (await sql.all(text, values)) as never,
      afterCommit: (hook) => hooks.push(hook),
    };
    if (shared) await sql.run('SAVEPOINT work');
    try {
      await work.run(tx);
    } catch (error) {
      if (!shared) throw error;
      await sql.run('ROLLBACK TO work');
      await sql.run('RELEASE work');
      work.reject(error);
      return false;
    }
    if (shared) await sql.run('RELEASE work');
    return true;
  }

  /**
   * Takes the write lock at the start: a transaction that begins with a read and then finds that another
   * process has written can only fail. The wait is in slices, because two of the drivers are synchronous and
   * a long one would stop the whole server.
   */
  private async begin(): Promise<void> {
    const deadline = Date.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        await this.sql.run('BEGIN IMMEDIATE');
        this.tellRunner(true);
        return;
      } catch (error) {
        if (!isBusy(error) || Date.now() > deadline) throw error;
        await sleep(BUSY_RETRY_MS);
      }
    }
  }

  private async rollback(): Promise<void> {
    try {
      if (this.runner.isTransactionActive) await this.sql.run('ROLLBACK');
    } catch {
      // SQLite had rolled back by itself, as it does when the disk is full
    } finally {
      this.tellRunner(false);
    }
  }

  /** TypeORM must know of the transaction, so that what it does inside makes savepoints, not a second BEGIN. */
  private tellRunner(active: boolean): void {
    Object.assign(this.runner, { isTransactionActive: active, transactionDepth: active ? 1 : 0 });
  }
}

function isBusy(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY');
}
