import { join, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type IgnoreRules, NOTHING_IGNORED, rulesWithin } from './gitignore.js';
import { HeldDirectory } from './held-directory.js';
import type { PathJail } from './path-jail.js';

/** A file or a directory that a walk came upon. */
export interface Found {
  readonly name: string;
  /** Relative to the workspace, with `/`. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** The directory it lies in; open until the walk goes on. */
  readonly parent: HeldDirectory;
}

/** So many entries are looked at between two turns of the event loop. */
const AT_ONCE = 200;

/**
 * Goes through what lies in a directory of the workspace, level by level, each in the order of names: at most
 * `limit` entries. `.gitignore` files are respected; hidden names, `node_modules`, symbolic links, and what is
 * neither a file nor a directory are passed over, and so are directories that cannot be read.
 * @param start a real path
 * @throws the file system's error when the first directory cannot be read
 */
export async function* walk(jail: PathJail, start: string, limit: number): AsyncGenerator<Found> {
  const waiting = [{ real: start, rules: await rulesAbove(jail, start) }];
  let left = limit;
  for (let next = waiting.shift(); next && left > 0; next = waiting.shift()) {
    const { real } = next;
    const skipBelow = (error: unknown): undefined => {
      if (real === start) throw error;
    };
    const parent = await HeldDirectory.open(real).catch(skipBelow);
    if (!parent) continue;
    try {
      const shown = jail.show(real);
      const rules = await rulesWithin(parent, shown, next.rules);
      const entries = (await parent.entries(left).catch(skipBelow)) ?? [];
      left -= entries.length;
      entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      for (const [i, entry] of entries.entries()) {
        if (i % AT_ONCE === AT_ONCE - 1) await setImmediate();
        const { name } = entry;
        const isDirectory = entry.isDirectory();
        if (name === 'node_modules' || (!isDirectory && !entry.isFile())) continue;
        const path = shown === '.' ? name : `${shown}/${name}`;
        if (jail.hides(path.split('/'), isDirectory) || rules.ignores(isDirectory ? `${path}/` : path))
          continue;
        yield { name, path, isDirectory, parent };
        if (isDirectory) waiting.push({ real: join(real, name), rules });
      }
    } finally {
      await parent.close();
    }
  }
}

/** The rules of the directories above `start`. */
async function rulesAbove(jail: PathJail, start: string): Promise<IgnoreRules> {
  let rules = NOTHING_IGNORED;
  for (let real = jail.root; start.startsWith(real + sep); real = join(real, nextPart(real, start))) {
    const directory = await HeldDirectory.open(real);
    try {
      rules = await rulesWithin(directory, jail.show(real), rules);
    } finally {
      await directory.close();
    }
  }
  return rules;
}

const nextPart = (above: string, path: string): string => path.slice(above.length + 1).split(sep, 1)[0] ?? '';
