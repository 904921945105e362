import type sqlite3 from 'sqlite3';
import { DataSource, QueryFailedError, QueryResult, type QueryRunner } from 'typeorm';
import type { BetterSqlite3DataSourceOptions } from 'typeorm/driver/better-sqlite3/BetterSqlite3DataSourceOptions.js';
import type { Sql } from '../sql.js';
import { BetterSqlite3QueryRunner } from 'typeorm/driver/better-sqlite3/BetterSqlite3QueryRunner.js';

// TypeORM 1.x no longer carries the `sqlite3` package. Its better-sqlite3 driver only needs a connection and a
// query runner of its own to drive it: everything else (SQL, schema, migrations) is the same.

/** Gives the callback API of `sqlite3` the few promise-returning methods that TypeORM needs. */
class Connection implements Sql {
  readonly isSync = false;
  private readonly opened: Promise<sqlite3.Database>;

  constructor(library: typeof sqlite3, file: string) {
    this.opened = new Promise((resolve, reject) => {
      const db: sqlite3.Database = new library.Database(file, (error) =>
        error ? reject(error) : resolve(db),
      );
      db.serialize(); // statements run in the order in which they were given, as with the other drivers
    });
    this.opened.catch(() => undefined); // reported by the first statement
  }

  async all(sql: string, values: readonly unknown[] = []): Promise<unknown[]> {
    const db = await this.opened;
    return new Promise((resolve, reject) => {
      db.all(sql, [...values], (error, rows) => (error ? reject(error) : resolve(rows)));
    });
  }

  async run(sql: string, values: readonly unknown[] = []): Promise<number> {
    return (await this.write(sql, values)).changes;
  }

  async write(sql: string, values: readonly unknown[]): Promise<{ changes: number; lastID: number }> {
    const db = await this.opened;
    return new Promise((resolve, reject) => {
      db.run(sql, [...values], function (error) {
        if (error) reject(error);
        else resolve({ changes: this.changes, lastID: this.lastID });
      });
    });
  }

  pragma(statement: string): Promise<unknown[]> {
    return this.all(`PRAGMA ${statement}`);
  }

  async close(): Promise<void> {
    const db = await this.opened;
    return new Promise((resolve, reject) => db.close((error) => (error ? reject(error) : resolve())));
  }
}

class Sqlite3QueryRunner extends BetterSqlite3QueryRunner {
  override async query(sql: string, parameters: unknown[] = [], structured = false): Promise<never> {
    const values = parameters.map((value) => (typeof value === 'boolean' ? Number(value) : value));
    const connection = (await this.connect()) as unknown as Connection;
    const result = new QueryResult();
    try {
      if (/^\s*(INSERT|UPDATE|DELETE|REPLACE)\b/i.test(sql) && !/\bRETURNING\b/i.test(sql)) {
        const { changes, lastID } = await connection.write(sql, values);
        result.affected = changes;
        result.raw = lastID;
      } else {
        const rows = await connection.all(sql, values);
        result.raw = rows;
        result.records = rows as (typeof result)['records'];
      }
    } catch (error) {
      throw new QueryFailedError(sql, values, error as Error);
    }
    return (structured ? result : result.raw) as never; // TypeORM's own signature is overloaded
  }

  override async beforeMigration(): Promise<void> {
    await this.query('PRAGMA foreign_keys = OFF');
  }

  override async afterMigration(): Promise<void> {
    await this.query('PRAGMA foreign_keys = ON');
  }
}

/** A data source whose statements go through the `sqlite3` package. */
export function sqlite3DataSource(
  library: typeof sqlite3,
  options: BetterSqlite3DataSourceOptions,
): DataSource {
  let closed: Promise<void> | undefined;
  class BoundConnection extends Connection {
    constructor(file: string) {
      super(library, file);
    }

    override close(): Promise<void> {
      return (closed = super.close());
    }
  }
  const dataSource = new DataSource({ ...options, driver: BoundConnection });
  const destroy = dataSource.destroy.bind(dataSource);
  dataSource.destroy = async () => {
    await destroy();
    await closed; // TypeORM's driver takes `close` to be done when it returns, as better-sqlite3's is
  };
  const driver = dataSource.driver as unknown as {
    queryRunner?: QueryRunner;
    createQueryRunner: () => QueryRunner;
  };
  driver.createQueryRunner = () =>
    (driver.queryRunner ??= new Sqlite3QueryRunner(driver as never) as QueryRunner);
  return dataSource;
}
