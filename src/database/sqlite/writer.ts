import type { DataSource, QueryRunner } from 'typeorm';
import type { Transaction } from '../unit-of-work.js';
import { type Sql, sqlOf } from './sql.js';

const PAGE_BYTES = 4_096;

/** Estimated pages of a statement: one of its table, one of an index, and those that its texts fill. */
function pagesOf(values: readonly unknown[] = []): number {
  let characters = 0;
  for (const value of values) if (typeof value === 'string') characters += value.length;
  return 2 + Math.floor(characters / PAGE_BYTES);
}

/** The connection that writes: one transaction at a time, and the pieces of work inside it. */
export class Writer {
  private readonly runner: QueryRunner;
  private readonly sql: Sql;
  private pages = 0;

  constructor(private readonly dataSource: DataSource) {
    this.runner = dataSource.createQueryRunner();
    this.sql = sqlOf(dataSource);
  }

  /**
   * The connection for a SELECT of committed rows; undefined while a transaction is under way, or may begin before the
   * rows are there. It has the pages at hand that it has just written; the reader's has to read them from the log again
   * after each commit. Unlike the reader's, it could be written to.
   */
  get selectConnection(): Sql | undefined {
    return this.sql.isSync && !this.runner.isTransactionActive ? this.sql : undefined;
  }

  /** Takes the write lock at once: a transaction that begins with a read fails if another process then writes. */
  async begin(): Promise<void> {
    await this.sql.run('BEGIN IMMEDIATE');
    this.syncRunnerState(true);
  }

  async commit(): Promise<void> {
    await this.sql.run('COMMIT');
    this.syncRunnerState(false);
  }

  async rollback(): Promise<void> {
    try {
      if (this.runner.isTransactionActive) await this.sql.run('ROLLBACK');
    } catch {
      // SQLite had rolled back by itself, as it does when the disk is full
    } finally {
      this.syncRunnerState(false);
    }
  }

  /** Runs work as the transaction's only one: if it throws, the caller must roll the transaction back. */
  run(work: (tx: Transaction) => Promise<void>, hooks: (() => void)[]): Promise<void> {
    const { sql } = this;
    const { manager } = this.runner;
    const query: Transaction['query'] = async (text, values) => (await sql.all(text, values)) as never;
    return work({
      select: query,
      query,
      find: (entity, options) => manager.find(entity, options),
      insert: async (entity, row) => {
        await manager.insert(entity, row);
      },
      update: async (entity, where, changes) => {
        await manager.update(entity, where, changes);
      },
      execute: async (text, values) => {
        this.pages += pagesOf(values);
        return sql.run(text, values);
      },
      afterCommit: (hook) => hooks.push(hook),
    });
  }

  /**
   * Runs work as one of several: if it throws, only its own rows are taken back.
   * @returns the error that `work` threw, if any
   * @throws that error when the whole transaction is lost with it
   */
  async runShared(
    work: (tx: Transaction) => Promise<void>,
    hooks: (() => void)[],
  ): Promise<{ readonly thrown: unknown } | undefined> {
    await this.sql.run('SAVEPOINT work');
    try {
      await this.run(work, hooks);
    } catch (error) {
      try {
        await this.sql.run('ROLLBACK TO work');
        await this.sql.run('RELEASE work');
      } catch {
        throw error; // SQLite has rolled everything back: the cause says more than the missing savepoint
      }
      return { thrown: error };
    }
    await this.sql.run('RELEASE work');
    return undefined;
  }

  /** Estimated pages that statements have written to the log since the last call. */
  takePages(): number {
    const { pages } = this;
    this.pages = 0;
    return pages;
  }

  /** Runs one statement by itself, outside a transaction. @returns the number of rows that it changed */
  async erase(sql: string, values: readonly unknown[]): Promise<number> {
    return this.sql.run(sql, values);
  }

  /** Runs one query by itself, outside a transaction. */
  async all(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.sql.all(sql)) as Record<string, unknown>[];
  }

  /** @returns whether the whole log is in the database file, and on the disk */
  async checkpoint(): Promise<boolean> {
    const [row] = (await this.sql.all('PRAGMA wal_checkpoint(TRUNCATE)')) as { busy: number }[];
    return row?.busy === 0;
  }

  close(): Promise<void> {
    return this.dataSource.destroy();
  }

  /** TypeORM must know of the transaction, so that its own calls inside make savepoints, not a second BEGIN. */
  private syncRunnerState(active: boolean): void {
    Object.assign(this.runner, { isTransactionActive: active, transactionDepth: active ? 1 : 0 });
  }
}
