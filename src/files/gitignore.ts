import { fitsPath, type PathPattern, toPathPattern } from './glob.js';
import type { DirectoryHandle } from './directory-handle.js';
import { openIn } from './jailed-files.js';
import { readUpTo } from './text-file.js';
import type { Turns } from './turns.js';
import type { Effort } from './wildcards.js';

const MAX_BYTES = 128 * 1024;
/** Maximum of rules in one file. Further rules, and those longer than {@link MAX_RULE}, are ignored. */
const MAX_RULES = 5_000;
const MAX_RULE = 1_000;
/** Comparisons of one path with all rules: some milliseconds. The rules of real projects take some thousands. */
const MAX_EFFORT = 100_000;

interface Rule {
  readonly pattern: PathPattern;
  readonly isNegated: boolean;
  readonly isForDirectories: boolean;
}

/**
 * Rules of `.gitignore` files as in gitignore(5), but without regard to case. The caller must not enter an ignored
 * directory: paths in it are not recognised as ignored.
 */
export class IgnoreRules {
  static readonly NONE = new IgnoreRules([], 0, undefined);
  static readonly ALL = new IgnoreRules(toRule('*'), 0, undefined);

  /**
   * @param rules those of one directory
   * @param depth number of parts of the directory's path, relative to the workspace
   * @param above the rules of the directories above, with lower priority
   */
  private constructor(
    private readonly rules: readonly Rule[],
    private readonly depth: number,
    private readonly above: IgnoreRules | undefined,
  ) {}

  /** These rules with those of a directory's own `.gitignore`. @param depth 0 for the workspace */
  async within(directory: DirectoryHandle, depth: number, turns: Turns): Promise<IgnoreRules> {
    const text = await textOfRules(directory);
    return text === '' ? this : this.with(text, depth, turns);
  }

  /** These rules with those of a `.gitignore` in a directory below. */
  async with(text: string, depth: number, turns: Turns): Promise<IgnoreRules> {
    const rules: Rule[] = [];
    for (const line of text.split('\n', MAX_RULES)) {
      if (turns.isOver) await turns.next();
      rules.push(...toRule(line));
    }
    return rules.length === 0 ? this : new IgnoreRules(rules, depth, this);
  }

  /**
   * @param parts those of a path relative to the workspace
   * @param effort comparisons left for the whole walk; once they are spent, a path is not ignored
   */
  ignores(parts: readonly string[], isDirectory: boolean, effort: Effort): boolean {
    const own = { left: Math.min(MAX_EFFORT, effort.left) };
    const before = own.left;
    const rule = this.lastThatFits(
      parts.map((part) => part.toLowerCase()),
      isDirectory,
      own,
    );
    effort.left -= before - own.left;
    return rule !== undefined && !rule.isNegated;
  }

  private lastThatFits(parts: readonly string[], isDirectory: boolean, effort: Effort): Rule | undefined {
    const inside = parts.slice(this.depth);
    const own = this.rules.findLast((rule) => {
      if (--effort.left < 0 || (rule.isForDirectories && !isDirectory)) return false;
      return fitsPath(rule.pattern, inside, effort);
    });
    return own ?? this.above?.lastThatFits(parts, isDirectory, effort);
  }
}

/** The rule of a line, if any. */
function toRule(text: string): Rule[] {
  const line = withoutBlanks(text);
  if (line === '' || line.startsWith('#') || line.length > MAX_RULE) return [];
  const isNegated = line.startsWith('!');
  const isForDirectories = line.endsWith('/');
  const pattern = toPathPattern(line.slice(isNegated ? 1 : 0, isForDirectories ? -1 : undefined));
  return pattern ? [{ pattern, isNegated, isForDirectories }] : [];
}

/** A line without trailing blanks; a backslash before the first of them keeps that one. */
function withoutBlanks(line: string): string {
  const trimmed = line.trimEnd();
  return trimmed.endsWith('\\') && trimmed.length < line.length ? line.slice(0, trimmed.length + 1) : trimmed;
}

async function textOfRules(directory: DirectoryHandle): Promise<string> {
  try {
    const { handle } = await openIn(directory, '.gitignore');
    try {
      return (await readUpTo(handle, MAX_BYTES))?.toString('utf8') ?? '';
    } finally {
      await handle.close();
    }
  } catch {
    return ''; // most directories have none; an unreadable file counts as empty
  }
}
