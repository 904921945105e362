import { setFlagsFromString } from 'node:v8';

// V8 sizes its heap by the machine: with much memory, garbage would stay until the process takes 200 MB and more.
// Measured on the create and query parts of the benchmark: 105 MB idle and 145 MB after 2,000 sessions instead of 137
// and 220, at the same speed. `--optimize-for-size` all the time would take 120 MB, and cost a third of the speed.

/** While the server loads, trades speed for memory: most of what loading allocates is garbage afterwards. */
export function tuneForStartup(): void {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--heap-growing-percent=20'); // growth of the heap between two collections
}

/**
 * After start-up, trades memory for speed: collecting the old generation half as often saves a tenth of a short query's
 * CPU, and costs 10 MB under load.
 */
export function tuneForThroughput(): void {
  setFlagsFromString('--no-optimize-for-size');
  setFlagsFromString('--heap-growing-percent=50');
}
