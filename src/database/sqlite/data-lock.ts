import { epochMs, monotonicMs } from '../../common/clock.js';
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import type { ServerConfig } from '../../config/index.js';
import { makeDirectory } from '../../files/make-directory.js';
import { replaceOwnFile } from '../../files/own-file.js';
import { DataInUse, type LockHolder } from '../database.errors.js';
import { loadSqliteDriver, type SqliteDriver } from './drivers/index.js';
import { migrations } from './migrations/index.js';
import { dataSource, isLock, notOpened } from './open-database.js';
import { makePrivate } from './private-files.js';

/** How long a lock is waited for: its holder may be stopping. */
const WAIT_MS = 1_000;
const RETRY_MS = 50;

/**
 * File of the lock: empty, and locked by SQLite. The kernel frees the lock with the process, however the process ends,
 * and it holds between containers that share the directory; a process id does neither.
 */
const guardOf = (database: string): string => `${database}.guard`;
/** File that names the lock's holder, for people and programs to read. */
const holderOf = (database: string): string => `${database}.lock`;

const schema = z.object({
  pid: z.int(),
  startedAt: z.int(),
  url: z.string().optional(),
  format: z.string(),
});

/** The lock of a database file: one server works with it, or several that are all meant to (`server.shared`). */
export class DataLock {
  private readonly startedAt = epochMs();

  private constructor(
    private readonly database: string | undefined,
    private guard: DataSource | undefined,
  ) {}

  /** @throws DataInUse; DatabaseNotOpened when the directory cannot be written; NoSqliteDriver */
  static async take({ storage, shared }: Pick<ServerConfig, 'storage' | 'shared'>): Promise<DataLock> {
    if (storage.type === 'memory') return new DataLock(undefined, undefined);
    const { path } = storage;
    const driver = await loadSqliteDriver(storage.driver);
    try {
      await makeDirectory(dirname(path));
      await makePrivate(guardOf(path));
      const lock = new DataLock(path, await locked(driver, path, shared));
      await lock.publish();
      return lock;
    } catch (error) {
      throw error instanceof DataInUse ? error : notOpened(path, error as Error);
    }
  }

  /** Writes who holds the lock. Never rejects: the lock holds without that. */
  async publish(url?: string): Promise<void> {
    if (!this.database) return;
    const { startedAt } = this;
    const holder: LockHolder = { pid: process.pid, startedAt, ...(url && { url }), format: FORMAT };
    await replaceOwnFile(holderOf(this.database), `${JSON.stringify(holder)}\n`).catch(() => undefined);
  }

  /** Safe to call twice. */
  async release(): Promise<void> {
    const { database, guard } = this;
    if (!database || !guard) return;
    this.guard = undefined;
    const holder = await readHolder(database);
    const isOwn = holder?.pid === process.pid && holder.startedAt === this.startedAt;
    if (isOwn) await rm(holderOf(database), { force: true }).catch(() => undefined);
    await guard.destroy();
  }
}

/** The last migration, which says what the database looks like. */
const FORMAT = migrations.at(-1)?.name ?? '';

async function locked(driver: SqliteDriver, database: string, shared: boolean): Promise<DataSource> {
  const deadline = monotonicMs() + WAIT_MS;
  for (;;) {
    const guard = dataSource(driver, guardOf(database));
    try {
      await guard.initialize();
      await guard.query('PRAGMA journal_mode = MEMORY'); // nothing is written: no file beside the guard
      await guard.query(shared ? 'BEGIN' : 'BEGIN EXCLUSIVE');
      await guard.query('SELECT COUNT(*) FROM "sqlite_master"'); // the first read takes the shared lock
      return guard;
    } catch (error) {
      if (guard.isInitialized) await guard.destroy();
      if (!isLock(error)) throw error;
      if (monotonicMs() > deadline) throw new DataInUse(database, await readHolder(database), shared);
    }
    await sleep(RETRY_MS);
  }
}

async function readHolder(database: string): Promise<LockHolder | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(holderOf(database), 'utf8')));
  } catch {
    return undefined; // released meanwhile, or written by another version
  }
}
