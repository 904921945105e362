import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { DirectoryHandle } from './directory-handle.js';

const { O_CREAT, O_EXCL, O_WRONLY } = constants;

/** Bytes written between two looks at the signal. */
const CHUNK_BYTES = 1_048_576;
const PERMISSIONS = 0o777;

/** Reasons why a file cannot be made beside another, or not take its place: a directory that others own, a mount. */
const NOT_BESIDE = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV']);

interface Replacement {
  /** The file that has the name now, opened for writing. */
  readonly existing: { readonly handle: FileHandle; readonly stats: Stats } | undefined;
  readonly signal: AbortSignal;
}

/**
 * Gives a name of a directory a new content: written into a hidden file beside it, synced, and renamed. A killed process
 * leaves at most that hidden file. What a rename would break (hard links, another owner, a directory that cannot be
 * written) is written in place, with the disk's space taken before anything is overwritten.
 */
export async function replaceContent(
  parent: DirectoryHandle,
  name: string,
  bytes: Buffer,
  { existing, signal }: Replacement,
): Promise<void> {
  signal.throwIfAborted();
  if (existing && !isReplaceable(existing.stats))
    return overwrite(existing.handle, bytes, existing.stats.size);
  try {
    await replace(parent, name, bytes, { existing, signal });
  } catch (error) {
    if (!existing || !NOT_BESIDE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await overwrite(existing.handle, bytes, existing.stats.size);
  }
}

/** Whether a new file can be what this one is: one name, and an owner that this process can give. */
function isReplaceable({ nlink, uid, gid }: Stats): boolean {
  const isRoot = process.getuid?.() === 0;
  const isOwn = uid === process.getuid?.() && (gid === process.getgid?.() || gidsOfProcess().includes(gid));
  return nlink === 1 && (isRoot || isOwn || process.getuid === undefined);
}

const gidsOfProcess = (): readonly number[] => process.getgroups?.() ?? [];

async function replace(
  parent: DirectoryHandle,
  name: string,
  bytes: Buffer,
  { existing, signal }: Replacement,
): Promise<void> {
  const temporary = `.agent-tars-${randomBytes(8).toString('hex')}.tmp`;
  const file = await parent.file(temporary, O_WRONLY | O_CREAT | O_EXCL, existing ? 0o600 : 0o666);
  try {
    try {
      if (existing) await takeOver(file, existing.stats);
      await writeAll(file, bytes, 0, signal);
      await file.sync();
    } finally {
      await file.close();
    }
    signal.throwIfAborted();
    await parent.rename(temporary, name);
  } catch (error) {
    await parent.remove(temporary);
    throw error;
  }
  await parent.sync();
}

async function takeOver(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const now = await file.stat();
  if (now.uid !== uid || now.gid !== gid) await file.chown(uid, gid);
  await file.chmod(mode & PERMISSIONS);
}

/** Writes what goes beyond the old end first: if the disk is full, the file is as it was. */
async function overwrite(file: FileHandle, bytes: Buffer, size: number): Promise<void> {
  try {
    if (bytes.length > size) await writeAll(file, bytes.subarray(size), size);
  } catch (error) {
    await file.truncate(size);
    throw error;
  }
  await writeAll(file, bytes.subarray(0, size), 0);
  await file.truncate(bytes.length);
  await file.sync();
}

async function writeAll(
  file: FileHandle,
  bytes: Buffer,
  position: number,
  signal?: AbortSignal,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    signal?.throwIfAborted();
    const { bytesWritten } = await file.write(
      bytes,
      at,
      Math.min(CHUNK_BYTES, bytes.length - at),
      position + at,
    );
    at += bytesWritten;
  }
}
