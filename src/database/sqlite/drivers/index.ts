import type sqlite3 from 'sqlite3';
import { DataSource } from 'typeorm';
import type { BetterSqlite3DataSourceOptions } from 'typeorm/driver/better-sqlite3/BetterSqlite3DataSourceOptions.js';
import { SQLITE_DRIVERS, type SqliteDriverName } from '../../../config/index.js';
import { sqlite3DataSource } from './sqlite3.js';

/** A loaded SQLite package, and its data source for TypeORM. */
export interface SqliteDriver {
  readonly name: SqliteDriverName;
  /** Whether statements run on the event loop's own thread. */
  readonly synchronous: boolean;
  readonly dataSource: (options: BetterSqlite3DataSourceOptions) => DataSource;
}

type OpenDatabase = new (file: string) => { close(): unknown };

/** No SQLite package could be loaded. The message names each one that was tried, and why it failed. */
export class NoSqliteDriver extends Error {
  override readonly name = 'NoSqliteDriver';
}

/**
 * Loads the named package, or else the first of better-sqlite3, libsql and sqlite3 that works here: the first
 * and the last are compiled where no binary fits, libsql brings its own.
 */
export async function loadSqliteDriver(name?: SqliteDriverName): Promise<SqliteDriver> {
  const failures: string[] = [];
  for (const candidate of name ? [name] : SQLITE_DRIVERS) {
    try {
      return await load(candidate);
    } catch (error) {
      failures.push(`${candidate}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  throw new NoSqliteDriver(
    `No SQLite driver could be loaded (${failures.join('; ')}). Install one: npm install libsql, which runs no install script, or npm install better-sqlite3, which does.`,
  );
}

async function load(name: SqliteDriverName): Promise<SqliteDriver> {
  // A variable keeps the compiler from asking for the types of packages that are optional.
  const { default: library } = (await import(name)) as { default: unknown };
  if (name === 'sqlite3') {
    const callbacks = library as typeof sqlite3;
    return { name, synchronous: false, dataSource: (options) => sqlite3DataSource(callbacks, options) };
  }
  // The package alone may load while its binary does not: only opening a database shows it.
  new (library as OpenDatabase)(':memory:').close();
  const dataSource = (options: BetterSqlite3DataSourceOptions) =>
    new DataSource({ ...options, driver: library });
  return { name, synchronous: true, dataSource };
}
