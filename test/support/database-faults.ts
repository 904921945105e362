import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { watch } from 'node:fs';
import { readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HOLD_LOCK = fileURLToPath(new URL('./hold-lock.mjs', import.meta.url));

/** Another process that holds a database's write lock, as a backup tool or a forgotten shell does. */
export class LockHolder {
  private constructor(private readonly child: ChildProcessByStdio<Writable, Readable, null>) {}

  /** Resolves when the lock is held. */
  static async hold(file: string, how: 'IMMEDIATE' | 'EXCLUSIVE' = 'IMMEDIATE'): Promise<LockHolder> {
    const child = spawn(process.execPath, [HOLD_LOCK, file, how], { stdio: ['pipe', 'pipe', 'inherit'] });
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error(`${file} could not be locked.`))),
    ]);
    return new LockHolder(child);
  }

  /** Resolves when the lock is free and the process gone. Safe to call twice. */
  async release(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.stdin.end();
    await exit;
  }
}

/**
 * Limits how large a file a running process may make, by prlimit(1). Node ignores SIGXFSZ, so that its writes
 * beyond the limit fail (EFBIG), as they do on a full disk. The limit is soft: it can be lifted again.
 */
export async function limitFileSize(pid: number, bytes: number | 'unlimited'): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
}

/** Resolves when the process has a file open, as Linux tells: nothing says so by itself. */
export async function opensFile(pid: number, file: string): Promise<void> {
  const directory = `/proc/${pid}/fd`;
  for (let isOpen = false; !isOpen; await sleep(20)) {
    const open = await readdir(directory);
    const targets = await Promise.all(open.map((fd) => readlink(join(directory, fd)).catch(() => '')));
    isOpen = targets.includes(file);
  }
}

const FSYNC_FAULTS = new URL('./fsync-faults.mjs', import.meta.url).href;

/** One `fdatasync`: when it began and when it ended, in milliseconds since the epoch. */
export interface Sync {
  readonly begun: number;
  readonly ended: number;
}

/** The disk of one server, as far as `fdatasync` goes: how long it takes, whether it fails, when it was asked to. */
export class Disk {
  private readonly fails: string;
  private readonly notes: string;

  constructor(
    directory: string,
    private readonly syncMs = 0,
  ) {
    this.fails = join(directory, 'fsync-fails');
    this.notes = join(directory, 'fsync-notes');
  }

  /** The environment that the server is started with. */
  get env(): NodeJS.ProcessEnv {
    return {
      NODE_OPTIONS: `--import=${FSYNC_FAULTS}`,
      FSYNC_MS: String(this.syncMs),
      FSYNC_FAILS: this.fails,
      FSYNC_NOTES: this.notes,
    };
  }

  /** From now on nothing is confirmed. */
  break(): Promise<void> {
    return writeFile(this.fails, '');
  }

  mend(): Promise<void> {
    return rm(this.fails, { force: true });
  }

  /** All that have ended. */
  async syncs(): Promise<Sync[]> {
    const lines = (await readFile(this.notes, 'utf8')).trimEnd().split('\n');
    return lines.map((line) => {
      const [begun, ended] = line.split(' ').map(Number);
      return { begun: begun ?? NaN, ended: ended ?? NaN };
    });
  }

  /** Resolves when `more` of them have ended. */
  async synced(more: number): Promise<void> {
    const watcher = watch(this.notes);
    const changes = on(watcher, 'change');
    const enough = (await this.syncs()).length + more;
    while ((await this.syncs()).length < enough) await changes.next();
    watcher.close();
  }
}
