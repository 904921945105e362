import { constants, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { explainFileError, WrongKindOfFile } from './file-errors.js';
import { DirectoryHandle } from './directory-handle.js';
import type { PathJail } from './path-jail.js';

const { O_CREAT, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** Access to a file; `replace` makes the file and the directories above it if they are missing. */
export type Access = 'read' | 'edit' | 'replace';

// No O_TRUNC: an opened file is checked before it is changed.
const FLAGS: Readonly<Record<Access, number>> = {
  read: O_RDONLY,
  edit: O_RDWR,
  replace: O_WRONLY | O_CREAT,
};

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
    const parent = await (access === 'replace' ? makeDirectory(jail, dirname(real)) : holdParent(real));
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

/** Overwrites the whole content of a file. */
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
