import type { AppConfig } from '../config/index.js';
import type { Room } from '../events/index.js';

/** The result of one tool call, in bytes of JSON. What is longer is cut, and says so. */
export const MAX_RESULT_BYTES = 1_000_000;

/** The results of all calls of one answer. Calls beyond it are not run. */
export const MAX_STEP_RESULT_BYTES = 6_000_000;

/** Tool calls that one run may make: some for each of its steps. */
export function maxCallsPerRun({ agent }: AppConfig): number {
  return Math.max(1_000, 20 * agent.maxIterations);
}

/**
 * What a request to a model may hold of what that model and its tools have said, in bytes of JSON. Older results are
 * left out to stay below it. An answer and the results of one step have room.
 */
export const MAX_OUTPUT_BYTES = 8_000_000;

/** What of a session a request may hold: of the user's messages, the largest that this server takes and some others. */
export function roomForHistory({ server }: AppConfig): Room {
  return {
    inputBytes: server.maxBodyBytes + 4_000_000,
    outputBytes: MAX_OUTPUT_BYTES,
    resultBytes: MAX_STEP_RESULT_BYTES,
  };
}
