import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, MixedList } from 'typeorm';
import type { StorageConfig } from '../config/index.js';
import { DurableLog } from './durable-log.js';
import { loadSqliteDriver, type SqliteDriver } from './drivers/index.js';
import { migrations } from './migrations/index.js';
import { UnitOfWork } from './unit-of-work.js';

const ATTEMPTS = 15;
const RETRY_MS = 100;

type Entities = MixedList<new () => object>;

interface Pragmas {
  pragma(statement: string): unknown;
}

/** The database could not be opened. The message names the file and says what to do. */
export class DatabaseNotOpened extends Error {
  override readonly name = 'DatabaseNotOpened';
}

/**
 * Opens the database, brings its schema up to date and gives the one writer for it.
 * @throws DatabaseNotOpened when the file is no database, cannot be written, or a migration fails; nothing
 * has been changed then.
 */
export async function openDatabase(storage: StorageConfig, entities: Entities): Promise<UnitOfWork> {
  const driver = await loadSqliteDriver(storage.driver);
  const file = storage.type === 'memory' ? ':memory:' : storage.path;
  try {
    if (storage.type === 'sqlite') await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const writer = await retrying(() => connect(driver, file, entities));
    await retrying(() => writer.runMigrations({ transaction: 'all' }));
    // From here on the unit of work waits for the lock itself, without stopping the event loop.
    await writer.query('PRAGMA busy_timeout = 20');
    if (storage.type === 'memory') return new UnitOfWork(writer);
    const reader = await retrying(() => connect(driver, file, entities));
    await reader.query('PRAGMA query_only = 1');
    if (!driver.synchronous) return new UnitOfWork(writer, reader);
    // A synchronous driver would stop every stream for the length of an fsync: ours is asynchronous instead.
    await writer.query('PRAGMA synchronous = NORMAL');
    return new UnitOfWork(writer, reader, new DurableLog(file));
  } catch (error) {
    throw new DatabaseNotOpened(explain(file, error as Error), { cause: error });
  }
}

async function connect(driver: SqliteDriver, database: string, entities: Entities): Promise<DataSource> {
  const options = {
    type: 'better-sqlite3' as const,
    database,
    entities,
    migrations,
    migrationsTableName: 'migrations',
    synchronize: false,
    logging: false,
    prepareDatabase: async (connection: unknown) => {
      const set = (statement: string) => (connection as Pragmas).pragma(statement);
      await set('busy_timeout = 5000');
      if (database !== ':memory:') await set('journal_mode = WAL');
      await set('synchronous = FULL'); // what was acknowledged survives a power cut
      await set('foreign_keys = ON');
    },
  };
  return driver.dataSource(options).initialize();
}

/** Another server may be doing the same on the same file for the first time: whoever comes second finds it done. */
async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !/already exists|locked|busy/i.test((error as Error).message)) throw error;
      await sleep(RETRY_MS * (1 + Math.random())); // not in step with the other
    }
  }
}

function explain(file: string, error: Error): string {
  const reason = error.message.split('\n')[0] ?? '';
  if (/not a database|malformed|corrupt/i.test(reason)) {
    return (
      `The database file ${file} is damaged or is no SQLite database (${reason}). Nothing was changed. ` +
      `Put a backup in its place, or move it away to start with an empty one.`
    );
  }
  if (/lock|busy/i.test(reason)) {
    return `The database file ${file} is locked by another process (${reason}). Stop that process, or use another --data-dir.`;
  }
  return `The database ${file} cannot be opened (${reason}). Nothing was changed. Check that the directory can be written, or choose another --data-dir.`;
}
