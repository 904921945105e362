import type { StructuredPatchHunk } from 'diff';
import { Turns } from '../../files/turns.js';
import { countLines, type Edit, edited } from './places.js';

const CONTEXT = 3;
/** Bytes of a file that are compared and shown, before and after the edit together. */
const MAX_BYTES = 64 * 1024;
/** Added and removed lines; a larger difference is shown as replaced as a whole. */
const MAX_DIFFERENCES = 400;
/** Lines that are compared at once: the work grows with them and with the differences. */
const MAX_LINES = 2_000;

const NEWLINE = 10;

/** Some places of an edit with their surrounding lines. */
interface Excerpt {
  /** Byte offset; lines are whole. */
  readonly start: number;
  readonly end: number;
  /** The places from `first` up to, but not including, `last`. */
  readonly first: number;
  readonly last: number;
}

/**
 * A unified diff of an edit. Only the lines around its places are compared: comparing two whole files takes time
 * quadratic in their differences. The diff notes places that are too much to be shown.
 */
export async function editDiff(path: string, edit: Edit): Promise<string> {
  const { formatPatch } = await import('diff');
  const turns = new Turns();
  const linesAdded = countLines(edit.replacement) - countLines(edit.part);
  const hunks: StructuredPatchHunk[] = [];
  let shown = 0;
  let left = MAX_BYTES;
  while (shown < edit.places.length) {
    if (turns.isOver) await turns.next();
    const excerpt = excerptFrom(edit, shown, left);
    if (!excerpt) break;
    const before = edit.before.subarray(excerpt.start, excerpt.end);
    const after = edited(edit, excerpt);
    left -= before.length + after.length;
    const line = lineOf(edit, excerpt);
    for (const hunk of await hunksOf(before.toString('utf8'), after.toString('utf8'))) {
      const newStart = hunk.newStart + line + shown * linesAdded;
      hunks.push({ ...hunk, oldStart: hunk.oldStart + line, newStart });
    }
    shown = excerpt.last;
  }
  const names = { oldFileName: `a/${path}`, newFileName: `b/${path}` };
  return formatPatch({ ...names, oldHeader: undefined, newHeader: undefined, hunks }) + rest(edit, shown);
}

function rest({ places }: Edit, shown: number): string {
  const next = places[shown];
  if (!next) return '';
  const left = places.length - shown;
  return `[… ${left} of ${places.length} replacements, from line ${next.line + 1} on, are too much to be shown here. Read the file to see them.]`;
}

/** Line that an excerpt begins with, from 0. */
function lineOf({ before, places }: Edit, { start, first }: Excerpt): number {
  const place = places[first];
  return place ? place.line - countLines(before.subarray(start, place.at)) : 0;
}

/**
 * Excerpt of the places from `first` on whose surroundings touch: fewer beyond `limit` bytes, and undefined when the
 * first alone exceeds it.
 */
function excerptFrom(edit: Edit, first: number, limit: number): Excerpt | undefined {
  const { before, places, part, replacement } = edit;
  const start = linesBack(before, places[first]?.at ?? 0, CONTEXT);
  let around: Surroundings = { lineEnd: start, end: start, reach: Infinity };
  let last = first;
  for (let next = places[last]; next && next.at < around.reach; next = places[last]) {
    const ends = next.at + part.length;
    const wider = ends < around.lineEnd ? around : surroundings(edit, ends);
    const size = 2 * (wider.end - start) + (last + 1 - first) * (replacement.length - part.length);
    if (size > limit) {
      if (last === first || next.at < around.lineEnd) return undefined;
      return { start, end: Math.min(around.end, linesBack(before, next.at, 0)), first, last };
    }
    around = wider;
    last += 1;
  }
  return { start, end: around.end, first, last };
}

interface Surroundings {
  /** End of the line of a place. */
  readonly lineEnd: number;
  /** End of the lines shown after the place. */
  readonly end: number;
  /** Offset before which another place shares lines with this one. */
  readonly reach: number;
}

function surroundings({ before, part, replacement }: Edit, ends: number): Surroundings {
  // Replacing lines by whole lines leaves the next one as it is.
  const isWhole = part.at(-1) === NEWLINE && replacement.at(-1) === NEWLINE;
  const lineEnd = isWhole ? ends : linesOn(before, ends, 1);
  const end = linesOn(before, lineEnd, CONTEXT);
  return { lineEnd, end, reach: linesOn(before, end, CONTEXT) + 1 };
}

/** Start of the line that holds `at`, or of the line `count` lines before it. */
function linesBack(bytes: Buffer, at: number, count: number): number {
  let start = at;
  for (let i = 0; i <= count && start > 0; i++) {
    // The line itself may begin at `at`; those before it end one byte before the next.
    start = bytes.subarray(0, i === 0 ? start : start - 1).lastIndexOf(NEWLINE) + 1;
  }
  return start;
}

/** End of `count` lines from `from` on. */
function linesOn(bytes: Buffer, from: number, count: number): number {
  let end = from;
  for (let i = 0; i < count; i++) {
    const newline = bytes.indexOf(NEWLINE, end);
    if (newline === -1) return bytes.length;
    end = newline + 1;
  }
  return end;
}

async function hunksOf(before: string, after: string): Promise<StructuredPatchHunk[]> {
  const { structuredPatch } = await import('diff');
  const [old, changed] = [linesOf(before), linesOf(after)];
  const options = { context: CONTEXT, maxEditLength: MAX_DIFFERENCES };
  const isShort = old.length + changed.length <= MAX_LINES;
  const patch = isShort ? structuredPatch('', '', before, after, '', '', options) : undefined;
  return patch?.hunks ?? [replaced(old, changed)];
}

/** Hunk that replaces all lines but those that are the same at both ends. */
function replaced(old: readonly string[], changed: readonly string[]): StructuredPatchHunk {
  const shorter = Math.min(old.length, changed.length);
  let head = 0;
  while (head < shorter && old[head] === changed[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === changed.at(-1 - tail)) tail += 1;
  const signed = (sign: string, lines: readonly string[]) =>
    lines.flatMap((line) =>
      line.endsWith('\n') ? [sign + line.slice(0, -1)] : [sign + line, '\\ No newline at end of file'],
    );
  const lines = [
    ...signed(' ', old.slice(0, head)),
    ...signed('-', old.slice(head, old.length - tail)),
    ...signed('+', changed.slice(head, changed.length - tail)),
    ...signed(' ', old.slice(old.length - tail)),
  ];
  return { oldStart: 1, oldLines: old.length, newStart: 1, newLines: changed.length, lines };
}

/** Lines of a text, with their line ends. */
const linesOf = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
