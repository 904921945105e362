import { Injectable } from '@nestjs/common';
import type { Transaction } from '../database/index.js';
import {
  type ActiveRun,
  ActiveRuns,
  type Run,
  RunEvents,
  type RunResult,
  type RunStatus,
} from '../runs/index.js';
import { storedError } from './query.errors.js';

/** A run's result, for a caller that comes after the query was accepted. */
export interface AwaitedResult {
  /** Resolves when the run has ended. Never rejects. */
  readonly done: Promise<RunResult>;
  /** Resolves like `done`; rejects as soon as it is known that the database cannot take the run's end for now. */
  readonly ended: () => Promise<RunResult>;
}

/** The results of runs that were accepted before: of one under way when it ends, of an ended one from the log. */
@Injectable()
export class RunResults {
  constructor(
    private readonly events: RunEvents,
    private readonly active: ActiveRuns,
  ) {}

  /** Looks after the commit: two requests may share a transaction, and only then is the first one's run active. */
  await(tx: Transaction, run: Run): AwaitedResult {
    let active: ActiveRun | undefined;
    const done = new Promise<RunResult>((resolve) => {
      tx.afterCommit(() => {
        active = this.active.get(run.id);
        resolve(active?.done ?? this.stored(run));
      });
    });
    return { done, ended: () => active?.ended() ?? done };
  }

  private async stored(run: Run): Promise<RunResult> {
    const message = await this.events.lastMessage(run);
    const error = storedError(run);
    return {
      runId: run.id,
      status: END_STATUS[run.status],
      ...(message && { message }),
      ...(error && { error }),
    };
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
