import { type DomainError, toDomainError } from '../common/errors.js';
import { toCount } from '../models/index.js';
import type { RunUsage } from '../agent/index.js';
import type { EventDraft, RunEndStatus, Usage } from '../events/index.js';
import type { FinalStatus } from './transitions.js';
import type { SessionState } from './run-session.js';

/** Outcome of a run, before it is stored. */
export interface RunOutcome extends Readonly<RunUsage> {
  readonly status: RunEndStatus;
  /** Set when the status is `error`. */
  readonly error?: DomainError;
}

/** The columns of a run's row that its end sets. */
export interface RunEnd extends Readonly<RunUsage> {
  readonly status: FinalStatus;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
}

/** End status of a run that another server ends: aborted, or interrupted because its own server died. */
export type LostStatus = Extract<RunEndStatus, 'aborted' | 'interrupted'>;

/** Usage as whole numbers: a custom agent may add other values, which the database would refuse with the run's end. */
export function counted({ iterations, inputTokens, outputTokens }: RunUsage): RunUsage {
  return {
    iterations: toCount(iterations),
    inputTokens: toCount(inputTokens),
    outputTokens: toCount(outputTokens),
  };
}

/** Minimal end of a run whose real end cannot be stored: nothing in it comes from the agent. */
export function leastEnd({ status }: RunOutcome): RunOutcome {
  return { ...NO_USAGE, status, ...(status === 'error' && { error: toDomainError(undefined) }) };
}

export const NO_USAGE: RunUsage = { iterations: 0, inputTokens: 0, outputTokens: 0 };

/** State of a session after the end of a run, when its queue is empty. */
export const STATE_AFTER: Readonly<Record<RunEndStatus, SessionState>> = {
  completed: 'idle',
  aborted: 'aborted',
  error: 'error',
  interrupted: 'idle',
};

const ROW_STATUS = {
  completed: 'completed',
  aborted: 'aborted',
  error: 'failed',
  interrupted: 'interrupted',
} as const satisfies Record<RunEndStatus, FinalStatus>;

const LOST: Readonly<Record<LostStatus, string>> = {
  aborted: 'This run was aborted from another server.',
  interrupted:
    'The server stopped in the middle of this run. What had arrived by then is kept; ask again to go on.',
};

export function toRunEnd({ status, error, iterations, inputTokens, outputTokens }: RunOutcome): RunEnd {
  return {
    status: ROW_STATUS[status],
    iterations,
    inputTokens,
    outputTokens,
    errorCode: error?.code ?? null,
    errorMessage: error?.message ?? null,
  };
}

/** Final events of a run that its own server ends. */
export function endEvents(
  { status, error, iterations, ...usage }: RunOutcome,
  elapsedMs: number,
): EventDraft[] {
  const { inputTokens, outputTokens } = usage;
  const end = runEnd(status, iterations, elapsedMs, { inputTokens, outputTokens });
  return error ? [failure(error), end] : [end];
}

/** Final events of a run whose server cannot write them. */
export function lostEvents(status: LostStatus): EventDraft[] {
  const warning: EventDraft = { type: 'system', level: 'warning', message: LOST[status] };
  return [warning, runEnd(status, 0, 0, { inputTokens: 0, outputTokens: 0 })];
}

/** Event that tells a session why its run failed. */
export function failure(error: DomainError): EventDraft {
  const { message, code, details } = error;
  const more = typeof details === 'object' ? details : undefined;
  return { type: 'system', level: 'error', message, details: { code, ...more } };
}

const runEnd = (status: RunEndStatus, iterations: number, elapsedMs: number, usage: Usage): EventDraft => ({
  type: 'agent_run_end',
  iterations,
  elapsedMs,
  status,
  usage,
});
