import type { Dirent, Stats } from 'node:fs';
import type { DirectoryHandle } from './directory-handle.js';
import { explainFileError } from './file-errors.js';
import { openDirectory, statInside } from './jailed-files.js';
import type { PathJail } from './path-jail.js';
import { sortInTurns, Turns } from './turns.js';

/** Maximum of listed entries: no person reads more. */
const MAX_ENTRIES = 10_000;
const AT_ONCE = 16;

export interface Listed {
  readonly name: string;
  /** Relative to the workspace, with `/`. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** In bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
}

export interface Listing {
  /** Relative to the workspace, with `/`; the workspace itself is `.`. */
  readonly path: string;
  /** Directories first, then by name. */
  readonly entries: readonly Listed[];
  /** Whether the directory has more entries. */
  readonly truncated: boolean;
}

/**
 * The entries of a directory of the workspace, without hidden ones and without links that lead out of the workspace.
 * @throws PathForbidden, FileNotFound, WrongKindOfFile
 */
export async function listDirectory(jail: PathJail, path: string): Promise<Listing> {
  const directory = await openDirectory(jail, path);
  try {
    const shown = jail.show(directory.real);
    const found = await directory.entries(MAX_ENTRIES + 1);
    const entries: Listed[] = [];
    for (let i = 0; i < Math.min(found.length, MAX_ENTRIES); i += AT_ONCE) {
      const some = found.slice(i, Math.min(i + AT_ONCE, MAX_ENTRIES));
      const listed = await Promise.all(some.map((entry) => describe(jail, directory, shown, entry)));
      for (const each of listed) if (each) entries.push(each);
    }
    // Some names take a hundred times as long to compare as others.
    const sorted = await sortInTurns(entries, directoriesFirst, new Turns());
    return { path: shown, entries: sorted, truncated: found.length > MAX_ENTRIES };
  } catch (error) {
    throw explainFileError(path, error);
  } finally {
    await directory.close();
  }
}

async function describe(
  jail: PathJail,
  directory: DirectoryHandle,
  shown: string,
  entry: Dirent,
): Promise<Listed | undefined> {
  const { name } = entry;
  const path = shown === '.' ? name : `${shown}/${name}`;
  if (jail.hides(path.split('/'), entry.isDirectory())) return undefined;
  try {
    const stats: Stats = entry.isSymbolicLink()
      ? (await statInside(jail, path)).stats
      : await directory.stat(name);
    if (!stats.isFile() && !stats.isDirectory()) return undefined;
    const { size, mtimeMs } = stats;
    return { name, path, isDirectory: stats.isDirectory(), size, modified: Math.round(mtimeMs) };
  } catch {
    return undefined; // removed meanwhile, or a link to something hidden
  }
}

const order = new Intl.Collator('en', { numeric: true }).compare;

function directoriesFirst(a: Listed, b: Listed): number {
  return Number(b.isDirectory) - Number(a.isDirectory) || order(a.name, b.name);
}
