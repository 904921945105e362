import { constants, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { explainFileError, WrongKindOfFile } from './file-errors.js';
import { DirectoryHandle } from './directory-handle.js';
import type { PathJail } from './path-jail.js';

const { O_CREAT, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** `replace` makes the file, and the directories that it lies in, when they are missing. */
export type Access = 'read' | 'edit' | 'replace';

// Not O_TRUNC: what was opened is looked at before it is changed.
const FLAGS: Readonly<Record<Access, number>> = {
  read: O_RDONLY,
  edit: O_RDWR,
  replace: O_WRONLY | O_CREAT,
};

export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
  /** Its real path. */
  readonly real: string;
}

/**
 * The one way to a file of a workspace: resolves the path and opens what it names, nothing else. The caller closes
 * the handle.
 * @throws PathForbidden, also where `access` is more than the path allows, FileNotFound; WrongKindOfFile when it is no
 * regular file
 */
export function openFile(jail: PathJail, path: string, access: Access = 'read'): Promise<OpenFile> {
  return explained(path, async () => {
    const real = await jail.resolve(path, access === 'read' ? 'read' : 'write');
    if (real === jail.root) throw new WrongKindOfFile(path, 'a directory');
    const parent = await (access === 'replace' ? makeDirectory(jail, dirname(real)) : holdParent(real));
    try {
      return { ...(await openIn(parent, basename(real), path, access)), real };
    } finally {
      await parent.close();
    }
  });
}

/** Opens a file of a directory that is held already. */
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

/** What is at a path, without opening it. @throws PathForbidden, FileNotFound */
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

/** Puts `content` in the place of all that a file holds. */
export async function replaceContent(
  handle: FileHandle,
  content: string | Buffer,
  signal: AbortSignal,
): Promise<void> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  signal.throwIfAborted();
  await handle.truncate(0);
  for (let at = 0; at < bytes.length;) {
    at += (await handle.write(bytes, at, bytes.length - at, at)).bytesWritten;
    signal.throwIfAborted();
  }
}

async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainFileError(path, error);
  }
}

/** A file has no files in it. */
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
