import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DataSource, Entity, type MigrationInterface, PrimaryColumn, type QueryRunner } from 'typeorm';
import { toDomainError } from '../../common/errors.js';
import { SQLITE_DRIVERS, type SqliteDriverName } from '../../config/index.js';
import { loadSqliteDriver } from './drivers/index.js';
import { migrations } from './migrations/index.js';
import { CommitInDoubt, DatabaseNotOpened, DatabaseUnavailable } from '../database.errors.js';
import type { Select, Transaction, UnitOfWork } from '../unit-of-work.js';
import { openDatabase } from './open-database.js';
import { SqliteUnitOfWork } from './sqlite-unit-of-work.js';
import type { WalSync } from './wal-sync.js';

@Entity('notes')
class Note {
  @PrimaryColumn('text')
  text: string;
}

/** Gate that a test opens, to control the order of events. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let release: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (release = resolve));
  return { opened, open: () => release() };
}

/** Loads each driver once, so that the titles of a missing driver's tests say so. */
const missing = new Map<SqliteDriverName, string>();
for (const name of SQLITE_DRIVERS) {
  await loadSqliteDriver(name).catch((error: Error) => missing.set(name, error.message));
}
const installed = SQLITE_DRIVERS.filter((name) => !missing.has(name));

let directory: string;
let file: string;
/** Units of work that a test has opened; closed after it. */
let open: { close(): Promise<void> }[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-storage-'));
  file = join(directory, 'data', 'test.db');
  open = [];
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const each of open.reverse()) await each.close();
  await rm(directory, { recursive: true, force: true });
});

/** A unit of work on the test's file, with a table of notes. */
async function openNotes(driver: SqliteDriverName): Promise<UnitOfWork> {
  const work = await openDatabase({ type: 'sqlite', path: file, driver }, [Note]);
  open.push(work);
  await work.write((tx) => tx.execute('CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL)'));
  return work;
}

/** A separate connection, as another process would have. */
async function connect(driver: SqliteDriverName, path = file): Promise<DataSource> {
  const library = await loadSqliteDriver(driver);
  const connection = await library.dataSource({ type: 'better-sqlite3', database: path }).initialize();
  open.push({ close: () => connection.destroy() });
  return connection;
}

/** Matches an error by its message: native drivers throw none of our classes. */
const saying = (words: RegExp) => ({ message: expect.stringMatching(words) });

const insert = (text: string) => (tx: Transaction) => tx.execute('INSERT INTO notes VALUES (?)', [text]);

async function notes(reader: { query(sql: string): Promise<unknown> }): Promise<string[]> {
  const rows = (await reader.query('SELECT text FROM notes ORDER BY rowid')) as { text: string }[];
  return rows.map(({ text }) => text);
}

const notesOf = (work: UnitOfWork) => work.read((reader) => notes(reader));

/**
 * The transactions in SQLite's write-ahead log: a 32-byte header, then frames of a 24-byte header and a page; the
 * last frame of a transaction names the size of the database (sqlite.org/fileformat2.html#walformat).
 */
async function commits(): Promise<number> {
  const log = await readFile(`${file}-wal`);
  const frame = 24 + log.readUInt32BE(8);
  let count = 0;
  for (let at = 32; at + frame <= log.length; at += frame) {
    const ofThisLog = log.subarray(at + 8, at + 16).equals(log.subarray(16, 24));
    if (ofThisLog && log.readUInt32BE(at + 4) > 0) count += 1;
  }
  return count;
}

describe.each(SQLITE_DRIVERS)('storage with %s', (driver) => {
  const reason = missing.get(driver);
  if (reason !== undefined) {
    it.skip(`is not tested: ${reason}`, () => undefined);
    return;
  }

  describe('a data source alone', () => {
    it('loses what overlapping transactions had committed', async () => {
      const db = await connect(driver, join(directory, 'plain.db'));
      await db.query('CREATE TABLE notes (text TEXT NOT NULL)');
      const [begun, goOn] = [gate(), gate()];
      const a = db.transaction(async (tx) => {
        await tx.query(`INSERT INTO notes VALUES ('of A')`);
        begun.open();
        await goOn.opened;
        throw new Error('A fails');
      });
      await begun.opened;
      await db.transaction((tx) => tx.query(`INSERT INTO notes VALUES ('of B, committed')`));
      await db.query(`INSERT INTO notes VALUES ('of C, in no transaction')`);
      expect(await notes(db)).toEqual(['of A', 'of B, committed', 'of C, in no transaction']);
      goOn.open();
      await expect(a).rejects.toThrow('A fails');
      expect(await notes(db)).toEqual([]);
    });
  });

  describe('the unit of work', () => {
    it('loses none: one transaction waits for the other', async () => {
      const work = await openNotes(driver);
      const [begun, goOn] = [gate(), gate()];
      const a = work.write(async (tx) => {
        await insert('of A')(tx);
        begun.open();
        await goOn.opened;
        throw new Error('A fails');
      });
      await begun.opened;
      const others = [work.write(insert('of B')), work.write(insert('of C'))];
      goOn.open();
      await expect(a).rejects.toThrow('A fails');
      await Promise.all(others);
      expect(await notesOf(work)).toEqual(['of B', 'of C']);
      expect(await notes(await connect(driver))).toEqual(['of B', 'of C']);
    });

    it('gives each writer what its own work came to', async () => {
      const work = await openNotes(driver);
      const results = await Promise.all([
        work.write(async () => 'one'),
        work.write(async (tx) => tx.execute(`INSERT INTO notes VALUES ('a'), ('b')`)),
        work.write(async (tx) => tx.execute(`UPDATE notes SET text = text || '!'`)),
        work.write(async (tx) => notes(tx)),
        work.write(async (tx) => tx.execute(`DELETE FROM notes WHERE text = 'nothing'`)),
      ]);
      expect(results).toEqual(['one', 2, 2, ['a!', 'b!'], 0]);
    });

    it('takes back only the rows of the piece that fails, of those that share a transaction', async () => {
      const work = await openNotes(driver);
      const before = await commits();
      const results = await Promise.allSettled([
        work.write(insert('one')),
        work.write(async (tx) => {
          await insert('two')(tx);
          throw new Error('two fails');
        }),
        work.write(insert('three')),
        work.write((tx) => tx.execute('INSERT INTO notes VALUES (NULL)')),
        work.write(async (tx) => {
          await insert('five')(tx);
          await tx.execute('INSERT INTO nowhere VALUES (1)');
        }),
        work.write(insert('six')),
      ]);
      expect(results.map(({ status }) => status)).toEqual([
        ...['fulfilled', 'rejected', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
      ]);
      expect(results[1]).toMatchObject({ reason: { message: 'two fails' } });
      expect(String((results[3] as PromiseRejectedResult).reason)).toMatch(/NOT NULL/);
      expect(await notesOf(work)).toEqual(['one', 'three', 'six']);
      expect((await commits()) - before).toBe(1);
    });

    it('has what is changed by entity be part of it', async () => {
      const work = await openNotes(driver);
      await work.write(insert('before'));
      const results = await Promise.allSettled([
        work.write(async (tx) => {
          await tx.update(Note, { text: 'before' }, { text: 'changed' });
          expect(await tx.find(Note)).toEqual([{ text: 'changed' }]);
          throw new Error('later');
        }),
        work.write((tx) => tx.update(Note, { text: 'before' }, { text: 'kept' })),
        work.write((tx) => tx.insert(Note, { text: 'added' })),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
      expect(await work.read((reader) => reader.find(Note))).toEqual([{ text: 'kept' }, { text: 'added' }]);
      await work.write(insert('and on'));
      expect(await notes(await connect(driver))).toEqual(['kept', 'added', 'and on']);
    });

    it('makes one transaction of the writes that wait together', async () => {
      const work = await openNotes(driver);
      const before = await commits();
      const [begun, goOn] = [gate(), gate()];
      const first = work.write(async (tx) => {
        begun.open();
        await goOn.opened;
        await insert('first')(tx);
      });
      await begun.opened;
      const waiting = Array.from({ length: 100 }, (_, i) => work.write(insert(`${i}`)));
      goOn.open();
      await Promise.all([first, ...waiting]);
      expect((await commits()) - before).toBe(2);
      expect(await notesOf(work)).toEqual(['first', ...Array.from({ length: 100 }, (_, i) => `${i}`)]);
    });

    it('makes a transaction of its own for each write that comes alone', async () => {
      const work = await openNotes(driver);
      const before = await commits();
      for (let i = 0; i < 5; i++) await work.write(insert(`${i}`));
      expect((await commits()) - before).toBe(5);
    });

    it('runs hooks after the commit, in order, before the writer goes on, and never for what was taken back', async () => {
      const work = await openNotes(driver);
      const other = await connect(driver);
      const told: string[] = [];
      const seen: Promise<string[]>[] = [];
      const writing = (text: string) =>
        work.write(async (tx) => {
          tx.afterCommit(() => {
            told.push(`${text}, first hook`);
            seen.push(notes(other));
          });
          await insert(text)(tx);
          tx.afterCommit(() => told.push(`${text}, second hook`));
          if (text === 'fails') throw new Error('fails');
        });
      await Promise.all([
        writing('one').then(() => told.push('one is written')),
        writing('fails').catch(() => told.push('fails has failed')),
        writing('two').then(() => told.push('two is written')),
      ]);
      await writing('fails').catch(() => undefined);
      await writing('three');
      expect(told.filter((each) => each !== 'fails has failed')).toEqual([
        'one, first hook',
        'one, second hook',
        'two, first hook',
        'two, second hook',
        'one is written',
        'two is written',
        'three, first hook',
        'three, second hook',
      ]);
      expect(await Promise.all(seen)).toEqual([
        ['one', 'two'],
        ['one', 'two'],
        ['one', 'two', 'three'],
      ]);
    });

    it('goes on after a hook that throws: what was committed has been written', async () => {
      const work = await openNotes(driver);
      const told: string[] = [];
      const writing = (text: string, hook: () => void) =>
        work.write(async (tx) => {
          await insert(text)(tx);
          tx.afterCommit(hook);
        });
      await Promise.allSettled([
        writing('one', () => {
          throw new Error('a listener fails');
        }),
        writing('two', () => told.push('two')),
      ]);
      expect(told).toEqual(['two']);
      await work.write(insert('three'));
      expect(await notesOf(work)).toEqual(['one', 'two', 'three']);
    }, 5_000);

    it('lets reads see committed rows only', async () => {
      const work = await openNotes(driver);
      await work.write(insert('before'));
      const [written, goOn] = [gate(), gate()];
      const writing = work.write(async (tx) => {
        await insert('not yet')(tx);
        expect(await notes(tx)).toEqual(['before', 'not yet']);
        written.open();
        await goOn.opened;
      });
      await written.opened;
      expect(await notesOf(work)).toEqual(['before']);
      goOn.open();
      await writing;
      expect(await notesOf(work)).toEqual(['before', 'not yet']);
    });

    it('lets reads change nothing', async () => {
      const work = await openNotes(driver);
      const writing = work.read((reader) => reader.query(`INSERT INTO notes VALUES ('x') RETURNING text`));
      await expect(writing).rejects.toMatchObject({ cause: saying(/readonly/i) });
    });

    it('selects over the connection that writes while that is in no transaction, and only selects', async () => {
      const work = await openNotes(driver);
      // A temporary view hides the table from the connection that it was made on, and from no other.
      await work.write((tx) => tx.execute(`CREATE TEMP VIEW notes AS SELECT 'seen by the writer' AS text`));
      const selected = () => work.read((reader) => reader.select<{ text: string }>('SELECT text FROM notes'));
      const isSync = driver !== 'sqlite3';
      expect(await selected()).toEqual(isSync ? [{ text: 'seen by the writer' }] : []);
      const during = await work.write(selected);
      expect(during).toEqual([]);
      // @ts-expect-error: the compiler refuses what could write
      const refused: Select = 'DELETE FROM notes RETURNING text';
      expect(refused).not.toMatch(/^SELECT /);
    });

    it('in memory lets a read take its turn among the writes', async () => {
      const work = await openDatabase({ type: 'memory', driver }, []);
      open.push(work);
      await work.write((tx) => tx.execute('CREATE TABLE notes (text TEXT NOT NULL)'));
      const [written, goOn] = [gate(), gate()];
      const writing = work.write(async (tx) => {
        await insert('half')(tx);
        written.open();
        await goOn.opened;
        throw new Error('fails');
      });
      await written.opened;
      const reading = notesOf(work);
      goOn.open();
      await expect(writing).rejects.toThrow('fails');
      expect(await reading).toEqual([]);
    });

    it('writes 500 notes from two connections at once, each whole and once', async () => {
      const [one, two] = [await openNotes(driver), await openNotes(driver)];
      const texts = Array.from({ length: 500 }, (_, i) => `${i}`);
      await Promise.all(texts.map((text, i) => (i % 2 === 0 ? one : two).write(insert(text))));
      expect((await notesOf(one)).sort()).toEqual([...texts].sort());
    });

    it('has written everything that it was given when it is closed, and tidied up', async () => {
      const work = await openNotes(driver);
      const writing = Array.from({ length: 20 }, (_, i) => work.write(insert(`${i}`)));
      open.splice(0);
      await work.close();
      expect((await readdir(directory)).filter((name) => /-(wal|shm)$/.test(name))).toEqual([]);
      await Promise.all(writing);
      const alone = join(directory, 'copy.db');
      await copyFile(file, alone); // without its log
      expect(await notes(await connect(driver, alone))).toHaveLength(20);
    });
  });

  describe('a disk that is full', () => {
    /** Leaves room for one more page or none, by SQLite's own limit for a connection. */
    const fill = (work: UnitOfWork) =>
      work.write(async (tx) => {
        const [pages] = await tx.query<{ page_count: number }>('PRAGMA page_count');
        await tx.query(`PRAGMA max_page_count = ${pages?.page_count}`);
      });
    const makeRoom = (work: UnitOfWork) => work.write((tx) => tx.query('PRAGMA max_page_count = 1000000'));
    const large = 'x'.repeat(50_000);
    const short = ({ length }: { length: number }) => (length > 100 ? 'large' : 'small');

    it('takes back only the write that does not fit, or all that share its transaction, and tells each why', async () => {
      const work = await openNotes(driver);
      await fill(work);
      const results = await Promise.allSettled(['small', large].map((text) => work.write(insert(text))));
      for (const result of results) {
        if (result.status === 'rejected') {
          expect(toDomainError(result.reason)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
        }
      }
      expect(results[1]?.status).toBe('rejected');
      const stored = results[0]?.status === 'fulfilled' ? ['small'] : [];
      expect(await notesOf(work)).toEqual(stored);
      await makeRoom(work);
      await work.write(insert('again'));
      expect(await notesOf(work)).toEqual([...stored, 'again']);
    });

    it('keeps what must not be lost, in its order, while what fits is written', async () => {
      const work = await openNotes(driver);
      await fill(work);
      const told: string[] = [];
      const persist = (text: string) =>
        work.persist(insert(text), (reason) => {
          told.push(toDomainError(reason).code);
        });
      let stored = 0;
      const first = persist(large).then(() => (stored += 1));
      await new Promise<void>((resolve) => {
        void work.persist(
          async (tx) => insert(`${large}2`)(tx),
          () => resolve(),
        );
      });
      const after = persist('after the large ones'); // would fit, but is not to overtake
      await work.write(insert('small'));
      expect([await notesOf(work), stored]).toEqual([['small'], 0]);
      expect(told).toContain('DATABASE_UNAVAILABLE');
      await makeRoom(work);
      await Promise.all([first, after]);
      expect((await notesOf(work)).map((text) => (text.length > 100 ? text.slice(-1) : text))).toEqual([
        ...['small', 'x', '2', 'after the large ones'],
      ]);
    });

    it('is tried again by itself', async () => {
      const work = await openNotes(driver);
      await fill(work);
      let refusals = 0;
      let again: () => void = () => undefined;
      const twice = new Promise<void>((resolve) => (again = resolve));
      const stored = work.persist(insert(large), () => {
        refusals += 1;
        if (refusals === 2) again();
      });
      await twice;
      await makeRoom(work);
      await stored;
      expect((await notesOf(work)).map(short)).toEqual(['large']);
    });

    it('is given up when the server stops', async () => {
      const work = await openNotes(driver);
      await fill(work);
      let stored: Promise<unknown> = Promise.resolve();
      await new Promise<void>((resolve) => {
        stored = work.persist(insert(large), () => resolve());
      });
      const lost = expect(stored).rejects.toMatchObject({ cause: saying(/full/) });
      open.splice(0);
      await work.close();
      await lost;
    });

    it('has nothing to do with work that fails by itself', async () => {
      const work = await openNotes(driver);
      const failing = (tx: Transaction) => tx.execute('INSERT INTO nowhere VALUES (1)');
      const results = await Promise.allSettled([
        work.persist(insert('one'), () => undefined),
        work.persist(failing, () => undefined),
        work.persist(insert('three'), () => undefined),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await notesOf(work)).toEqual(['one', 'three']);
    });
  });

  describe('a lock that somebody else holds', () => {
    it('is waited for, while the event loop runs on and reads are answered', async () => {
      const work = await openNotes(driver);
      const other = await connect(driver);
      await other.query('BEGIN IMMEDIATE');
      await other.query(`INSERT INTO notes VALUES ('of the other')`);
      let done = false;
      const writing = work.write(insert('mine')).then(() => (done = true));
      let longest = 0;
      for (let turn = 0; turn < 30; turn++) {
        const begun = performance.now();
        await new Promise((resolve) => setTimeout(resolve, 5)); // what is tested is that this time passes
        longest = Math.max(longest, performance.now() - begun);
      }
      expect(done).toBe(false);
      expect(longest).toBeLessThan(500); // a blocked loop stands still for the whole busy timeout, 5 s
      expect(await notesOf(work)).toEqual([]);
      await other.query('COMMIT');
      await writing;
      expect(await notesOf(work)).toEqual(['of the other', 'mine']);
    });

    it('for too long is an error that says so; what was not written can be written again', async () => {
      const work = await openNotes(driver);
      const other = await connect(driver);
      await other.query('BEGIN IMMEDIATE');
      const now = performance.now.bind(performance);
      const writing = work.write(insert('mine'));
      const waiting = work.write(insert('mine too'));
      await new Promise((resolve) => setImmediate(resolve)); // the write has looked at the clock by then
      jest.spyOn(performance, 'now').mockImplementation(() => now() + 6_000);
      const error: unknown = await writing.catch((thrown: unknown) => thrown);
      expect(toDomainError(error)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      await expect(waiting).rejects.toBeDefined();
      jest.restoreAllMocks();
      await other.query('ROLLBACK');
      await work.write(insert('again'));
      expect(await notesOf(work)).toEqual(['again']);
    });

    it('is waited for as long by each write, however long others have waited before it', async () => {
      const work = await openNotes(driver);
      const other = await connect(driver);
      await other.query('BEGIN IMMEDIATE');
      const now = performance.now.bind(performance);
      const after = (ms: number) => jest.spyOn(performance, 'now').mockImplementation(() => now() + ms);
      const first = work.write(insert('first'));
      after(3_000);
      const second = work.write(insert('second'));
      after(6_000);
      await expect(first).rejects.toMatchObject(saying(/locked/));
      await other.query('ROLLBACK');
      await second;
      expect(await notesOf(work)).toEqual(['second']);
    });
    it('for too long does not lose what must not be lost', async () => {
      const work = await openNotes(driver);
      const other = await connect(driver);
      await other.query('BEGIN IMMEDIATE');
      const now = performance.now.bind(performance);
      const delayed = new Promise<unknown>((resolve) => {
        void work.persist(insert('kept'), resolve);
      });
      const refused = work.write(insert('refused'));
      jest.spyOn(performance, 'now').mockImplementation(() => now() + 6_000);
      expect(toDomainError(await delayed)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      await expect(refused).rejects.toMatchObject(saying(/locked/));
      await other.query('ROLLBACK');
      await work.write(insert('next'));
      expect(await notesOf(work)).toEqual(['kept', 'next']);
    });
  });

  describe('a commit that the disk does not confirm', () => {
    /** Unit of work on the same file, with the given sync of its log. */
    async function withLog(sync: () => Promise<void>): Promise<UnitOfWork> {
      await openNotes(driver);
      const { dataSource } = await loadSqliteDriver(driver);
      const options = { type: 'better-sqlite3' as const, database: file };
      const [writer, reader] = [dataSource(options), dataSource(options)];
      await Promise.all([writer.initialize(), reader.initialize()]);
      const log = { sync, close: async () => undefined } as unknown as WalSync;
      const work = new SqliteUnitOfWork({ writer, reader, log });
      open.push(work);
      return work;
    }
    const broken = () => Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }));

    it('is written anew, and told when that is confirmed, before anything that comes after it', async () => {
      let syncs = 0;
      const committed = gate();
      const work = await withLog(() => {
        committed.open();
        return ++syncs <= 3 ? broken() : Promise.resolve();
      });
      const told: string[] = [];
      const writing = (text: string) =>
        work
          .write(async (tx) => {
            await insert(text)(tx);
            tx.afterCommit(() => told.push(`${text}: hook, after ${syncs} syncs`));
          })
          .then(() => told.push(`${text}: written`));
      const one = writing('one');
      await committed.opened;
      await Promise.all([one, writing('two')]);
      expect(told).toEqual([
        ...['one: hook, after 4 syncs', 'one: written', 'two: hook, after 5 syncs', 'two: written'],
      ]);
    });

    it('for too long is left open; its hooks run once it is confirmed', async () => {
      let isBroken = true;
      const committed = gate();
      const work = await withLog(() => {
        committed.open();
        return isBroken ? broken() : Promise.resolve();
      });
      const told: string[] = [];
      const now = performance.now.bind(performance);
      const doubtful = work.write(async (tx) => {
        await insert('in doubt')(tx);
        tx.afterCommit(() => told.push('in doubt'));
      });
      await committed.opened;
      const refused = work.write(insert('refused'));
      jest.spyOn(performance, 'now').mockImplementation(() => now() + 6_000);
      await expect(doubtful).rejects.toBeInstanceOf(CommitInDoubt);
      await expect(refused).rejects.toBeInstanceOf(DatabaseUnavailable);
      jest.restoreAllMocks();
      expect(told).toEqual([]);
      isBroken = false;
      await work.write(async (tx) => tx.afterCommit(() => told.push('next')));
      expect(told).toEqual(['in doubt', 'next']);
      expect(await notesOf(work)).toEqual(['in doubt']);
    });

    it('does not keep the server from stopping', async () => {
      const work = await withLog(broken);
      const doubtful = expect(work.write(insert('in doubt'))).rejects.toBeInstanceOf(CommitInDoubt);
      open.pop();
      await work.close();
      await doubtful;
    });
  });

  describe('a database that is opened', () => {
    it('has the tables of the migrations, once', async () => {
      for (let time = 0; time < 2; time++) {
        const work = await openDatabase({ type: 'sqlite', path: file, driver }, []);
        const tables = await work.read((reader) =>
          reader.query<{ name: string }>(
            `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
          ),
        );
        expect(tables.map(({ name }) => name)).toEqual([
          'events',
          'migrations',
          'runs',
          'session_keys',
          'sessions',
        ]);
        const applied = await work.read((reader) =>
          reader.query<{ name: string }>('SELECT name FROM migrations'),
        );
        expect(new Set(applied.map(({ name }) => name)).size).toBe(applied.length);
        expect(applied[0]?.name).toBe('InitialSchema1763769600000');
        await work.close();
      }
    });

    it('is a write-ahead log with foreign keys, whose commits are brought to the disk', async () => {
      const work = await openNotes(driver);
      const pragma = (name: string) => async (reader: { query(sql: string): Promise<unknown> }) => {
        const [row] = (await reader.query(`PRAGMA ${name}`)) as Record<string, unknown>[];
        return Object.values(row ?? {})[0];
      };
      expect(await work.write(pragma('journal_mode'))).toBe('wal');
      expect(await work.write(pragma('foreign_keys'))).toBe(1);
      expect(await work.read(pragma('foreign_keys'))).toBe(1);
      expect(await work.read(pragma('query_only'))).toBe(1);
      // 2 is FULL. The drivers that block are at 1, NORMAL: there the log is synced after each commit instead.
      expect(await work.write(pragma('synchronous'))).toBe(driver === 'sqlite3' ? 2 : 1);
    });

    it('refuses to write in what reads', async () => {
      const work = await openNotes(driver);
      for (const sql of [
        "INSERT INTO notes VALUES ('x') RETURNING text",
        'WITH x AS (SELECT 1) DELETE FROM notes RETURNING text',
      ]) {
        // toThrow does not know the driver's errors: they are of another realm.
        const message = expect.stringMatching(/readonly|attempt to write/);
        await expect(work.read((reader) => reader.query(sql))).rejects.toMatchObject({ cause: { message } });
      }
    });

    it('takes what belongs to a session with it, and lets one run at a time be under way', async () => {
      const work = await openNotes(driver);
      const session = `INSERT INTO sessions (id, createdAt, updatedAt, name, tags, workspace, metadata, state)
        VALUES ('s', 1, 1, '', '[]', '/', '{}', 'idle')`;
      const run = (id: string, status: string) => (tx: Transaction) =>
        tx.execute(
          `INSERT INTO runs (id, sessionId, status, input, createdAt) VALUES ('${id}', 's', '${status}', '""', 1)`,
        );
      const event = `INSERT INTO events (sessionId, seq, type, data) VALUES ('s', 1, 'system', '{}')`;
      await work.write((tx) => tx.execute(session));
      await work.write(run('one', 'running'));
      await expect(work.write(run('two', 'running'))).rejects.toMatchObject(saying(/UNIQUE/));
      await work.write(run('two', 'queued'));
      await work.write((tx) => tx.execute(event));
      await expect(work.write((tx) => tx.execute(event))).rejects.toMatchObject(saying(/UNIQUE/));
      await expect(work.write((tx) => tx.execute(event.replace(`'s'`, `'nobody'`)))).rejects.toMatchObject(
        saying(/FOREIGN KEY/),
      );
      await work.write((tx) => tx.execute(`DELETE FROM sessions WHERE id = 's'`));
      for (const table of ['runs', 'events']) {
        const rows = await work.read((reader) => reader.query(`SELECT * FROM ${table}`));
        expect(rows).toEqual([]);
      }
    });

    it('can be opened by many at once for the first time, each with its foreign keys', async () => {
      const opened = await Promise.all(Array.from({ length: 4 }, () => openNotes(driver)));
      await Promise.all(opened.map((work, i) => work.write(insert(`${i}`))));
      expect((await notesOf(opened[0] as UnitOfWork)).sort()).toEqual(['0', '1', '2', '3']);
      for (const work of opened) {
        expect(await work.write((tx) => tx.query('PRAGMA foreign_keys'))).toEqual([{ foreign_keys: 1 }]);
      }
    });

    it.each(installed)('can be gone on with by %s', async (other) => {
      const first = await openNotes(driver);
      await first.write(insert('ä, 你好, 👋'));
      open.splice(0);
      await first.close();
      const second = await openNotes(other);
      await second.write(insert('more'));
      expect(await notesOf(second)).toEqual(['ä, 你好, 👋', 'more']);
    });
  });

  describe('a migration', () => {
    const fails = { now: false };
    class Later1900000000000 implements MigrationInterface {
      async up(runner: QueryRunner): Promise<void> {
        await runner.query('CREATE TABLE later (text TEXT)');
        await runner.query('ALTER TABLE notes RENAME COLUMN text TO words');
        await runner.query('DELETE FROM notes');
        if (fails.now) throw new Error('the disk is too old');
      }

      down(): Promise<void> {
        throw new Error('is not asked for');
      }
    }
    const opening = (...more: (new () => MigrationInterface)[]) =>
      openDatabase({ type: 'sqlite', path: file, driver }, [], [...migrations, ...more]);

    it('that fails leaves the old data as it was, for the old version', async () => {
      const work = await openNotes(driver);
      await work.write(insert('old'));
      open.splice(0);
      await work.close();
      const before = await readFile(file);
      fails.now = true;
      await expect(opening(Later1900000000000)).rejects.toThrow(
        `The database file ${file} could not be brought up to this version (the disk is too old). It was left as it was`,
      );
      expect((await readFile(file)).equals(before)).toBe(true);
      expect(await notesOf(await openNotes(driver))).toEqual(['old']);
    });

    it('of a newer version makes this one leave the database alone', async () => {
      const old = await openNotes(driver);
      open.splice(0);
      await old.close();
      fails.now = false;
      const newer = await opening(Later1900000000000);
      await newer.write((tx) => tx.execute(`INSERT INTO notes VALUES ('new')`));
      await newer.close();
      const before = await readFile(file);
      await expect(opening()).rejects.toThrow(
        `The database file ${file} was made by a newer version of this server (Later1900000000000). Nothing was changed.`,
      );
      expect((await readFile(file)).equals(before)).toBe(true);
      const again = await opening(Later1900000000000);
      open.push(again);
      expect(await again.read((reader) => reader.query('SELECT * FROM notes'))).toEqual([{ words: 'new' }]);
    });
  });

  describe('a file that is no sound database', () => {
    const opening = () => openDatabase({ type: 'sqlite', path: file, driver }, []);

    async function expectRefused(reason: RegExp): Promise<void> {
      const before = await readFile(file);
      const error: unknown = await opening().then(
        (work) => work.close(),
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(DatabaseNotOpened);
      expect((error as Error).message).toContain(file);
      expect((error as Error).message).toMatch(reason);
      expect((error as Error).message).not.toContain('\n');
      expect((await readFile(file)).equals(before)).toBe(true);
    }

    /** A database with some pages in it, closed. */
    async function sound(): Promise<void> {
      const work = await openNotes(driver);
      await work.write(insert('x'.repeat(50_000)));
      open.splice(0);
      await work.close();
    }

    it('is refused when it holds something else, and stays as it is', async () => {
      await sound();
      await writeFile(file, 'This is a letter to my grandmother.\n'.repeat(1_000));
      await expectRefused(/damaged or is no SQLite database.*backup/);
    });

    it('is refused when its pages are broken, and stays as it is', async () => {
      await sound();
      const bytes = await readFile(file);
      await writeFile(file, bytes.fill(0xa5, 100, 4_096 * 3));
      await expectRefused(/damaged or is no SQLite database.*backup/);
    });

    it('is refused when a page in its middle is broken, and stays as it is', async () => {
      await sound();
      const bytes = await readFile(file);
      await writeFile(file, bytes.fill(0xa5, 4_096 * 9, 4_096 * 10));
      await expectRefused(/damaged or is no SQLite database.*backup/);
    });

    it('is refused when it was cut off, and stays as it is', async () => {
      await sound();
      const { length } = await readFile(file);
      await truncate(file, length - 100);
      await expectRefused(new RegExp(`damaged.*it has ${length - 100} of its ${length} bytes.*backup`));
    });

    it('is refused when it belongs to another program, and stays as it is', async () => {
      await mkdir(dirname(file));
      const other = await connect(driver);
      await other.query('CREATE TABLE sessions (cookie TEXT)');
      await other.query('CREATE VIEW events AS SELECT cookie FROM sessions');
      open.splice(0);
      await other.destroy();
      await expectRefused(
        /belongs to another program \(it has the tables sessions, events\).*server\.storage\.path/,
      );
    });

    it('is refused when it is a directory', async () => {
      const error: unknown = await openDatabase({ type: 'sqlite', path: directory, driver }, []).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(DatabaseNotOpened);
      expect((error as Error).message).toBe(
        `The database file ${directory} is a directory. Choose another --data-dir.`,
      );
    });

    it('is a new database when it is empty', async () => {
      await mkdir(dirname(file));
      await writeFile(file, '');
      const work = await openNotes(driver);
      expect(await notesOf(work)).toEqual([]);
    });
  });
});
