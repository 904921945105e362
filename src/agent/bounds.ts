import type { AppConfig } from '../config/index.js';
import type { Room } from '../events/index.js';

/** Result of one tool call, in bytes of JSON. A longer one is cut, and says so. */
export const MAX_RESULT_BYTES = 1_000_000;

/** Results of one answer's calls, in bytes. Calls beyond it are not run. */
export const MAX_STEP_RESULT_BYTES = 6_000_000;

/** Tool calls that one run may make: some for each of its steps. */
export function maxCallsPerRun({ agent }: AppConfig): number {
  return Math.max(1_000, 20 * agent.maxIterations);
}

/**
 * Output of the model and its tools in one request, in bytes of JSON. Older results are left out to stay below it. An
 * answer and the results of one step have room.
 */
export const MAX_OUTPUT_BYTES = 8_000_000;

/** A session's part of a request: the largest user message that this server takes, and some others. */
export function roomForHistory({ server }: AppConfig): Room {
  return {
    inputBytes: server.maxBodyBytes + 4_000_000,
    outputBytes: MAX_OUTPUT_BYTES,
    resultBytes: MAX_STEP_RESULT_BYTES,
  };
}
