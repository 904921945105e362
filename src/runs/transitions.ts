import type { RunStatus } from './run.entity.js';

/** All transitions of a run's status; `new` is a run without a row. No transition leads back. */
export const TRANSITIONS = {
  new: ['queued', 'running'],
  queued: ['running', 'aborted', 'failed'],
  running: ['completed', 'failed', 'aborted', 'interrupted'],
  completed: [],
  failed: [],
  aborted: [],
  interrupted: [],
} as const satisfies Readonly<Record<RunStatus | 'new', readonly RunStatus[]>>;

/** Statuses of an ended run. */
export type FinalStatus = {
  [Status in RunStatus]: (typeof TRANSITIONS)[Status] extends readonly [] ? Status : never;
}[RunStatus];

/** Statuses that a run can go to from `From`. */
export type Next<From extends keyof typeof TRANSITIONS> = (typeof TRANSITIONS)[From][number];
