import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { watch } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { SQLITE_DRIVERS, type SqliteDriverName } from '../../src/config/index.js';
import { openDatabase, type UnitOfWork } from '../../src/database/index.js';
import { loadSqliteDriver } from '../../src/database/sqlite/drivers/index.js';
import { Rng } from '../support/rng.js';

const loaded = await Promise.allSettled(SQLITE_DRIVERS.map((name) => loadSqliteDriver(name)));
const installed = SQLITE_DRIVERS.filter((_name, i) => loaded[i]?.status === 'fulfilled');

const SESSIONS = 40;
const LENGTHS = [40, 300, 900, 3_000, 9_000];

let directory: string;
let file: string;
let opened: { close(): Promise<void> }[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-erasing-'));
  file = join(directory, 'test.db');
  opened = [];
});
afterEach(async () => {
  for (const each of opened.reverse()) await each.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(driver: SqliteDriverName): Promise<UnitOfWork> {
  const work = await openDatabase({ type: 'sqlite', path: file, driver }, []);
  opened.push(work);
  return work;
}

/** A separate connection, as another process would have. */
async function connect(driver: SqliteDriverName): Promise<DataSource> {
  const { dataSource } = await loadSqliteDriver(driver);
  const connection = await dataSource({ type: 'better-sqlite3', database: file }).initialize();
  opened.push({ close: () => connection.destroy() });
  return connection;
}

const INSERT_SESSION = `INSERT INTO "sessions" ("id", "createdAt", "updatedAt", "name", "tags", "workspace", "metadata", "state")
  VALUES (?, 1, 1, ?, '[]', '/', '{}', 'idle')`;
const INSERT_EVENT = `INSERT INTO "events" ("sessionId", "seq", "type", "data") VALUES (?, ?, 'user_message', ?)`;

const idOf = (i: number): string => `session-${String((i * 7_919) % 1_000).padStart(4, '0')}-${i}`;
const sentinel = (i: number): string => `<SENTINEL-${i}>`;

const textOf = (i: number, length: number): string =>
  sentinel(i).repeat(Math.ceil(length / sentinel(i).length));

/** Sessions that are written to in turns, so that their rows share pages, which are split and emptied. */
async function fill(work: UnitOfWork, rng: Rng): Promise<void> {
  const seqs = Array<number>(SESSIONS).fill(0);
  await work.write(async (tx) => {
    for (let i = 0; i < SESSIONS; i++) await tx.execute(INSERT_SESSION, [idOf(i), sentinel(i)]);
  });
  for (let round = 0; round < 40; round++) {
    await work.write(async (tx) => {
      for (let n = 0; n < 20; n++) {
        const i = rng.below(SESSIONS);
        seqs[i] = (seqs[i] ?? 0) + 1;
        await tx.execute(INSERT_EVENT, [idOf(i), seqs[i], textOf(i, rng.pick(LENGTHS))]);
        await tx.execute('UPDATE "sessions" SET "name" = ? WHERE "id" = ?', [
          textOf(i, 100 * rng.below(20)),
          idOf(i),
        ]);
      }
    });
  }
}

const erase = (work: UnitOfWork, i: number) =>
  work.erase('DELETE FROM "sessions" WHERE "id" = ?', [idOf(i)], idOf(i));

/** Which of the sessions' texts are in any file of the directory. */
async function remains(sessions: readonly number[]): Promise<number[]> {
  const names = await readdir(directory);
  const bytes = await Promise.all(names.map((name) => readFile(join(directory, name), 'latin1')));
  return sessions.filter((i) => bytes.some((text) => text.includes(sentinel(i)) || text.includes(idOf(i))));
}

const sizeOf = async (): Promise<number> => (await stat(file)).size;

/** Resolves when the file has become so small: no call tells of it. */
async function shrinksTo(bytes: number): Promise<void> {
  const watcher = watch(file);
  try {
    while ((await sizeOf()) > bytes) await once(watcher, 'change');
  } finally {
    watcher.close();
  }
}

describe.each(installed)('rows that are deleted with %s', (driver) => {
  it.each([1, 2])('are in no file afterwards, however their pages were split (%i)', async (seed) => {
    const work = await open(driver);
    await fill(work, new Rng(seed));
    const deleted = Array.from({ length: SESSIONS / 2 }, (_, i) => 2 * i);
    expect(await remains(deleted)).toEqual(deleted);
    for (const i of deleted) expect(await erase(work, i)).toBe(1);
    expect(await remains(deleted)).toEqual([]);
    const rows = await work.read((db) => db.query('SELECT COUNT(*) AS "n" FROM "sessions"'));
    expect(rows).toEqual([{ n: SESSIONS / 2 }]);
    expect(await erase(work, 0)).toBe(0);
  });

  it('give their space back to the disk, as soon as nothing is written', async () => {
    const work = await open(driver);
    const empty = await sizeOf();
    await work.write(async (tx) => {
      await tx.execute(INSERT_SESSION, [idOf(1), 'large']);
      await tx.execute(INSERT_EVENT, [idOf(1), 1, textOf(1, 5_000_000)]);
    });
    await erase(work, 1);
    expect(await sizeOf()).toBeGreaterThan(5_000_000);
    await shrinksTo(empty + 100_000);
  });

  it('are gone from a log that somebody was reading, after the next write', async () => {
    const work = await open(driver);
    await fill(work, new Rng(1));
    const other = await connect(driver);
    await other.query('BEGIN');
    await other.query('SELECT * FROM "sessions" LIMIT 1');
    await erase(work, 1);
    expect(await remains([1])).toEqual([1]);
    await other.query('COMMIT');
    await work.write((tx) => tx.execute('UPDATE "sessions" SET "name" = ?', ['renamed']));
    await work.idle();
    expect(await remains([1])).toEqual([]);
  });

  it('leave a file of an older version at its next start, which then gives space back', async () => {
    const before = await open(driver);
    await fill(before, new Rng(2));
    await before.close();
    const old = await connect(driver);
    opened = [];
    const sql = [
      'PRAGMA auto_vacuum = NONE',
      'VACUUM',
      'PRAGMA secure_delete = OFF',
      'PRAGMA foreign_keys = ON',
    ];
    for (const statement of sql) await old.query(statement);
    await old.query('DELETE FROM "sessions" WHERE "id" = ?', [idOf(3)]);
    await old.destroy();
    expect(await remains([3])).toEqual([3]);
    const work = await open(driver);
    expect(await remains([3])).toEqual([]);
    const [row] = await work.read((db) => db.query('PRAGMA auto_vacuum'));
    expect(row).toEqual({ auto_vacuum: 2 });
  });
});
