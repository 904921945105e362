import { Injectable } from '@nestjs/common';
import type { Transaction } from '../database/index.js';
import { type ActiveRun, ActiveRuns, type Run, RunEvents, type RunResult } from '../runs/index.js';

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
        resolve(active?.done ?? this.events.result(run));
      });
    });
    return { done, ended: () => active?.ended() ?? done };
  }
}
