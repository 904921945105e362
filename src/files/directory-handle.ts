import { constants, type Dirent, existsSync, type Stats } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  opendir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { join } from 'node:path';

// Windows has none of these flags.
const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants;

/** On Linux, a descriptor's target can be read, and a path can start at a descriptor. */
const DESCRIPTORS = '/proc/self/fd';
const HAS_DESCRIPTOR_PATHS = process.platform === 'linux' && existsSync(DESCRIPTORS);

/**
 * An open directory: files opened through the handle lie in that directory, even if its path is replaced meanwhile.
 * Names are single parts of a path; symbolic links are never followed. On platforms without paths that start at a
 * descriptor, each opened file is compared with the target of its path.
 */
export class DirectoryHandle {
  private constructor(
    /** Real path of the directory. */
    readonly real: string,
    private readonly handle: FileHandle | undefined,
  ) {}

  /**
   * @param real a path without symbolic links
   * @throws the file system's error; ELOOP if the path no longer leads to that directory
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

  /** Opens a file. The caller must check its type: it may be a pipe or a directory. */
  async file(name: string, flags: number, mode?: number): Promise<FileHandle> {
    // Without O_NONBLOCK a pipe would block a thread until another process writes to it.
    const file = await open(this.at(name), flags | O_NOFOLLOW | O_NONBLOCK, mode);
    if (this.handle) return file;
    try {
      await this.compare(file, name);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Opens a subdirectory, made if missing. */
  async make(name: string): Promise<DirectoryHandle> {
    await mkdir(this.at(name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const real = join(this.real, name);
    if (!this.handle) return DirectoryHandle.open(real, false);
    return new DirectoryHandle(real, await open(this.at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  }

  /** Puts a file of the directory in the place of another name. A symbolic link there is replaced, not followed. */
  async rename(from: string, to: string): Promise<void> {
    if (!this.handle && (await realpath(this.real)) !== this.real) throw changed();
    await rename(this.at(from), this.at(to));
  }

  /** Removes a file of the directory, if it is there. */
  async remove(name: string): Promise<void> {
    await rm(this.at(name), { force: true });
  }

  /** Brings the names of the directory to the disk, where the platform can. */
  async sync(): Promise<void> {
    await this.handle?.sync();
  }

  /** Stats of a name, without following a symbolic link; of the directory itself without a name. */
  stat(name?: string): Promise<Stats> {
    if (name !== undefined) return lstat(this.at(name));
    return this.handle ? this.handle.stat() : lstat(this.real);
  }

  /** At most `limit` entries of the directory, in no order. */
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
