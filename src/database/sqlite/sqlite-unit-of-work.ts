import { Logger } from '@nestjs/common';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { elapsedMs, monotonicMs } from '../../common/clock.js';
import { CommitInDoubt, DatabaseUnavailable } from '../database.errors.js';
import { type Delayed, type Reader, type Transaction, UnitOfWork } from '../unit-of-work.js';
import type { CompactFile } from './compact.js';
import { Eraser } from './eraser.js';
import { SpaceReclaimer } from './space-reclaimer.js';
import type { SqlThread } from './sql-thread.js';
import { sqlOf } from './sql.js';
import { WalCheckpointer } from './wal-checkpointer.js';
import type { WalSync } from './wal-sync.js';
import { isBusy, notWritable, toDatabaseError } from './sqlite-errors.js';
import { type PendingWrite, WriteQueue } from './write-queue.js';
import { Writer } from './writer.js';

const BUSY_RETRY_MS = 25;
/** Writes the first page anew. Nothing uses this field of it: 0 is what it holds. */
const REWRITE_HEADER = 'PRAGMA user_version = 0';
/** Retry interval for a commit that the disk has not confirmed. */
const SYNC_RETRY_MS = 250;
/** Duration from which a commit is logged: its writers, and the events behind it, waited for it. */
const SLOW_MS = 500;

/** Connections and threads of one database file. */
export interface Connections {
  readonly writer: DataSource;
  /** A second connection for reads; undefined where there can be one only (in memory). */
  readonly reader?: DataSource;
  /** Syncs the WAL after a commit, where the commit itself does not. */
  readonly log?: WalSync;
  /** Runs what would block the event loop with a synchronous driver. */
  readonly thread?: SqlThread;
  readonly compact?: CompactFile;
}

/**
 * The one writer of a SQLite file. TypeORM gives all callers of a SQLite data source the same connection, and
 * overlapping transactions there lose committed rows; so every write waits here for its turn. Writes that wait
 * together share one transaction and one fsync (group commit), each in a savepoint of its own: a failed one takes
 * back its own rows only.
 */
export class SqliteUnitOfWork extends UnitOfWork {
  private readonly logger = new Logger(UnitOfWork.name);
  private readonly queue = new WriteQueue(() => this.start());
  private draining: Promise<void> | undefined;
  private readonly writer: Writer;
  private readonly reader: DataSource | undefined;
  private readonly log: WalSync | undefined;
  private readonly thread: SqlThread | undefined;
  private readonly committed: Reader | undefined;
  private readonly checkpoints: WalCheckpointer | undefined;
  private readonly eraser: Eraser;
  private readonly space: SpaceReclaimer;
  /** Work between two transactions, in its order. */
  private readonly jobs: (() => Promise<void>)[] = [];

  constructor({ writer, reader, log, thread, compact }: Connections) {
    super();
    this.reader = reader;
    this.log = log;
    this.thread = thread;
    this.writer = new Writer(writer);
    this.checkpoints = thread && new WalCheckpointer(thread);
    this.eraser = new Eraser(this.writer, thread, compact);
    this.space = new SpaceReclaimer((text) => this.between(() => this.allOffLoop(text)));
    if (!reader) return;
    const sql = sqlOf(reader);
    this.committed = {
      select: async (text, values) =>
        (await (this.writer.selectConnection ?? sql).all(text, values)) as never,
      query: async (text, values) => (await sql.all(text, values)) as never,
      find: (entity, options) => reader.manager.find(entity, options),
    };
  }

  override write<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.add(work);
  }

  override persist<T>(work: (tx: Transaction) => Promise<T>, delayed: Delayed): Promise<T> {
    return this.add(work, delayed);
  }

  override async erase(sql: string, values: readonly unknown[], trace: string): Promise<number> {
    try {
      return await this.between(() => this.eraser.erase(sql, values, trace));
    } catch (error) {
      throw toDatabaseError(error);
    } finally {
      this.reclaimSpace();
    }
  }

  /** Gives the file's free pages back to the disk, as soon as nothing is written. */
  reclaimSpace(): void {
    if (this.reader) this.space.wake();
  }

  override async probe(): Promise<void> {
    try {
      await this.add((tx) => tx.execute(REWRITE_HEADER));
    } catch (error) {
      throw notWritable(error);
    }
  }

  override get isStopping(): boolean {
    return this.queue.isClosed;
  }

  override stopRetrying(): void {
    this.queue.close();
  }

  override async read<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    // Only one connection: the read takes its turn among the writes, so that it never sees half of one.
    if (!this.committed) return this.write(work);
    try {
      return await work(this.committed);
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  override async idle(): Promise<void> {
    while (this.draining) await this.draining;
  }

  /** Waits for the last write, moves the log into the database file and closes it. */
  override async close(): Promise<void> {
    this.stopRetrying();
    await this.space.close();
    await this.idle();
    if (this.reader) {
      await this.reader.destroy();
      await this.thread?.close();
      await this.writer.checkpoint().catch(() => undefined); // only tidies up
    }
    await this.writer.close();
    await this.log?.close();
  }

  private add<T>(work: (tx: Transaction) => Promise<T>, delayed?: Delayed): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.queue.add({
        run: async (tx) => {
          result = await work(tx);
        },
        resolve: () => resolve(result),
        reject: (error) => reject(toDatabaseError(error)),
        delayed: delayed && ((reason) => delayed(toDatabaseError(reason))),
        since: monotonicMs(),
      });
      this.start();
    });
  }

  /** Runs a job between two transactions. */
  private between<T>(job: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.jobs.push(() => job().then(resolve, reject));
      this.start();
    });
  }

  private async allOffLoop(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.thread ? (await this.thread.run(sql)).rows : this.writer.all(sql);
  }

  private start(): void {
    this.draining ??= this.drain();
  }

  private async drain(): Promise<void> {
    await turn(); // writes of the same turn of the event loop share the commit
    while (this.queue.ready || this.jobs.length > 0) {
      await this.jobs.shift()?.();
      const since = monotonicMs();
      if (!this.queue.ready || !(await this.begin())) continue;
      const batch = this.queue.take();
      if (await this.commit(batch)) this.logSlow(batch.length, elapsedMs(since));
    }
    this.draining = undefined;
  }

  /**
   * Begins a transaction for the waiting writes. Another process's lock is awaited in slices, because two drivers are
   * synchronous and a long wait would block the event loop.
   * @returns false when no write waits any more: each was rejected with its reason
   */
  private async begin(): Promise<boolean> {
    for (let attempt = 0; this.queue.ready; attempt++) {
      try {
        await this.writer.begin();
        return true;
      } catch (error) {
        if (isBusy(error)) this.queue.rejectExpired(error);
        else this.queue.refuse(this.queue.take(), error);
        await sleep(Math.min(2 ** attempt, BUSY_RETRY_MS));
      }
    }
    return false;
  }

  /** @returns whether it is stored */
  private async commit(batch: readonly PendingWrite[]): Promise<boolean> {
    const failed = new Set<PendingWrite>();
    const hooks: (() => void)[] = [];
    try {
      for (const write of batch) {
        const own: (() => void)[] = [];
        if (await this.runOne(write, own, batch.length > 1)) hooks.push(...own);
        else failed.add(write);
      }
      await this.writer.commit();
    } catch (error) {
      await this.writer.rollback();
      this.queue.refuse(
        batch.filter((write) => !failed.has(write)),
        error,
      );
      return false;
    }
    // No other write runs meanwhile: new writes wait for the next commit, and share its fsync.
    if (!(await this.confirmed(batch))) return false;
    for (const hook of hooks) this.runHook(hook);
    for (const write of batch) write.resolve(); // no effect on a rejected write
    this.queue.accepted();
    this.space.postpone();
    await this.checkpoints?.after(this.writer.takePages());
    await this.eraser.emptyLog();
    return true;
  }

  /**
   * Resolves when a commit is on the disk. Where the disk fails, the commit is in doubt: readers see it, a power cut
   * may take it back. Until that is settled nothing is published, acknowledged or written after it.
   * @returns false when the commit is still in doubt and the server stops; its callers have been told
   */
  private async confirmed(batch: readonly PendingWrite[]): Promise<boolean> {
    const { log, queue } = this;
    if (!log) return true;
    try {
      await log.sync();
      return true;
    } catch (error) {
      queue.warn(error);
    }
    for (let waiting = batch; ;) {
      if (await this.writtenAnew(log)) return true;
      queue.rejectExpired(new DatabaseUnavailable());
      waiting = queue.afterExpiry(waiting, new CommitInDoubt());
      if (queue.isClosed) {
        for (const write of waiting) write.reject(new CommitInDoubt());
        return false;
      }
      await sleep(SYNC_RETRY_MS);
    }
  }

  /**
   * Writes a commit in doubt anew: a checkpoint writes its pages into the database file, and begins the log again. A
   * second fdatasync proves nothing: the system may have forgotten what the first could not write.
   */
  private async writtenAnew(log: WalSync): Promise<boolean> {
    try {
      if (!(await this.writer.checkpoint())) return false;
      await log.sync(); // the empty log must be on the disk, too: it could not be replayed as a whole
      return true;
    } catch {
      return false; // logged when the doubt began; the caller tries again
    }
  }

  /** @returns whether the write is part of the commit; if not, its caller has been told why */
  private async runOne(write: PendingWrite, hooks: (() => void)[], shared: boolean): Promise<boolean> {
    const run = (tx: Transaction) => write.run(tx);
    const failed = shared ? await this.writer.runShared(run, hooks) : await this.writer.run(run, hooks);
    if (failed) write.reject(failed.thrown);
    return !failed;
  }

  private logSlow(writes: number, ms: number): void {
    if (ms <= SLOW_MS) return;
    this.logger.log(`A commit of ${writes} ${writes === 1 ? 'write' : 'writes'} took ${Math.round(ms)} ms`);
  }

  /** Runs a hook of a stored commit: a failing hook must not keep the others from running. */
  private runHook(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.logger.error(`A hook after a commit failed: ${String(error)}`);
    }
  }
}
