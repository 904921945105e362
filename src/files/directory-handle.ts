import { constants, type Dirent, existsSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

// Windows knows none of them.
const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants;

/** On Linux, what a descriptor leads to can be asked for, and a path can start at it. */
const DESCRIPTORS = '/proc/self/fd';
const HAS_DESCRIPTOR_PATHS = process.platform === 'linux' && existsSync(DESCRIPTORS);

/**
 * A directory that is held open, so that what is opened in it is in it, whatever is put in the place of its path
 * meanwhile. Names are single parts of a path; a symbolic link is never followed. Where the platform has no paths
 * that start at a descriptor, each file is compared, once it is open, with what its path leads to.
 */
export class DirectoryHandle {
  private constructor(
    /** Its real path. */
    readonly real: string,
    private readonly handle: FileHandle | undefined,
  ) {}

  /**
   * @param real a path without symbolic links
   * @throws the file system's error; ELOOP when something else is in its place by now
   */
  static async open(real: string, held = HAS_DESCRIPTOR_PATHS): Promise<DirectoryHandle> {
    if (!held) {
      if ((await realpath(real)) !== real) throw changed();
      return new DirectoryHandle(real, undefined);
    }
    const handle = await open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      if ((await readlink(`${DESCRIPTORS}/${handle.fd}`)) !== real) throw changed();
      return new DirectoryHandle(real, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Opens a file. What it is has to be looked at: it may be a pipe, or a directory. */
  async file(name: string, flags: number): Promise<FileHandle> {
    // Without O_NONBLOCK a pipe would keep a thread until somebody writes to it.
    const file = await open(this.at(name), flags | O_NOFOLLOW | O_NONBLOCK);
    if (this.handle) return file;
    try {
      await this.compare(file, name);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Makes a directory in it, unless there is one, and opens it. */
  async make(name: string): Promise<DirectoryHandle> {
    await mkdir(this.at(name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const real = join(this.real, name);
    if (!this.handle) return DirectoryHandle.open(real, false);
    return new DirectoryHandle(real, await open(this.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  }

  /** What a name is; a symbolic link is one. */
  stat(name?: string): Promise<Stats> {
    if (name !== undefined) return lstat(this.at(name));
    return this.handle ? this.handle.stat() : lstat(this.real);
  }

  /** Its entries in no order, at most `limit`. */
  async entries(limit: number): Promise<Dirent[]> {
    const entries: Dirent[] = [];
    if (limit <= 0) return entries;
    for await (const entry of await opendir(this.at('.'), { bufferSize: 256 })) {
      entries.push(entry);
      if (entries.length >= limit) break;
    }
    return entries;
  }

  async close(): Promise<void> {
    await this.handle?.close();
  }

  private at(name: string): string {
    return this.handle ? `${DESCRIPTORS}/${this.handle.fd}/${name}` : join(this.real, name);
  }

  private async compare(file: FileHandle, name: string): Promise<void> {
    const path = this.at(name);
    const [opened, there, real] = await Promise.all([file.stat(), stat(path), realpath(path)]);
    if (real !== path || opened.dev !== there.dev || opened.ino !== there.ino) throw changed();
  }
}

function changed(): Error {
  return Object.assign(new Error('Something else is in the place of a path.'), { code: 'ELOOP' });
}
