import { Injectable } from '@nestjs/common';
import {
  type AssistantMessageEvent,
  EventPages,
  type EventRow,
  EventTruncator,
  type StoredAgentEvent,
} from '../events/index.js';
import { nextTurn } from '../files/loop-turns.js';
import { type RunStep, stepsOf } from './run-steps.js';
import type { RunResult } from './active-runs.js';
import type { RunStatus, StoredRun } from './run.entity.js';
import { storedError } from './run.errors.js';

/** Reads the stored events of a run one by one: there may be many, and large ones. */
@Injectable()
export class RunEvents {
  constructor(
    private readonly pages: EventPages,
    private readonly frames: EventTruncator,
  ) {}

  /** The steps of the run, in order. */
  async steps({ id: runId, sessionId }: StoredRun): Promise<RunStep[]> {
    const steps: RunStep[] = [];
    const types = ['assistant_message', 'tool_result'];
    for await (const row of this.pages.rows(sessionId, { types, runId })) {
      if (row.data === null) await nextTurn();
      const frame = await this.frames.of(sessionId, row); // truncated is enough: a step holds no long text
      steps.push(...stepsOf(JSON.parse(frame) as StoredAgentEvent));
    }
    return steps;
  }

  /** The result of an ended run. */
  async result(run: StoredRun): Promise<RunResult> {
    const message = await this.lastMessage(run);
    const error = storedError(run);
    return {
      runId: run.id,
      status: END_STATUS[run.status],
      ...(message && { message }),
      ...(error && { error }),
    };
  }

  /** The run's last message; undefined when it has none. */
  private async lastMessage({ id: runId, sessionId }: StoredRun): Promise<AssistantMessageEvent | undefined> {
    let last: EventRow | undefined;
    for await (const row of this.pages.rows(sessionId, { types: ['assistant_message'], runId })) last = row;
    if (!last) return undefined;
    const json = last.data ?? (await this.pages.text(sessionId, last.seq));
    return JSON.parse(json) as AssistantMessageEvent;
  }
}

const END_STATUS: Readonly<Record<RunStatus, RunResult['status']>> = {
  queued: 'interrupted',
  running: 'interrupted',
  completed: 'completed',
  failed: 'error',
  aborted: 'aborted',
  interrupted: 'interrupted',
};
