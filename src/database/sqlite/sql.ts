import type { DataSource } from 'typeorm';

type Values = readonly unknown[];
type Awaitable<T> = T | Promise<T>;

/**
 * Plain statements on the connection that TypeORM has opened, inside the same transaction as its own. TypeORM's
 * query runner costs several times what a short statement does; the hot path of a run does not go through it.
 */
export interface Sql {
  /** Whether statements are synchronous: nothing else happens on the connection meanwhile. */
  readonly isSync: boolean;
  /** Runs a statement and returns the number of rows that it changed. */
  run(sql: string, values?: Values): Awaitable<number>;
  /** Runs a query and returns its rows. */
  all(sql: string, values?: Values): Awaitable<unknown[]>;
}

interface Statement {
  run(...values: Values): { changes: number };
  all(...values: Values): unknown[];
}

interface SyncDatabase {
  prepare(sql: string): Statement;
}

/** Statements are prepared once. The code holds some dozens of texts; the bound only guards against a mistake. */
const MAX_PREPARED = 500;

/** Statements of better-sqlite3 and libsql, which are synchronous. */
class SyncSql implements Sql {
  readonly isSync = true;
  private readonly prepared = new Map<string, Statement>();

  constructor(private readonly database: SyncDatabase) {}

  run(sql: string, values: Values = []): number {
    return this.statement(sql).run(...values).changes;
  }

  all(sql: string, values: Values = []): unknown[] {
    return this.statement(sql).all(...values);
  }

  private statement(sql: string): Statement {
    let statement = this.prepared.get(sql);
    if (!statement) {
      statement = this.database.prepare(sql);
      if (this.prepared.size >= MAX_PREPARED) this.prepared.clear();
      this.prepared.set(sql, statement);
    }
    return statement;
  }
}

/** Plain statements of an opened data source, with any driver. */
export function sqlOf(dataSource: DataSource): Sql {
  const { databaseConnection } = dataSource.driver as unknown as { databaseConnection: SyncDatabase | Sql };
  return 'prepare' in databaseConnection ? new SyncSql(databaseConnection) : databaseConnection;
}
