/** Whether a foreign value is a count, such as of tokens: a safe integer, not below 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A foreign value as a count; 0 if the value is none. */
export const toCount = (value: unknown): number => (isCount(value) ? value : 0);

/** The sum of two counts, capped at the largest safe integer. */
export function addCounts(a: number, b: number): number {
  return Math.min(toCount(a) + toCount(b), Number.MAX_SAFE_INTEGER);
}
