import { Injectable } from '@nestjs/common';
import type { WaitingOn } from '../agent/index.js';
import type { DomainError } from '../common/errors.js';
import type { AssistantMessageEvent, RunEndStatus } from '../events/index.js';
import { claimOwnerId, releaseOwnerId } from './run-owner.js';

/** What a run came to, once that is stored. */
export interface RunResult {
  readonly runId: string;
  readonly status: RunEndStatus;
  /** The final message, if there is one. */
  readonly message?: AssistantMessageEvent;
  readonly error?: DomainError;
}

/** What a run that has not ended is doing. Times are milliseconds since the epoch. */
export interface RunActivity {
  readonly runId: string;
  /** Unknown for a run of another process. */
  readonly waitingOn?: WaitingOn;
  /** Since when it waits for that. */
  readonly since: number;
  /** When something of it has last come: an event, or a token of its model. */
  readonly lastProgress?: number;
}

/** A run that this process has accepted and that has not ended: waiting in the queue, or under way. */
export class ActiveRun {
  private readonly controller = new AbortController();
  private settle: (result: RunResult) => void = () => undefined;
  /** Resolves when the run's end is committed. Never rejects. */
  readonly done = new Promise<RunResult>((resolve) => (this.settle = resolve));
  private readonly waiters = new Set<(error: DomainError) => void>();
  /** Whether it has been said that the database does not take what the run writes. */
  delayNotified = false;
  startedAt = Date.now();
  /** What an abort makes of it. */
  abortStatus: Extract<RunEndStatus, 'aborted' | 'interrupted'> = 'aborted';
  waitingOn: WaitingOn = 'queue';
  since = Date.now();
  /** When something of it has last come; the engine sets it when the run begins. */
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
    this.since = Date.now();
  }

  abort(status: ActiveRun['abortStatus'] = 'aborted'): void {
    if (this.signal.aborted) return;
    this.abortStatus = status;
    this.controller.abort(); // without a reason: the model layer takes any other for a failed call
  }

  end(result: RunResult): void {
    this.settle(result);
  }

  /** Tells those who wait that what the run writes cannot be stored for now. The run goes on. */
  notifyDelayed(error: DomainError): void {
    this.delayNotified = true;
    for (const tell of this.waiters) tell(error);
    this.waiters.clear();
  }

  /** Resolves like `done`. Rejects when it is known before that the database cannot be written for now. */
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

/** The only state of runs in this process: those that have not ended. */
@Injectable()
export class ActiveRuns {
  /** Names this server as the owner of the runs that it works on. */
  readonly ownerId = claimOwnerId();
  private readonly byId = new Map<string, ActiveRun>();

  /** Says that this server works on nothing any more. */
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

  ofSession(sessionId: string): ActiveRun[] {
    return this.all().filter((run) => run.sessionId === sessionId);
  }
}
