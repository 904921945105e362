import { Injectable } from '@nestjs/common';
import type { WaitingOn } from '../agent/index.js';
import { monotonicMs } from '../common/clock.js';
import type { DomainError } from '../common/errors.js';
import type { AssistantMessageEvent, RunEndStatus } from '../events/index.js';
import { claimOwnerId, releaseOwnerId } from './run-owner.js';

/** Result of a run, once its end is committed. */
export interface RunResult {
  readonly runId: string;
  readonly status: RunEndStatus;
  /** The final message, if there is one. */
  readonly message?: AssistantMessageEvent;
  readonly error?: DomainError;
}

/** Activity of an unfinished run. Times are milliseconds since the epoch. */
export interface RunActivity {
  readonly runId: string;
  /** Unknown for a run of another process. */
  readonly waitingOn?: WaitingOn;
  /** Start of the current wait. */
  readonly since: number;
  /** Time of the last event or model token. */
  readonly lastProgress?: number;
}

/** An unfinished run that this process has accepted: queued or running. */
export class ActiveRun {
  private readonly controller = new AbortController();
  private settle: (result: RunResult) => void = () => undefined;
  /** Resolves when the run's end is committed. Never rejects. */
  readonly done = new Promise<RunResult>((resolve) => (this.settle = resolve));
  private readonly waiters = new Set<(error: DomainError) => void>();
  /** Whether the waiters were told that the database refuses the run's writes. */
  delayNotified = false;
  /** By the monotonic clock, as all times of this class. */
  startedAt = monotonicMs();
  /** Final status of the run after an abort. */
  abortStatus: Extract<RunEndStatus, 'aborted' | 'interrupted'> = 'aborted';
  waitingOn: WaitingOn = 'queue';
  since = monotonicMs();
  /** The last progress; the executor sets the source when the run begins. */
  progressAt = () => this.since;

  constructor(
    readonly id: string,
    readonly sessionId: string,
  ) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  waitsFor(what: WaitingOn): void {
    this.waitingOn = what;
    this.since = monotonicMs();
  }

  abort(status: ActiveRun['abortStatus'] = 'aborted'): void {
    if (this.signal.aborted) return;
    this.abortStatus = status;
    this.controller.abort(); // without a reason: the model layer takes any other for a failed call
  }

  end(result: RunResult): void {
    this.settle(result);
  }

  /** Tells the waiters that the run's writes cannot be stored for now. The run goes on. */
  notifyDelayed(error: DomainError): void {
    this.delayNotified = true;
    for (const tell of this.waiters) tell(error);
    this.waiters.clear();
  }

  /** Resolves like `done`; rejects earlier when the database cannot be written for now. */
  ended(): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      this.waiters.add(reject);
      void this.done.then((result) => {
        this.waiters.delete(reject);
        resolve(result);
      });
    });
  }
}

/** Unfinished runs of this process: the only state of runs in memory. */
@Injectable()
export class ActiveRuns {
  /** Owner id of this server, stored with the runs that it executes. */
  readonly ownerId = claimOwnerId();
  private readonly byId = new Map<string, ActiveRun>();

  /** Releases the owner id: this server executes no run any more. */
  release(): void {
    releaseOwnerId(this.ownerId);
  }

  add(run: ActiveRun): void {
    this.byId.set(run.id, run);
  }

  get(id: string): ActiveRun | undefined {
    return this.byId.get(id);
  }

  remove(id: string): void {
    this.byId.delete(id);
  }

  all(): ActiveRun[] {
    return [...this.byId.values()];
  }

  /** Those that a stop waits for: not queued. */
  running(): ActiveRun[] {
    return this.all().filter((run) => run.waitingOn !== 'queue');
  }

  ofSession(sessionId: string): ActiveRun[] {
    return this.all().filter((run) => run.sessionId === sessionId);
  }
}
