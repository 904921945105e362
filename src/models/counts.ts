/** Whether what somebody else says is a number of things, such as tokens: whole, safe, and not below 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** A number of things that somebody else says; 0 where it is none. */
export const toCount = (value: unknown): number => (isCount(value) ? value : 0);

/** The sum of two counts, which stays one: it ends at the largest safe integer. */
export function addCounts(a: number, b: number): number {
  return Math.min(toCount(a) + toCount(b), Number.MAX_SAFE_INTEGER);
}
