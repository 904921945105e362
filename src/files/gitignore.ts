import { fitsPath, type PathPattern, toPathPattern } from './glob.js';
import type { DirectoryHandle } from './directory-handle.js';
import { openIn } from './jailed-files.js';
import { readUpTo } from './text-file.js';
import type { Turns } from './turns.js';
import type { Effort } from './wildcards.js';

const MAX_BYTES = 128 * 1024;
/** Of one file. The rules after them are not heeded, nor is one that is longer than {@link MAX_RULE}. */
const MAX_RULES = 5_000;
const MAX_RULE = 1_000;
/** Comparisons for one path, with all rules: milliseconds of them. The rules of real projects take some thousands. */
const MAX_EFFORT = 100_000;

interface Rule {
  readonly pattern: PathPattern;
  readonly isNegated: boolean;
  readonly isForDirectories: boolean;
}

/**
 * What `.gitignore` files leave out, as gitignore(5) has it, but that case does not matter. A directory that is left
 * out is not to be entered: what lies in it is not looked at again.
 */
export class IgnoreRules {
  static readonly NONE = new IgnoreRules([], 0, undefined);
  static readonly ALL = new IgnoreRules(toRule('*'), 0, undefined);

  /**
   * @param rules of one directory
   * @param depth how many parts its path has, from the workspace on
   * @param above the rules that come after them
   */
  private constructor(
    private readonly rules: readonly Rule[],
    private readonly depth: number,
    private readonly above: IgnoreRules | undefined,
  ) {}

  /** The rules within a directory, with those of its own `.gitignore`. @param depth 0 for the workspace */
  async within(directory: DirectoryHandle, depth: number, turns: Turns): Promise<IgnoreRules> {
    const text = await textOfRules(directory);
    return text === '' ? this : this.with(text, depth, turns);
  }

  /** These rules with those of a `.gitignore` further down. */
  async with(text: string, depth: number, turns: Turns): Promise<IgnoreRules> {
    const rules: Rule[] = [];
    for (const line of text.split('\n', MAX_RULES)) {
      if (turns.isOver) await turns.next();
      rules.push(...toRule(line));
    }
    return rules.length === 0 ? this : new IgnoreRules(rules, depth, this);
  }

  /**
   * @param parts those of a path, from the workspace on
   * @param effort what a whole walk may spend; undecided, a path is not left out
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

/** The rule of a line, if it holds one. */
function toRule(text: string): Rule[] {
  const line = withoutBlanks(text);
  if (line === '' || line.startsWith('#') || line.length > MAX_RULE) return [];
  const isNegated = line.startsWith('!');
  const isForDirectories = line.endsWith('/');
  const pattern = toPathPattern(line.slice(isNegated ? 1 : 0, isForDirectories ? -1 : undefined));
  return pattern ? [{ pattern, isNegated, isForDirectories }] : [];
}

/** Blanks at the end do not count, unless a backslash stands before the first of them. */
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
    return ''; // most have none; one that cannot be read says nothing
  }
}
