import { fdatasync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Syncs SQLite's write-ahead log to the disk after a commit, off the event loop: what `synchronous=FULL` adds to
 * `NORMAL` in WAL mode (sqlite.org/pragma.html#pragma_synchronous: FULL syncs the WAL after each transaction). The
 * same durability, without stopping every stream for the length of an fsync.
 */
export class WalSync {
  private handle: Promise<FileHandle> | undefined;

  /** @param database the database file; its log lies beside it, and stays the same file while it is open */
  constructor(private readonly database: string) {}

  /** Resolves when all commits so far are on the disk. */
  async sync(): Promise<void> {
    const { fd } = await (this.handle ??= this.opened());
    await new Promise<void>((resolve, reject) =>
      fdatasync(fd, (error) => (error ? reject(error) : resolve())),
    );
  }

  async close(): Promise<void> {
    await (await this.handle)?.close();
  }

  private opened(): Promise<FileHandle> {
    const handle = this.open();
    handle.catch(() => (this.handle = undefined)); // too many open files, for instance: the next call tries again
    return handle;
  }

  private async open(): Promise<FileHandle> {
    const log = await open(`${this.database}-wal`, 'r+');
    // The log's own entry in its directory must be there after a power cut, too.
    const directory = await open(dirname(this.database), 'r').catch(() => undefined); // not on Windows
    await directory?.sync().catch(() => undefined);
    await directory?.close();
    return log;
  }
}
