/** How much each test in `test/faults` does: 1 is short, 4 is whole, and more is more. */
const SIZE = Number(process.env['FAULTS_SIZE'] ?? 1);
const WHOLE = 4;

/** A count, given for the short form. */
export const scaled = (count: number): number => Math.max(1, Math.round(count * SIZE));

/** Milliseconds for what takes the longer the more is done, given for the short form. */
export const scaledMs = (limitMs: number): number => limitMs * Math.max(1, SIZE);

/** The least that must have come of random choices, given for the whole form: of few, none need come. */
export function scaledLeast(whole: number): number {
  const least = Math.floor((whole * SIZE) / WHOLE);
  return least > 3 ? least : 0;
}
