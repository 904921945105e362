import { Turns } from '../../files/turns.js';

/** Place of a text in a file. */
export interface Place {
  /** Byte offset. */
  readonly at: number;
  /** Line of the offset, from 0. */
  readonly line: number;
}

const NEWLINE = 10;
/** Bytes searched between two looks at the clock. */
const STRIDE = 16 * 1024;

/**
 * Places of `part` in `bytes`, from the left and without overlaps, at most `limit`. Yields to the event loop, and
 * reads each byte once (Knuth, Morris and Pratt): `indexOf`, which is faster for most texts, reads a repetitive one
 * again for every byte.
 * @param part not empty
 */
export async function findPlaces(bytes: Buffer, part: Buffer, limit: number): Promise<Place[]> {
  const places: Place[] = [];
  if (part.length > bytes.length) return places;
  const turns = new Turns();
  const borders = await bordersOf(part, turns);
  const linesInside = countLines(part);
  let line = 0;
  let matched = 0;
  for (let i = 0; i < bytes.length && places.length < limit; i++) {
    if (i % STRIDE === 0 && turns.isOver) await turns.next();
    const byte = bytes[i];
    if (byte === NEWLINE) line += 1;
    while (matched > 0 && part[matched] !== byte) matched = borders[matched - 1] ?? 0;
    if (part[matched] === byte) matched += 1;
    if (matched < part.length) continue;
    places.push({ at: i + 1 - part.length, line: line - linesInside });
    matched = 0;
  }
  return places;
}

/** For each prefix of `part`, the length of its longest proper prefix that is also its suffix. */
async function bordersOf(part: Buffer, turns: Turns): Promise<Int32Array> {
  const borders = new Int32Array(part.length);
  let length = 0;
  for (let i = 1; i < part.length; i++) {
    if (i % STRIDE === 0 && turns.isOver) await turns.next();
    while (length > 0 && part[i] !== part[length]) length = borders[length - 1] ?? 0;
    if (part[i] === part[length]) length += 1;
    borders[i] = length;
  }
  return borders;
}

export function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === NEWLINE) lines += 1;
  return lines;
}

/** An edit of a file: `replacement` for `part` at each of the `places`. */
export interface Edit {
  readonly before: Buffer;
  /** In file order; at least one. */
  readonly places: readonly Place[];
  readonly part: Buffer;
  readonly replacement: Buffer;
}

/** The size of the file after the edit, in bytes. */
export function sizeAfter({ before, places, part, replacement }: Edit): number {
  return before.length + places.length * (replacement.length - part.length);
}

/** Edited bytes from `start` to `end`, which hold the places from `first` to `last` whole. */
export function edited(
  { before, places, part, replacement }: Edit,
  { start = 0, end = before.length, first = 0, last = places.length } = {},
): Buffer {
  const pieces: Buffer[] = [];
  let from = start;
  for (const { at } of places.slice(first, last)) {
    pieces.push(before.subarray(from, at), replacement);
    from = at + part.length;
  }
  pieces.push(before.subarray(from, end));
  return Buffer.concat(pieces);
}
