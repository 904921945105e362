import { open, stat } from 'node:fs/promises';
import type { DataSource } from 'typeorm';

/** Up to this size every page of the file is checked at each start: 20 ms, or 0.4 s from a cold disk. */
const CHECKED_WHOLE_BYTES = 16_000_000;

/** The server cannot use the file. The message is a part of a sentence that begins with the file's name. */
export class UnusableDatabase extends Error {
  override readonly name = 'UnusableDatabase';
}

export const damaged = (reason: string): UnusableDatabase =>
  new UnusableDatabase(
    `is damaged or is no SQLite database (${reason}). Nothing was changed. ` +
      `Put a backup in its place, or move it away to start with an empty one.`,
  );

/**
 * Checks the file for damage that a driver may miss: one of them opens a truncated file.
 * @throws UnusableDatabase
 */
export async function inspectFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) throw new UnusableDatabase('is a directory. Choose another --data-dir.');
  if (!found || (await hasLog(file))) return;
  const { size, expected } = await sizesOf(file);
  if (size < expected && !(await hasLog(file))) throw damaged(`it has ${size} of its ${expected} bytes`);
}

/** Whether there is a log: its pages may not be in the file yet, which another server may be writing. */
const hasLog = async (file: string): Promise<boolean> => (await sizeOf(`${file}-wal`)) > 0;

/**
 * Size of the file, and the size in its header (sqlite.org/fileformat2.html#the_database_header); 0 where the header
 * has none.
 */
async function sizesOf(file: string): Promise<{ size: number; expected: number }> {
  const header = Buffer.alloc(100);
  const handle = await open(file, 'r');
  try {
    await handle.read(header, 0, header.length, 0);
    const { size } = await handle.stat(); // after the header: a new file still grows
    return { size, expected: expectedSize(header) };
  } finally {
    await handle.close();
  }
}

function expectedSize(header: Buffer): number {
  if (header.toString('latin1', 0, 15) !== 'SQLite format 3') return 0;
  if (header.readUInt32BE(24) !== header.readUInt32BE(92)) return 0; // written by a version without it
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  return pageSize * header.readUInt32BE(28);
}

/**
 * Checks an opened database without changing it.
 * @param known the names of the migrations that this version has, in their order
 * @throws UnusableDatabase when the database is damaged, another program's, or of a newer version
 */
export async function inspectDatabase(
  database: DataSource,
  file: string,
  known: readonly string[],
): Promise<void> {
  const tables = await names(
    database,
    `SELECT "name" FROM "sqlite_master" WHERE "type" IN ('table', 'view') AND "name" NOT LIKE 'sqlite_%'`,
  );
  if ((await sizeOf(file)) <= CHECKED_WHOLE_BYTES) await checkPages(database);
  const others = tables.filter((name) => name !== 'migrations');
  if (others.length === 0) return; // new
  const applied = tables.includes('migrations')
    ? await names(database, 'SELECT "name" FROM "migrations" ORDER BY "id"')
    : [];
  if (applied[0] !== known[0]) {
    throw new UnusableDatabase(
      `belongs to another program (it has the tables ${others.slice(0, 5).join(', ')}). Nothing was changed. ` +
        `Choose another file with server.storage.path, or another --data-dir.`,
    );
  }
  const newer = applied.filter((name) => !known.includes(name));
  if (newer.length > 0) {
    throw new UnusableDatabase(
      `was made by a newer version of this server (${newer.join(', ')}). Nothing was changed. ` +
        `Start that version, or choose another --data-dir.`,
    );
  }
}

async function checkPages(database: DataSource): Promise<void> {
  const [row] = await database.query<{ quick_check: string }[]>('PRAGMA quick_check(1)');
  if (row && row.quick_check !== 'ok') throw damaged(row.quick_check.replaceAll('\n', ' '));
}

async function names(database: DataSource, sql: string): Promise<string[]> {
  const rows = await database.query<{ name: string }[]>(sql);
  return rows.map(({ name }) => name);
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
