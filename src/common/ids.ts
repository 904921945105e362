import { randomBytes } from 'node:crypto';
import { epochMs } from './clock.js';

/**
 * A URL-safe id that cannot be guessed: 9 characters of time (so that ids sort by age and indexes stay
 * compact), then 96 random bits.
 */
export function newId(now = epochMs()): string {
  return now.toString(36).padStart(9, '0') + takeRandom().toString('base64url');
}

// One call to the system's generator serves 256 ids: a call costs more than the rest of an id.
const CHUNK = 12;
let pool = Buffer.alloc(0);
let offset = 0;

function takeRandom(): Buffer {
  if (offset >= pool.length) {
    pool = randomBytes(CHUNK * 256);
    offset = 0;
  }
  offset += CHUNK;
  return pool.subarray(offset - CHUNK, offset);
}
