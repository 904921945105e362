import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, Logger, MixedList } from 'typeorm';
import { monotonicMs } from '../../common/clock.js';
import type { StorageConfig } from '../../config/index.js';
import { makeDirectory } from '../../files/make-directory.js';
import { CompactFile, givesSpaceBack, hasFreePages } from './compact.js';
import { SqlThread } from './sql-thread.js';
import { WalSync } from './wal-sync.js';
import { loadSqliteDriver, type SqliteDriver } from './drivers/index.js';
import { damaged, inspectDatabase, inspectFile, UnusableDatabase } from './inspect-database.js';
import { type MigrationClass, migrations } from './migrations/index.js';
import { makePrivate } from './private-files.js';
import { DatabaseNotOpened } from '../database.errors.js';
import type { UnitOfWork } from '../unit-of-work.js';
import { type Connections, SqliteUnitOfWork } from './sqlite-unit-of-work.js';
import { BUSY_TIMEOUT_MS } from './write-queue.js';

const RETRY_MS = 50;
/** Pages at which SQLite itself checkpoints: without a checkpoint thread, or after very large writes. */
const OWN_CHECKPOINT_PAGES = 4_000;

/** Pragmas of the connection that works in a thread. */
const THREAD = [
  'busy_timeout = 250',
  'foreign_keys = ON',
  'secure_delete = ON',
  'synchronous = FULL',
] as const;

type Entities = MixedList<new () => object>;

interface Pragmas {
  pragma(statement: string): unknown;
}

/** The schema could not be brought up to date. */
class MigrationFailed extends Error {}

/**
 * Opens the database, migrates its schema and returns its only writer.
 * @param steps the migrations, in their order
 * @throws DatabaseNotOpened when the file is no database of this server, cannot be written, is locked for longer than
 * a write waits, or a migration fails; nothing has been changed then.
 */
export async function openDatabase(
  storage: StorageConfig,
  entities: Entities,
  steps: readonly MigrationClass[] = migrations,
): Promise<UnitOfWork> {
  const driver = await loadSqliteDriver(storage.driver);
  const file = storage.type === 'memory' ? ':memory:' : storage.path;
  const opened: DataSource[] = [];
  const connect = async () => {
    const connection = await whenFree(() => dataSource(driver, file, entities, steps).initialize());
    opened.push(connection);
    return connection;
  };
  try {
    if (storage.type === 'memory') {
      const writer = await connect();
      await migrate(writer);
      return new SqliteUnitOfWork({ writer });
    }
    await makeDirectory(dirname(file));
    await makePrivate(file);
    await inspectFile(file);
    const writer = await connect();
    const known = steps.map(({ name }) => name);
    await whenFree(() => inspectDatabase(writer, file, known));
    await whenFree(() => prepareNew(writer));
    await whenFree(() => writer.query('PRAGMA journal_mode = WAL'));
    await migrate(writer);
    const compact = new CompactFile(driver, file, writer);
    if (!(await givesSpaceBack(writer))) await compact.rewrite(); // the file of an older version
    const reader = await connect();
    await reader.query('PRAGMA busy_timeout = 5000');
    await reader.query('PRAGMA query_only = 1');
    const unitOfWork = await unitOfWorkOf(driver, file, { writer, reader, compact });
    if (await hasFreePages(writer)) unitOfWork.reclaimSpace(); // left by the server before
    return unitOfWork;
  } catch (error) {
    for (const each of opened.reverse()) await each.destroy().catch(() => undefined); // the first error says more
    throw notOpened(file, error as Error);
  }
}

/** Has a new file give free pages back to the disk: a setting that can only be made before its first page. */
async function prepareNew(writer: DataSource): Promise<void> {
  const [row] = await writer.query<{ page_count: number }[]>('PRAGMA page_count');
  if (row?.page_count === 0) await writer.query('PRAGMA auto_vacuum = INCREMENTAL');
}

async function unitOfWorkOf(
  { name, synchronous }: SqliteDriver,
  file: string,
  connections: Connections,
): Promise<SqliteUnitOfWork> {
  if (!synchronous) return new SqliteUnitOfWork(connections);
  const { writer } = connections;
  // A synchronous driver would block the event loop for each fsync: the server's own is asynchronous instead.
  await writer.query('PRAGMA synchronous = NORMAL');
  await writer.query(`PRAGMA wal_autocheckpoint = ${OWN_CHECKPOINT_PAGES}`);
  const [log, thread] = [new WalSync(file), new SqlThread(name, file, THREAD)];
  return new SqliteUnitOfWork({ ...connections, log, thread });
}

/** Error of a server that cannot start, with the file's name and what to do. */
export function notOpened(file: string, cause: Error): DatabaseNotOpened {
  return new DatabaseNotOpened(explain(file, cause), { cause });
}

/** A connection with the settings that every one of this server has, not opened yet. */
export function dataSource(
  driver: SqliteDriver,
  database: string,
  entities: Entities = [],
  steps: readonly MigrationClass[] = [],
): DataSource {
  return driver.dataSource({
    type: 'better-sqlite3' as const,
    database,
    entities,
    migrations: [...steps],
    migrationsTableName: 'migrations',
    synchronize: false,
    logging: false,
    logger: SILENT,
    prepareDatabase: async (connection: unknown) => {
      const set = (statement: string) => (connection as Pragmas).pragma(statement);
      await set('busy_timeout = 0'); // another's lock is awaited without blocking the event loop
      await set('synchronous = FULL'); // an acknowledged commit survives a power cut
      await set('secure_delete = ON'); // deleted text stays in no page
    },
  });
}

/** Migrates in one transaction, so that another server that starts on the same file comes before or after. */
async function migrate(writer: DataSource): Promise<void> {
  await writer.query('PRAGMA foreign_keys = OFF'); // a table that is rebuilt must not cascade its deletes
  try {
    await new SqliteUnitOfWork({ writer }).write(() => writer.runMigrations({ transaction: 'all' }));
  } catch (error) {
    throw isOutside(error) ? error : new MigrationFailed((error as Error).message, { cause: error });
  }
  await writer.query('PRAGMA foreign_keys = ON');
}

/** Retries while another process holds the file's lock, as long as any write waits. */
async function whenFree<T>(work: () => Promise<T>): Promise<T> {
  const deadline = monotonicMs() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (monotonicMs() > deadline || !isLock(error)) throw error;
      await sleep(RETRY_MS);
    }
  }
}

export const isLock = (error: unknown): boolean =>
  /is locked|SQLITE_(BUSY|LOCKED)|locking protocol/i.test((error as Error).message);

const isDisk = (error: unknown): boolean => /is full|disk I\/O error/i.test((error as Error).message);

/** Whether a migration failed because of the file, not of its own statements. */
const isOutside = (error: unknown): boolean =>
  isLock(error) || isDisk(error) || /readonly/i.test((error as Error).message);

function explain(file: string, error: Error): string {
  if (error instanceof UnusableDatabase) return `The database file ${file} ${error.message}`;
  const reason = error.message.split('\n')[0] ?? '';
  if (/not a database|is malformed|SQLITE_CORRUPT/i.test(reason)) {
    return `The database file ${file} ${damaged(reason).message}`;
  }
  if (isLock(error)) {
    return `The database file ${file} is locked by another process (${reason}). Stop that process, or use another --data-dir.`;
  }
  if (isDisk(error)) {
    return `The disk that the database file ${file} lies on is full or fails (${reason}). Make room on it, or choose another --data-dir.`;
  }
  if (error instanceof MigrationFailed) {
    return `The database file ${file} could not be brought up to this version (${reason}). It was left as it was: start the version that you had before.`;
  }
  return `The database ${file} cannot be opened (${reason}). Nothing was changed. Check that the directory can be written, or choose another --data-dir.`;
}

/** TypeORM's own output is redundant: the same is in the errors that it throws. */
const SILENT: Logger = {
  logQuery: () => undefined,
  logQueryError: () => undefined,
  logQuerySlow: () => undefined,
  logSchemaBuild: () => undefined,
  logMigration: () => undefined,
  log: () => undefined,
};
