import { constants, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { explainFileError, WrongKindOfFile } from './file-errors.js';
import { DirectoryHandle } from './directory-handle.js';
import type { PathJail } from './path-jail.js';
import { replaceContent } from './replace-content.js';

const { O_RDONLY, O_RDWR } = constants;

/** Access to a file that is there; {@link replaceFile} makes one. */
export type Access = 'read' | 'edit';

const FLAGS: Readonly<Record<Access, number>> = { read: O_RDONLY, edit: O_RDWR };

export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
  /** Real path of the file. */
  readonly real: string;
}

/**
 * Opens the file of a workspace that a path resolves to, and no other. The caller closes the handle.
 * @throws PathForbidden, also if the path does not allow `access`; FileNotFound; WrongKindOfFile for anything but a
 * regular file
 */
export function openFile(jail: PathJail, path: string, access: Access = 'read'): Promise<OpenFile> {
  return explained(path, async () => {
    const real = await jail.resolve(path, access === 'read' ? 'read' : 'write');
    if (real === jail.root) throw new WrongKindOfFile(path, 'a directory');
    const parent = await holdParent(real);
    try {
      return { ...(await openIn(parent, basename(real), path, access)), real };
    } finally {
      await parent.close();
    }
  });
}

/** Opens a file in a directory whose handle is open already. */
export async function openIn(
  directory: DirectoryHandle,
  name: string,
  path = name,
  access: Access = 'read',
): Promise<Omit<OpenFile, 'real'>> {
  const handle = await directory.file(name, FLAGS[access]);
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) throw new WrongKindOfFile(path, 'a directory');
    if (!stats.isFile()) throw new WrongKindOfFile(path, 'no regular file');
    return { handle, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opens a directory of a workspace. The caller closes it. @throws PathForbidden, FileNotFound, WrongKindOfFile */
export function openDirectory(jail: PathJail, path: string): Promise<DirectoryHandle> {
  return explained(path, async () => DirectoryHandle.open(await jail.resolve(path)));
}

/** Real path and stats of a path, without opening it. @throws PathForbidden, FileNotFound */
export function statInside(jail: PathJail, path: string): Promise<{ real: string; stats: Stats }> {
  return explained(path, async () => {
    const real = await jail.resolve(path);
    const isRoot = real === jail.root;
    const directory = await (isRoot ? DirectoryHandle.open(real) : holdParent(real));
    try {
      return { real, stats: await directory.stat(isRoot ? undefined : basename(real)) };
    } finally {
      await directory.close();
    }
  });
}

/**
 * Gives a file of a workspace a new content, and makes it and the directories above it if they are missing. Whatever
 * happens (a full disk, an abort, a power cut), the file holds the old content or the new one.
 * @returns the real path of the file
 * @throws PathForbidden, WrongKindOfFile, the signal's reason, and the file system's error when the disk is full
 */
export function replaceFile(
  jail: PathJail,
  path: string,
  content: Buffer,
  signal: AbortSignal,
): Promise<string> {
  return explained(path, async () => {
    const real = await jail.resolve(path, 'write');
    if (real === jail.root) throw new WrongKindOfFile(path, 'a directory');
    const parent = await makeDirectory(jail, dirname(real));
    try {
      const existing = await existingIn(parent, basename(real), path);
      try {
        await replaceContent(parent, basename(real), content, { existing, signal });
      } finally {
        await existing?.handle.close();
      }
      return real;
    } finally {
      await parent.close();
    }
  });
}

/** Opens a file for writing, if it is there: one that may not be written must not be replaced either. */
async function existingIn(parent: DirectoryHandle, name: string, path: string) {
  try {
    return await openIn(parent, name, path, 'edit');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainFileError(path, error);
  }
}

/** Opens the parent directory of a path; a file as the parent counts as missing. */
function holdParent(real: string): Promise<DirectoryHandle> {
  return DirectoryHandle.open(dirname(real)).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOTDIR' ? Object.assign(error, { code: 'ENOENT' }) : error;
  });
}

async function makeDirectory(jail: PathJail, real: string): Promise<DirectoryHandle> {
  try {
    return await DirectoryHandle.open(real);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || real === jail.root) throw error;
  }
  const parent = await makeDirectory(jail, dirname(real));
  try {
    return await parent.make(basename(real));
  } finally {
    await parent.close();
  }
}
