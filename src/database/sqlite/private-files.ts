import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { chmod, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppConfig } from '../../config/index.js';
import { OWNER_FILE, TOKENS_FILE } from '../../files/data-directory.js';

/** The database itself, its write-ahead log, the log's index, a rollback journal, and the file that is its lock. */
const SQLITE_SUFFIXES = ['', '-wal', '-shm', '-journal', '.guard'];
/** Mode bits of all users but the owner. */
const OTHERS = 0o077;

/**
 * Makes the file of a new database readable by its owner alone: the drivers would leave that to the umask. SQLite
 * gives the files beside it the same mode. Never rejects: the driver's own error says more.
 */
export async function makePrivate(file: string): Promise<void> {
  await open(file, 'wx', 0o600).then(
    (handle) => handle.close(),
    () => undefined, // usually, the file exists
  );
}

/**
 * Makes existing files private: an older version made them readable by other users, or a copy has lost their modes.
 * The data directory, which others may need, is not changed: its owner is warned.
 */
@Injectable()
export class PrivateFiles implements OnModuleInit {
  private readonly logger = new Logger(PrivateFiles.name);

  constructor(@Inject(AppConfig) private readonly config: AppConfig) {}

  /** Runs once the database is known to be this server's: another program's keeps its mode. */
  async onModuleInit(): Promise<void> {
    if (process.getuid === undefined) return; // Windows has no modes
    const wide = await filter(this.files(), isWide);
    const narrowed = await filter(wide, narrow);
    const left = wide.filter((file) => !narrowed.includes(file));
    this.warn('could read', narrowed, 'From now on their owner alone can.');
    this.warn('can read', left, 'Their mode cannot be changed: see to their owner and their file system.');
    const directories = await filter([this.config.dataDir], isWide);
    this.warn('can look into', directories, 'Run "chmod 700" on it, or choose a directory with --data-dir.');
  }

  private files(): string[] {
    const { dataDir, server } = this.config;
    const { storage } = server;
    return [
      ...[TOKENS_FILE, OWNER_FILE].map((name) => join(dataDir, name)),
      ...(storage.type === 'memory' ? [] : SQLITE_SUFFIXES.map((suffix) => storage.path + suffix)),
    ];
  }

  private warn(can: string, paths: readonly string[], then: string): void {
    if (paths.length === 0) return;
    this.logger.warn(`Other users of this machine ${can} ${paths.join(', ')}. ${then}`);
  }
}

/** Whether other users than the owner have any rights. */
async function isWide(path: string): Promise<boolean> {
  return stat(path).then(
    ({ mode }) => (mode & OTHERS) !== 0,
    () => false, // no such file
  );
}

/** Makes a file private. @returns false if that failed: on a file system without modes, or for another user's file */
async function narrow(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined); // SQLite may have removed its log
  if (found && found.uid === process.getuid?.()) await chmod(file, found.mode & 0o700).catch(() => undefined);
  return !(await isWide(file));
}

async function filter(paths: readonly string[], test: (path: string) => Promise<boolean>): Promise<string[]> {
  const passed = await Promise.all(paths.map(test));
  return paths.filter((_path, i) => passed[i]);
}
