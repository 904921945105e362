import { type Effort, fitsAll, STAR } from './wildcards.js';

/** A character in a name pattern: a literal in lower case, or a test of a character in lower case. */
type Character = string | ((character: string, effort: Effort) => boolean);

/** Pattern of one part of a path: a plain text, or characters and stars. */
export type NamePattern = string | readonly (Character | typeof STAR)[];

/** Pattern of a path as in gitignore(5): a {@link STAR} is `**`, any number of directories. */
export type PathPattern = readonly (NamePattern | typeof STAR)[];

const anyCharacter = (): boolean => true;
const ANY_NAME: NamePattern = [STAR];

/** POSIX character classes as ranges of a first and a last character; ASCII only, as in git. */
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  alnum: ['09', 'AZ', 'az'],
  alpha: ['AZ', 'az'],
  blank: ['  ', '\t\t'],
  cntrl: ['\x00\x1f', '\x7f\x7f'],
  digit: ['09'],
  graph: ['!~'],
  lower: ['az'],
  print: [' ~'],
  punct: ['!/', ':@', '[`', '{~'],
  space: ['  ', '\t\r'],
  upper: ['AZ'],
  xdigit: ['09', 'AF', 'af'],
};

/**
 * Parses a pattern of gitignore(5) without `!` and without a slash at its end; case is ignored. Undefined for a pattern
 * that matches nothing in git: a bracket that is not closed, or a backslash at the end.
 */
export function toPathPattern(text: string): PathPattern | undefined {
  const parts = text.split('/');
  // A pattern with a slash is bound to its directory; any other fits at every depth.
  const isBound = parts.length > 1;
  if (parts[0] === '') parts.shift();
  const pattern: (NamePattern | typeof STAR)[] = isBound ? [] : [STAR];
  for (const part of parts) {
    const name = isBound && /^\*\*+$/.test(part) ? STAR : toNamePattern(part);
    if (name === undefined) return undefined;
    if (name !== STAR || pattern.at(-1) !== STAR) pattern.push(name);
  }
  // A pattern that ends in a slash and stars means the content of the directory, not the directory itself.
  if (pattern.at(-1) === STAR) pattern.push(ANY_NAME);
  return pattern;
}

/** Whether a pattern fits a path. @param parts those of the path, in lower case */
export function fitsPath(pattern: PathPattern, parts: readonly string[], effort: Effort): boolean {
  return fitsAll(pattern, parts, (name, part) => fitsName(name, part, effort), effort);
}

function fitsName(pattern: NamePattern, name: string, effort: Effort): boolean {
  if (typeof pattern === 'string') return pattern === name;
  const fits = (element: Character, character: string) =>
    typeof element === 'string' ? element === character : element(character, effort);
  return fitsAll(pattern, name, fits, effort);
}

function toNamePattern(text: string): NamePattern | undefined {
  if (!/[*?[\\]/.test(text)) return text.toLowerCase();
  const pattern: (Character | typeof STAR)[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === '*') {
      if (pattern.at(-1) !== STAR) pattern.push(STAR);
    } else if (character === '?') pattern.push(anyCharacter);
    else if (character === '[') {
      const bracket = toBracket(text, i);
      if (!bracket) return undefined;
      pattern.push(bracket.fits);
      i = bracket.end;
    } else {
      if (character === '\\' && ++i === text.length) return undefined;
      pattern.push(text.charAt(i).toLowerCase());
    }
  }
  return pattern;
}

/** The bracket expression at `start`, and its end; undefined if it is not closed, or has an unknown class. */
function toBracket(text: string, start: number) {
  let i = start + 1;
  const isNegated = text.charAt(i) === '!' || text.charAt(i) === '^';
  if (isNegated) i += 1;
  const ranges: string[] = [];
  const first = i;
  for (; i < text.length; i++) {
    if (text.charAt(i) === ']' && i > first) return { fits: oneOf(ranges, isNegated), end: i };
    if (text.startsWith('[:', i)) {
      const end = text.indexOf(':]', i);
      const named = end === -1 ? undefined : CLASSES[text.slice(i + 2, end)];
      if (!named) return undefined;
      ranges.push(...named);
      i = end + 1;
      continue;
    }
    if (text.charAt(i) === '\\') i += 1;
    const from = text.charAt(i);
    if (text.charAt(i + 1) === '-' && i + 2 < text.length && text.charAt(i + 2) !== ']') {
      i += text.charAt(i + 2) === '\\' ? 3 : 2;
      ranges.push(from + text.charAt(i));
    } else ranges.push(from + from);
  }
  return undefined;
}

function oneOf(ranges: readonly string[], isNegated: boolean): Character {
  const holds = (character: string) =>
    ranges.some((range) => range.charAt(0) <= character && character <= range.charAt(1));
  return (character, effort) => {
    effort.left -= ranges.length;
    return (holds(character) || holds(character.toUpperCase())) !== isNegated;
  };
}
