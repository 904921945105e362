import type { StoredAgentEvent, Usage } from '../events/index.js';

/** One step of a run: the model was asked, or a tool was called. */
export type RunStep =
  | {
      readonly type: 'model';
      /** When its message was complete. */
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

/** What a run did, step by step, as its events tell it. */
export function stepsOf(events: readonly StoredAgentEvent[]): RunStep[] {
  return events.flatMap((event): RunStep[] => {
    switch (event.type) {
      case 'assistant_message': {
        const { timestamp: endedAt, ttltMs: durationMs, finishReason, usage } = event;
        return [{ type: 'model', endedAt, durationMs, finishReason, ...(usage && { usage }) }];
      }
      case 'tool_result': {
        const { name, timestamp: endedAt, elapsedMs: durationMs, error } = event;
        return [{ type: 'tool', name, endedAt, durationMs, ...(error !== undefined && { error }) }];
      }
      default:
        return [];
    }
  });
}
