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
  if (typeof value === 'string') return (value.isWellFormed() ? value : value.toWellFormed()) as T;
  if (Array.isArray(value)) {
    const items: unknown[] = value.map(wellFormed);
    return items.every((item, i) => item === value[i]) ? value : (items as T);
  }
  return isPlain(value) ? wellFormedFields(value) : value;
}

function wellFormedFields<T extends object>(value: T): T {
  const fields = Object.entries(value);
  const mended = fields.map(([key, each]: [string, unknown]) => [wellFormed(key), wellFormed(each)] as const);
  const isSame = mended.every(([key, each], i) => key === fields[i]?.[0] && each === fields[i]?.[1]);
  return isSame ? value : (Object.fromEntries(mended) as T);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
