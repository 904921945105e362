import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';

const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;

/** The whole content of a file, or undefined if it has more than `limit` bytes. */
export async function readUpTo(handle: FileHandle, limit: number): Promise<Buffer | undefined> {
  const { size } = await handle.stat();
  if (size > limit) return undefined;
  // One byte more than the size: the file may be growing.
  const buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  return buffer.subarray(0, size);
}

/** The bytes without the first ones of a UTF-8 character at their end, whose last ones are missing. */
export function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3; back++) {
    const byte = bytes.at(-back) ?? 0;
    if (byte < 0x80) break;
    if (byte >= 0xc0) return widthOf(byte) > back ? bytes.subarray(0, -back) : bytes;
  }
  return bytes;
}

/** Bytes of the UTF-8 character that a first byte begins. */
const widthOf = (first: number): number => (first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);

/** Bytes as text, or undefined for binary data: no UTF-8, a zero byte, or too many control characters. */
export function textOf(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes) || bytes.includes(0) || isFullOfControls(bytes)) return undefined;
  return bytes.toString('utf8');
}

/** Whether over a tenth are control characters: no text has so many, and each takes six bytes as JSON. */
function isFullOfControls(bytes: Buffer): boolean {
  let left = Math.max(100, bytes.length / 10);
  for (let i = 0; i < bytes.length && left >= 0; i++) {
    const byte = bytes[i] ?? 0;
    if (byte < SPACE && byte !== TAB && byte !== NEWLINE && byte !== RETURN) left -= 1;
  }
  return left < 0;
}

const LOOKED_AT = 4_096;

/** Whether a file begins like a text. */
export async function isText(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOOKED_AT), 0, LOOKED_AT, 0);
  // The last character may be cut in two.
  const cuts = bytesRead === LOOKED_AT ? [0, 1, 2, 3] : [0];
  return cuts.some((cut) => textOf(buffer.subarray(0, bytesRead - cut)) !== undefined);
}
