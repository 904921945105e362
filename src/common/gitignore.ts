import ignore, { type Ignore } from 'ignore';
import { openIn } from './open-inside.js';
import type { HeldDirectory } from './held-directory.js';
import { readUpTo } from './text-file.js';

const MAX_BYTES = 256 * 1024;

/** What `.gitignore` files leave out; paths are relative to the workspace, those of directories end in `/`. */
export type IgnoreRules = Pick<Ignore, 'ignores'>;

export const NOTHING_IGNORED: IgnoreRules = ignore();

/** The rules above a directory, with those of its own `.gitignore`. @param shown its path, `.` for the workspace */
export async function rulesWithin(
  directory: HeldDirectory,
  shown: string,
  above: IgnoreRules,
): Promise<IgnoreRules> {
  const text = await textOfRules(directory);
  if (text.trim() === '') return above;
  const rules = ignore().add(above as Ignore);
  for (const line of text.split('\n')) {
    const rule = line.trim();
    if (rule !== '' && !rule.startsWith('#')) rules.add(fromRoot(rule, shown === '.' ? '' : shown));
  }
  return rules;
}

/** A rule as it reads from the workspace on. */
function fromRoot(rule: string, directory: string): string {
  if (directory === '') return rule;
  const negated = rule.startsWith('!');
  const pattern = negated ? rule.slice(1) : rule;
  // A pattern with a slash before its end is bound to its directory; any other matches at every depth.
  const bound = pattern.replace(/\/$/, '').includes('/');
  const prefix = `/${directory}${bound ? '' : '/**'}/`;
  return (negated ? '!' : '') + prefix + pattern.replace(/^\//, '');
}

async function textOfRules(directory: HeldDirectory): Promise<string> {
  try {
    const { handle } = await openIn(directory, '.gitignore');
    try {
      return (await readUpTo(handle, MAX_BYTES))?.toString('utf8') ?? '';
    } finally {
      await handle.close();
    }
  } catch {
    return ''; // most have none; one that cannot be read says nothing
  }
}
