import { copyFile, mkdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { loadSqliteDriver } from '../../../src/database/sqlite/drivers/index.js';

export const DATABASE = 'agent-tars.db';

export interface SessionRow {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

export interface RunRow {
  readonly no: number;
  readonly id: string;
  readonly sessionId: string;
  readonly status: 'queued' | 'running' | 'completed' | 'failed' | 'aborted' | 'interrupted';
  readonly priority: number;
  /** The query's content as JSON text. */
  readonly input: string;
  readonly idempotencyKey: string | null;
  readonly startedAt: number | null;
}

export interface EventRow {
  readonly sessionId: string;
  readonly seq: number;
  readonly runId: string;
  readonly type: string;
  readonly data: string;
}

/** The rows of a database file. */
export interface Stored {
  readonly sessions: ReadonlyMap<string, SessionRow>;
  /** In the order of acceptance. */
  readonly runs: ReadonlyMap<string, RunRow>;
  /** By session, in seq order. */
  readonly events: ReadonlyMap<string, readonly EventRow[]>;
  /** What SQLite itself says of the file: `ok`, and no row without its session. */
  readonly integrity: string;
}

export const isOpen = ({ status }: RunRow): boolean => status === 'queued' || status === 'running';

export function runsOf({ runs }: Stored, sessionId: string): RunRow[] {
  return [...runs.values()].filter((run) => run.sessionId === sessionId);
}

/** Reads a database, also one that a server has open. */
export async function readStored(directory: string): Promise<Stored> {
  const database = join(directory, DATABASE);
  if (!existsSync(database)) return EMPTY;
  const driver = await loadSqliteDriver();
  const source = await driver.dataSource({ type: 'better-sqlite3', database, logging: false }).initialize();
  try {
    return await read(source);
  } finally {
    await source.destroy();
  }
}

/**
 * Reads what a killed server has left. A copy is read: to open the database itself would do what the next
 * start has to do, with the log that was left behind.
 */
export async function readLeft(directory: string): Promise<Stored> {
  const copy = `${directory}-left`;
  await mkdir(copy, { recursive: true });
  for (const suffix of ['', '-wal']) {
    const name = DATABASE + suffix;
    if (existsSync(join(directory, name))) await copyFile(join(directory, name), join(copy, name));
  }
  try {
    return await readStored(copy);
  } finally {
    await rm(copy, { recursive: true });
  }
}

const EMPTY: Stored = { sessions: new Map(), runs: new Map(), events: new Map(), integrity: 'ok' };

async function read(source: DataSource): Promise<Stored> {
  const all = <Row>(sql: string) => source.query<Row[]>(sql);
  const tables = await all(`SELECT 1 FROM sqlite_master WHERE name IN ('sessions', 'runs', 'events')`);
  const integrity = await integrityOf(source);
  if (tables.length === 0) return { ...EMPTY, integrity }; // killed before the schema was there
  // One transaction: a server that goes on writing must not be read in two states.
  await source.query('BEGIN');
  const sessions = await all<SessionRow>('SELECT "id", "name", "state" FROM "sessions"');
  const runs = await all<RunRow>('SELECT * FROM "runs" ORDER BY "no"');
  const rows = await all<EventRow>('SELECT * FROM "events" ORDER BY "sessionId", "seq"');
  await source.query('COMMIT');
  const events = new Map<string, EventRow[]>();
  for (const row of rows) {
    const list = events.get(row.sessionId);
    if (list) list.push(row);
    else events.set(row.sessionId, [row]);
  }
  return {
    sessions: new Map(sessions.map((session) => [session.id, session])),
    runs: new Map(runs.map((run) => [run.id, run])),
    events,
    integrity,
  };
}

async function integrityOf(source: DataSource): Promise<string> {
  const check = await source.query<{ integrity_check: string }[]>('PRAGMA integrity_check');
  const orphans = await source.query<unknown[]>('PRAGMA foreign_key_check');
  const found = check.map((row) => row.integrity_check).join('; ');
  return orphans.length === 0 ? found : `${found}; ${orphans.length} rows without their session`;
}
