// The two clocks of the server. This file alone reads them: see no-restricted-syntax in eslint.config.js.

/** Least difference that is a step of the wall clock, in milliseconds: a reading itself may be one off. */
const STEP_MS = 10;

/**
 * Wall clock, in milliseconds since the epoch: for timestamps, and for expiries that are stored. It may step, forwards
 * and back.
 */
export const epochMs = (): number => Date.now();

/** Monotonic clock, in milliseconds with fractions: for limits, deadlines and durations in this process. */
export const monotonicMs = (): number => performance.now();

/** Whole milliseconds since a reading of {@link monotonicMs}. */
export const elapsedMs = (since: number): number => Math.round(monotonicMs() - since);

let offset = epochMs() - monotonicMs();

/** A reading of {@link monotonicMs} as a time of the wall clock as it goes now; the same each time, until that steps. */
export function toEpochMs(reading: number): number {
  const current = epochMs() - monotonicMs();
  if (Math.abs(current - offset) > STEP_MS) offset = current;
  return Math.round(reading + offset);
}
