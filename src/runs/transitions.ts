import type { RunStatus } from './run.entity.js';

/** Every change of a run's status that exists; `new` is a run without a row. No way leads back. */
export const TRANSITIONS = {
  new: ['queued', 'running'],
  queued: ['running', 'aborted', 'failed'],
  running: ['completed', 'failed', 'aborted', 'interrupted'],
  completed: [],
  failed: [],
  aborted: [],
  interrupted: [],
} as const satisfies Readonly<Record<RunStatus | 'new', readonly RunStatus[]>>;

/** The statuses in which a run has ended. */
export type FinalStatus = {
  [Status in RunStatus]: (typeof TRANSITIONS)[Status] extends readonly [] ? Status : never;
}[RunStatus];

/** The statuses that a run can go to from `From`. */
export type Next<From extends keyof typeof TRANSITIONS> = (typeof TRANSITIONS)[From][number];
