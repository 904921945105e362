import { Logger } from '@nestjs/common';
import type { Delayed, Transaction } from '../unit-of-work.js';
import { isUnavailable } from './sqlite-errors.js';

/** How long a write waits for another process that holds the database's lock. */
export const BUSY_TIMEOUT_MS = 5_000;

/** When what the database has refused is tried again, if no other write shows before that it can be. */
const RETRY_MS = [100, 500, 1_000, 5_000] as const;

/** A piece of work that waits to be written. */
export interface PendingWrite {
  run(tx: Transaction): Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
  /** Only what must not be lost has it. */
  readonly delayed: Delayed | undefined;
  /** Since when it waits to be told something, in milliseconds since the epoch. */
  since: number;
}

/**
 * What waits to be written, in its order. What the database has refused and must not be lost stays here, apart from
 * the rest: one that is too large for what is left of the disk must not stop the others.
 */
export class WriteQueue {
  private readonly logger = new Logger('Database');
  private waiting: PendingWrite[] = [];
  private deferred: PendingWrite[] = [];
  /** Whether some are kept, or tried again right now: what must come after them waits behind them. */
  private hasDeferred = false;
  private retry = false;
  private refusals = 0;
  private timer: NodeJS.Timeout | undefined;
  private warned = false;
  private closed = false;

  /** @param tryAgain is called when it is time for what was refused */
  constructor(private readonly tryAgain: () => void) {}

  /** Whether there is something to write now. */
  get ready(): boolean {
    return this.waiting.length > 0 || this.retry;
  }

  /** From now on nothing is kept. */
  get isClosed(): boolean {
    return this.closed;
  }

  add(write: PendingWrite): void {
    (write.delayed && this.hasDeferred && !this.closed ? this.deferred : this.waiting).push(write);
  }

  /** What is written next: what was asked for now, then what had been refused before. */
  take(): PendingWrite[] {
    if (this.waiting.length > 0) return this.waiting.splice(0);
    this.retry = false;
    return this.deferred.splice(0);
  }

  /** The database has taken a batch. It is asked at once for what it had refused. */
  accepted(): void {
    this.hasDeferred = this.deferred.length > 0;
    this.retry = this.hasDeferred;
    if (this.hasDeferred) return;
    this.refusals = 0;
    if (this.warned) this.logger.warn('The database can be written again.');
    this.warned = false;
  }

  /** The database cannot be written for now: those that have waited for their time are told. */
  rejectExpired(error: unknown): void {
    this.waiting = this.afterExpiry(this.waiting, error);
    this.deferred = this.afterExpiry(this.deferred, error);
    this.retry &&= this.deferred.length > 0;
  }

  /** @returns those that wait on */
  afterExpiry(writes: readonly PendingWrite[], error: unknown): PendingWrite[] {
    const now = Date.now();
    return writes.filter((write) => {
      if (now - write.since <= BUSY_TIMEOUT_MS) return true;
      this.warn(error);
      if (!write.delayed || this.closed) {
        write.reject(error);
        return false;
      }
      write.since = now;
      write.delayed(error);
      return true;
    });
  }

  /** The database did not take a batch: each is told why. What must not be lost is kept. */
  refuse(batch: readonly PendingWrite[], error: unknown): void {
    const unavailable = isUnavailable(error);
    const isKept = ({ delayed }: PendingWrite) => unavailable && delayed !== undefined && !this.closed;
    if (unavailable) this.warn(error);
    for (const write of batch) if (!isKept(write)) write.reject(error);
    const again = batch.filter(isKept);
    if (again.length === 0) return;
    this.deferred = [...again, ...this.deferred, ...this.waiting.filter(isKept)];
    this.waiting = this.waiting.filter((write) => !isKept(write));
    this.hasDeferred = true;
    this.retryLater();
    for (const write of again) write.delayed?.(error);
  }

  /** From now on what the database refuses is refused for good; what is kept gets one more chance. */
  close(): void {
    this.closed = true;
    this.retryNow();
  }

  warn(error: unknown): void {
    if (!this.warned) this.logger.error(`The database cannot be written right now: ${String(error)}`);
    this.warned = true;
  }

  private retryLater(): void {
    clearTimeout(this.timer);
    const ms = RETRY_MS[Math.min(this.refusals, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => this.retryNow(), ms);
    this.refusals += 1;
  }

  private retryNow(): void {
    clearTimeout(this.timer);
    if (this.deferred.length === 0) return;
    this.retry = true;
    this.tryAgain();
  }
}
