import { Injectable } from '@nestjs/common';
import type { RunOutcome } from '../agent/index.js';
import { toDomainError } from '../common/errors.js';
import type { Transaction } from '../database/index.js';
import { type EventDraft, EventLog, type StoredAgentEvent } from '../events/index.js';
import { SessionsService, type SessionState } from '../sessions/index.js';
import type { ActiveRun } from './active-runs.js';
import type { OpenRun } from './run.entity.js';
import { type RunEnd, RunsRepository } from './runs.repository.js';

export type LostStatus = 'interrupted' | 'aborted';

/** A run's end, as it was written. */
export interface WrittenEnd {
  readonly events: readonly StoredAgentEvent[];
  /** Whether queries wait in some session: one of them may begin now. */
  readonly someWait: boolean;
}

const STATE_AFTER: Readonly<Record<RunOutcome['status'], SessionState>> = {
  completed: 'idle',
  aborted: 'aborted',
  error: 'error',
  interrupted: 'idle',
};

const RUN_STATUS = {
  completed: 'completed',
  aborted: 'aborted',
  error: 'failed',
  interrupted: 'interrupted',
} as const satisfies Record<RunOutcome['status'], RunEnd['status']>;

const LOST: Readonly<Record<LostStatus, string>> = {
  aborted: 'This run was aborted from another server.',
  interrupted:
    'The server stopped in the middle of this run. What had arrived by then is kept; ask again to go on.',
};

/** Writes down how runs end: the run's row, its last events and its session's state are one commit. */
@Injectable()
export class RunCompletion {
  constructor(
    private readonly runs: RunsRepository,
    private readonly events: EventLog,
    private readonly sessions: SessionsService,
  ) {}

  /**
   * @param last what the run has left to be written with its end
   * @returns what was written; undefined when the run is no longer `owner`'s: then nothing was
   */
  async write(
    tx: Transaction,
    run: ActiveRun,
    owner: string,
    outcome: RunOutcome,
    last: readonly EventDraft[],
  ): Promise<WrittenEnd | undefined> {
    const { id, sessionId } = run;
    if (!(await this.runs.end(tx, id, { status: 'running', owner }, toRunEnd(outcome)))) return undefined;
    const events = await this.events.append(tx, sessionId, id, [...last, ...endEvents(run, outcome)]);
    const someWait = await this.runs.hasQueued(tx);
    const { status } = outcome;
    const state = someWait ? await this.stateAfter(tx, sessionId, status) : STATE_AFTER[status];
    await this.sessions.setState(tx, sessionId, state, outcome);
    return { events, someWait };
  }

  /** The end of a run whose owner cannot write it, or was not asked. Nothing, when it has ended meanwhile. */
  async writeLost(tx: Transaction, run: OpenRun, status: LostStatus): Promise<void> {
    const { id, sessionId, owner } = run;
    const usage = { inputTokens: 0, outputTokens: 0 };
    const end = toRunEnd({ status, iterations: 0, ...usage });
    if (!(await this.runs.end(tx, id, { status: 'running', owner }, end))) return;
    await this.events.append(tx, sessionId, id, [
      { type: 'system', level: 'warning', message: LOST[status] },
      { type: 'agent_run_end', iterations: 0, elapsedMs: 0, status, usage },
    ]);
    await this.sessions.setState(tx, sessionId, await this.stateAfter(tx, sessionId, status));
  }

  /** What the session does once a run of it has ended: a queue is still to be worked on. */
  private async stateAfter(
    tx: Transaction,
    sessionId: string,
    status: RunOutcome['status'],
  ): Promise<SessionState> {
    const waiting = await this.runs.openOf(tx, sessionId);
    return waiting.length > 0 ? 'executing' : STATE_AFTER[status];
  }
}

/** The end of a run whose own cannot be stored: it holds nothing that came from elsewhere. */
export function leastEnd({ status }: RunOutcome): RunOutcome {
  const error = status === 'error' && { error: toDomainError(undefined) };
  return { status, iterations: 0, inputTokens: 0, outputTokens: 0, ...error };
}

function toRunEnd(outcome: RunOutcome): RunEnd {
  const { iterations, inputTokens, outputTokens, error } = outcome;
  return {
    status: RUN_STATUS[outcome.status],
    iterations,
    inputTokens,
    outputTokens,
    errorCode: error?.code ?? null,
    errorMessage: error?.message ?? null,
  };
}

function endEvents(run: ActiveRun, outcome: RunOutcome): EventDraft[] {
  const { status, error, iterations, inputTokens, outputTokens } = outcome;
  const events: EventDraft[] = [];
  if (error) {
    const { error: message, code, details } = error.toBody();
    const more = typeof details === 'object' ? details : undefined;
    events.push({ type: 'system', level: 'error', message, details: { code, ...more } });
  }
  events.push({
    type: 'agent_run_end',
    iterations,
    elapsedMs: Date.now() - run.startedAt,
    status,
    usage: { inputTokens, outputTokens },
  });
  return events;
}
