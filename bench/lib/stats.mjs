/** The `q`-quantile of `values` by nearest rank; undefined when there are none. */
export function quantile(values, q) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

/** @returns {{ p50: number, p99: number }} */
export const percentiles = (values) => ({ p50: quantile(values, 0.5), p99: quantile(values, 0.99) });

/** The middle value, or the mean of the two in the middle; undefined when one is missing (not measurable here). */
export function median(values) {
  if (values.length === 0 || values.includes(undefined)) return undefined;
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Of objects with the same numeric fields: the median of each field. */
export function medians(rounds) {
  return Object.fromEntries(
    Object.keys(rounds[0]).map((key) => [key, median(rounds.map((round) => round[key]))]),
  );
}

/** Microseconds on a clock that all processes of one machine share (CLOCK_MONOTONIC, or its like). */
export const nowUs = () => Number(process.hrtime.bigint() / 1000n);
