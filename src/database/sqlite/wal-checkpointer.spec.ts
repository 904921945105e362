import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WalCheckpointer } from './wal-checkpointer.js';
import { openDatabase } from './open-database.js';
import { SqlThread } from './sql-thread.js';

const PAGE = 4_096;

let directory: string;
beforeAll(async () => (directory = await mkdtemp(join(tmpdir(), 'checkpoints-'))));
afterAll(() => rm(directory, { recursive: true }));

describe.each(['better-sqlite3', 'libsql'] as const)('the log of %s', (driver) => {
  it('is moved into the database file while writes go on, long before SQLite would do it in a commit', async () => {
    const path = join(directory, `${driver}.db`);
    const work = await openDatabase({ type: 'sqlite', path, driver }, []);
    await work.write((tx) => tx.execute('CREATE TABLE "notes" ("text" TEXT NOT NULL)'));
    for (let i = 0; i < 2_000; i++) {
      // Three pages and more for each: together they exceed SQLite's own threshold.
      await work.write((tx) => tx.execute('INSERT INTO "notes" VALUES (?)', ['x'.repeat(2 * PAGE)]));
    }
    expect((await stat(`${path}-wal`)).size).toBeLessThan(2_000 * PAGE);
    expect((await stat(path)).size).toBeGreaterThan(2_000 * PAGE);
    const count = await work.read((db) => db.query('SELECT COUNT(*) AS "n" FROM "notes"'));
    expect(count).toEqual([{ n: 2_000 }]);
    await work.close();
  });
});

describe('a thread that cannot work', () => {
  it('is given up, and nobody waits for it', async () => {
    const thread = new SqlThread('better-sqlite3', join(directory, 'nowhere', 'there-is-none.db'));
    const checkpoints = new WalCheckpointer(thread);
    await checkpoints.after(1_000);
    await checkpoints.after(1_000);
    await thread.close();
  });
});
