import { type FileHandle, open, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DataSource } from 'typeorm';
import type { SqliteDriver } from './drivers/index.js';
import { SqlThread } from './sql-thread.js';

/** Largest file that is rewritten without being asked for: about two seconds. */
const MAX_UNASKED_BYTES = 200_000_000;
/** Free space that such a rewrite needs, in sizes of the file: a copy, the log, and one to spare. */
const SPARE = 3;
const CHUNK_BYTES = 1_048_576;

/** `auto_vacuum` of a file that gives free pages back in steps (sqlite.org/pragma.html#pragma_auto_vacuum). */
const INCREMENTAL = 2;

/** Whether the file gives its free pages back: a file of an older version doesn't. */
export async function givesSpaceBack(database: DataSource): Promise<boolean> {
  const [row] = await database.query<{ auto_vacuum: number }[]>('PRAGMA auto_vacuum');
  return row?.auto_vacuum === INCREMENTAL;
}

export async function hasFreePages(database: DataSource): Promise<boolean> {
  const [row] = await database.query<{ freelist_count: number }[]>('PRAGMA freelist_count');
  return (row?.freelist_count ?? 0) > 0;
}

/**
 * Rewrites the file without free pages and remains of deleted rows, so that it gives space back from then on. With a
 * synchronous driver the work is done in a thread.
 * @param database an open connection of the file
 * @throws the driver's error: the file is as it was
 */
export async function rewrite(driver: SqliteDriver, file: string, database: DataSource): Promise<void> {
  const statements = ['VACUUM', 'PRAGMA wal_checkpoint(TRUNCATE)'];
  if (!driver.synchronous) {
    await database.query(`PRAGMA auto_vacuum = ${INCREMENTAL}`);
    for (const statement of statements) await database.query(statement);
    return;
  }
  const thread = new SqlThread(driver.name, file, ['busy_timeout = 0', `auto_vacuum = ${INCREMENTAL}`]);
  try {
    for (const statement of statements) await thread.run(statement);
  } finally {
    await thread.close();
  }
}

/** The file of an open database, which is rewritten where that takes no longer than some seconds. */
export class CompactFile {
  constructor(
    private readonly driver: SqliteDriver,
    private readonly file: string,
    private readonly database: DataSource,
  ) {}

  /** Whether the file holds a text, in a row or between the rows. Always false for a file that is too large. */
  async holds(text: string): Promise<boolean> {
    const handle = await open(this.file, 'r');
    try {
      const { size } = await handle.stat();
      return size <= MAX_UNASKED_BYTES && (await holds(handle, Buffer.from(text)));
    } finally {
      await handle.close();
    }
  }

  /** Never rejects: where there is no room, or another server uses the file, it stays as it is. */
  async rewrite(): Promise<void> {
    const { driver, file, database } = this;
    try {
      const [{ size }, { bavail, bsize }] = await Promise.all([stat(file), statfs(dirname(file))]);
      if (size > MAX_UNASKED_BYTES || bavail * bsize < SPARE * size) return;
      await rewrite(driver, file, database);
    } catch {
      // The next start, or the next deletion, tries again.
    }
  }
}

async function holds(handle: FileHandle, text: Buffer): Promise<boolean> {
  const buffer = Buffer.alloc(CHUNK_BYTES + text.length);
  let kept = 0; // the end of the chunk before, which the text may begin in
  for (let at = 0; ;) {
    const { bytesRead } = await handle.read(buffer, kept, CHUNK_BYTES, at);
    if (bytesRead === 0) return false;
    const length = kept + bytesRead;
    if (buffer.subarray(0, length).includes(text)) return true;
    at += bytesRead;
    kept = Math.min(text.length - 1, length);
    buffer.copyWithin(0, length - kept, length);
  }
}
