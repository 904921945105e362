import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';

/** All that a file holds, or undefined when that is more than `limit` bytes. */
export async function readUpTo(handle: FileHandle, limit: number): Promise<Buffer | undefined> {
  const { size } = await handle.stat();
  if (size > limit) return undefined;
  // One byte more than it should have: it may be growing.
  const buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  return buffer.subarray(0, size);
}

/** Bytes as text, or undefined when they are none: no UTF-8, or with a zero byte in them. */
export function textOf(bytes: Buffer): string | undefined {
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString('utf8') : undefined;
}

const LOOKED_AT = 4_096;

/** Whether a file begins like a text. */
export async function isText(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOOKED_AT), 0, LOOKED_AT, 0);
  // The last character may be cut in two.
  const cuts = bytesRead === LOOKED_AT ? [0, 1, 2, 3] : [0];
  return cuts.some((cut) => textOf(buffer.subarray(0, bytesRead - cut)) !== undefined);
}
