import { join, sep } from 'node:path';
import { IgnoreRules } from './gitignore.js';
import { DirectoryHandle } from './directory-handle.js';
import type { PathJail } from './path-jail.js';
import { sortInTurns, Turns } from './turns.js';
import type { Effort } from './wildcards.js';

/** A file or a directory found by a walk. */
export interface Found {
  readonly name: string;
  /** Relative to the workspace, with `/`. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** Handle of the parent directory; open until the walk continues. */
  readonly parent: DirectoryHandle;
}

/** Maximum depth; in deeper directories, building paths would take most of the walk's time. */
const MAX_DEPTH = 100;
/** Comparisons with rules in the whole walk: some seconds. The walk ends once they are spent. */
const MAX_EFFORT = 500_000_000;

interface Waiting {
  readonly real: string;
  /** The parts of the directory's path, relative to the workspace. */
  readonly parts: readonly string[];
  readonly rules: IgnoreRules;
}

/**
 * Walks a directory of the workspace breadth-first, each level in the order of names: at most `limit` entries, in turns
 * of the event loop. `.gitignore` files are respected. Hidden names, `node_modules`, symbolic links, special files and
 * unreadable directories are skipped.
 * @param start a real path
 * @throws the file system's error if the first directory cannot be read
 */
export async function* walk(jail: PathJail, start: string, limit: number): AsyncGenerator<Found> {
  const turns = new Turns();
  const effort: Effort = { left: MAX_EFFORT };
  const waiting = [await first(jail, start, effort, turns)];
  let left = limit;
  for (let next = waiting.shift(); next && left > 0; next = waiting.shift()) {
    const { real, parts } = next;
    const skipBelow = (error: unknown): undefined => {
      if (real === start) throw error;
    };
    const parent = await DirectoryHandle.open(real).catch(skipBelow);
    if (!parent) continue;
    try {
      const rules = await next.rules.within(parent, parts.length, turns);
      const entries = (await parent.entries(left).catch(skipBelow)) ?? [];
      left -= entries.length;
      for (const entry of await sortInTurns(entries, byName, turns)) {
        if (turns.isOver) await turns.next();
        if (effort.left <= 0) return;
        const { name } = entry;
        const isDirectory = entry.isDirectory();
        if (name === 'node_modules' || (!isDirectory && !entry.isFile())) continue;
        const inside = [...parts, name];
        if (jail.hides(inside, isDirectory) || rules.ignores(inside, isDirectory, effort)) continue;
        yield { name, path: inside.join('/'), isDirectory, parent };
        if (isDirectory && parts.length < MAX_DEPTH) {
          waiting.push({ real: join(real, name), parts: inside, rules });
        }
      }
    } finally {
      await parent.close();
    }
  }
}

/** The start directory of a walk, with the rules of the directories above it. */
async function first(jail: PathJail, start: string, effort: Effort, turns: Turns): Promise<Waiting> {
  const parts = start === jail.root ? [] : start.slice(jail.root.length + 1).split(sep);
  let real = jail.root;
  let rules = IgnoreRules.NONE;
  for (const [depth, part] of parts.entries()) {
    const directory = await DirectoryHandle.open(real);
    try {
      rules = await rules.within(directory, depth, turns);
    } finally {
      await directory.close();
    }
    if (rules.ignores(parts.slice(0, depth + 1), true, effort))
      return { real: start, parts, rules: IgnoreRules.ALL };
    real = join(real, part);
  }
  return { real: start, parts, rules };
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
