import { cutText } from '../common/text.js';
import type { StoredAgentEvent, Usage } from '../events/index.js';

/** One step of a run: a model request or a tool call. */
export type RunStep =
  | {
      readonly type: 'model';
      /** When the message was complete. */
      readonly endedAt: number;
      /** From the request to the last token, in milliseconds. */
      readonly durationMs: number;
      readonly finishReason: string;
      readonly usage?: Usage;
    }
  | {
      readonly type: 'tool';
      readonly name: string;
      readonly endedAt: number;
      readonly durationMs: number;
      readonly error?: string;
    };

/** Characters of a step's error; a longer one is cut. */
const MAX_ERROR = 2_000;

/** Steps that one event of a run records: one, or none. */
export function stepsOf(event: StoredAgentEvent): RunStep[] {
  switch (event.type) {
    case 'assistant_message': {
      const { timestamp: endedAt, ttltMs: durationMs, finishReason, usage } = event;
      return [{ type: 'model', endedAt, durationMs, finishReason, ...(usage && { usage }) }];
    }
    case 'tool_result': {
      const { name, timestamp: endedAt, elapsedMs: durationMs, error } = event;
      const failed = error !== undefined && { error: cutText(error, MAX_ERROR) };
      return [{ type: 'tool', name, endedAt, durationMs, ...failed }];
    }
    default:
      return [];
  }
}
