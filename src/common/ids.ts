import { randomBytes } from 'node:crypto';

/**
 * A URL-safe id that cannot be guessed: 9 characters of time (so that ids sort by age and indexes stay
 * compact), then 96 random bits.
 */
export function newId(now = Date.now()): string {
  if (now !== lastTime) {
    lastTime = now;
    lastPrefix = now.toString(36).padStart(9, '0');
  }
  return lastPrefix + takeRandom().toString('base64url');
}

// Many ids are of one millisecond, and its digits cost as much as the random ones.
let lastTime = 0;
let lastPrefix = '000000000';

// One call to the system's generator serves 256 ids: it costs more than all the rest of an id.
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
