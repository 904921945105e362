/**
 * Head of a text, of at most `maxLength` UTF-16 code units. A character beyond the basic plane takes two: it is kept
 * whole or left out, since half of it is no text that a provider accepts.
 */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const isSplit = isHighSurrogate(text.charCodeAt(maxLength - 1));
  return text.slice(0, Math.max(0, isSplit ? maxLength - 1 : maxLength));
}

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;

/**
 * The value with every half of a surrogate pair in its texts and keys replaced by U+FFFD; the same object when it has
 * none. Only plain objects and arrays are searched: bytes and URLs stay.
 */
export function wellFormed<T>(value: T): T {
  return isWellFormed(value) ? value : (mended(value) as T);
}

/** Looks without making anything: as a rule a conversation of megabytes holds no half, and is looked through at once. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (Array.isArray(value)) return value.every(isWellFormed);
  if (!isPlain(value)) return true;
  for (const key in value) {
    if (!isWellFormed(value[key]) || !key.isWellFormed()) return false;
  }
  return true;
}

function mended(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(mended);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key.toWellFormed(), mended(each)]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
