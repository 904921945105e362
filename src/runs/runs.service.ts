import { Injectable } from '@nestjs/common';
import { toEpochMs } from '../common/clock.js';
import { ActiveRuns, type RunActivity } from './active-runs.js';
import { RunNotFound } from './run.errors.js';
import type { OpenRun, StoredRun } from './run.entity.js';
import { RunEvents } from './run-events.js';
import type { SessionState } from './run-session.js';
import type { RunStep } from './run-steps.js';
import { RunsRepository } from './runs.repository.js';

/** Status of a session: its state, and while it executes, its current run and its queue. */
export type DetailedStatus = {
  readonly isProcessing: boolean;
  readonly state: SessionState;
} & Partial<RunActivity> & {
    /** Number of queued queries. */
    readonly queued?: number;
    /** Queued queries in their order; aborting the run of one removes it. */
    readonly queue?: readonly QueuedRun[];
  };

export interface QueuedRun {
  readonly runId: string;
  /** Place in the queue, from 1. */
  readonly position: number;
  /** When the query was accepted, in milliseconds since the epoch. */
  readonly since: number;
}

/** Runs that are read at once. */
const PAGE = 64;

/** Read model of runs. */
@Injectable()
export class RunsService {
  constructor(
    private readonly runs: RunsRepository,
    private readonly events: RunEvents,
    private readonly active: ActiveRuns,
  ) {}

  /** The session's runs, oldest first, in pages. */
  async *list(sessionId: string): AsyncGenerator<readonly StoredRun[], void, void> {
    for (let after = 0; ;) {
      const page = await this.runs.page(sessionId, after, PAGE);
      yield page;
      const last = page.at(-1);
      if (!last || page.length < PAGE) return;
      after = last.no;
    }
  }

  /** A run with the steps that it took. @throws RunNotFound */
  async details(id: string): Promise<{ run: StoredRun; steps: RunStep[] }> {
    const run = await this.runs.find(id);
    if (!run) throw new RunNotFound(id);
    return { run, steps: await this.events.steps(run) };
  }

  /** Activity and queue of a session in the given state. */
  async statusOf(sessionId: string, state: SessionState): Promise<DetailedStatus> {
    if (state !== 'executing') return { isProcessing: false, state };
    const open = await this.runs.readOpenOf(sessionId);
    const [current] = open;
    const queue = open
      .filter((run) => run.status === 'queued')
      .map(({ id, createdAt }, i) => ({ runId: id, position: i + 1, since: createdAt }));
    const doing = current && this.activityOf(current);
    return { isProcessing: true, state, ...doing, queued: queue.length, queue };
  }

  /** Activity of an unfinished run; less is known about a run of another process. */
  private activityOf({ id, status, createdAt, startedAt, progressAt }: OpenRun): RunActivity {
    const run = this.active.get(id);
    if (status === 'queued') return { runId: id, waitingOn: 'queue', since: createdAt };
    if (!run) return { runId: id, since: startedAt ?? createdAt, lastProgress: progressAt ?? createdAt };
    const { waitingOn } = run;
    return { runId: id, waitingOn, since: toEpochMs(run.since), lastProgress: toEpochMs(run.progressAt()) };
  }
}
