import type { Usage } from '../../events/index.js';
import type { RunStatus, RunStep, StoredRun } from '../../runs/index.js';

/** A run as clients see it. Times are milliseconds since the epoch. */
export interface RunDto {
  readonly id: string;
  readonly sessionId: string;
  readonly status: RunStatus;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly provider: string | null;
  readonly model: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly usage: Usage;
  readonly iterations: number;
  readonly attempts: number;
}

/** A run with the steps that it took. */
export interface RunDetailsDto extends RunDto {
  readonly steps: readonly RunStep[];
}

export const toRunDto = (run: StoredRun): RunDto => ({
  id: run.id,
  sessionId: run.sessionId,
  status: run.status,
  createdAt: run.createdAt,
  startedAt: run.startedAt,
  endedAt: run.endedAt,
  provider: run.provider,
  model: run.model,
  error: run.errorCode === null ? null : { code: run.errorCode, message: run.errorMessage ?? '' },
  usage: { inputTokens: run.inputTokens, outputTokens: run.outputTokens },
  iterations: run.iterations,
  attempts: run.attempts,
});
