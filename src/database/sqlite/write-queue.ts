import { Logger } from '@nestjs/common';
import { monotonicMs } from '../../common/clock.js';
import type { Delayed, Transaction } from '../unit-of-work.js';
import { isUnavailable } from './sqlite-errors.js';

/** How long a write waits for another process that holds the database's lock. */
export const BUSY_TIMEOUT_MS = 5_000;

/** Delays of the retries of refused writes, unless another write succeeds earlier. */
const RETRY_MS = [100, 500, 1_000, 5_000] as const;

/** A write that waits for its turn. */
export interface PendingWrite {
  run(tx: Transaction): Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
  /** Set for durable writes only. */
  readonly delayed: Delayed | undefined;
  /** Start of the wait for an answer, by the monotonic clock. */
  since: number;
}

/**
 * FIFO of pending writes. Durable writes that the database refused go to a second queue, so that one oversized write
 * cannot block the rest.
 */
export class WriteQueue {
  private readonly logger = new Logger('Database');
  private waiting: PendingWrite[] = [];
  private deferred: PendingWrite[] = [];
  /** Whether durable writes are deferred or being retried: later ones must wait behind them. */
  private hasDeferred = false;
  private retry = false;
  private refusals = 0;
  private timer: NodeJS.Timeout | undefined;
  private warned = false;
  private closed = false;

  /** @param tryAgain called when a retry is due */
  constructor(private readonly tryAgain: () => void) {}

  /** Whether there is something to write now. */
  get ready(): boolean {
    return this.waiting.length > 0 || this.retry;
  }

  /** Whether refused writes are no longer deferred. */
  get isClosed(): boolean {
    return this.closed;
  }

  add(write: PendingWrite): void {
    (write.delayed && this.hasDeferred && !this.closed ? this.deferred : this.waiting).push(write);
  }

  /** Next batch: new writes first, then deferred ones. */
  take(): PendingWrite[] {
    if (this.waiting.length > 0) return this.waiting.splice(0);
    this.retry = false;
    return this.deferred.splice(0);
  }

  /** Records a committed batch, and lets deferred writes be retried at once. */
  accepted(): void {
    this.hasDeferred = this.deferred.length > 0;
    this.retry = this.hasDeferred;
    if (this.hasDeferred) return;
    this.refusals = 0;
    if (this.warned) this.logger.warn('The database can be written again.');
    this.warned = false;
  }

  /** Tells writes that have waited for their time that the database cannot be written. */
  rejectExpired(error: unknown): void {
    this.waiting = this.afterExpiry(this.waiting, error);
    this.deferred = this.afterExpiry(this.deferred, error);
    this.retry &&= this.deferred.length > 0;
  }

  /** @returns the writes that wait on */
  afterExpiry(writes: readonly PendingWrite[], error: unknown): PendingWrite[] {
    const now = monotonicMs();
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

  /** Rejects a batch that the database did not take; its durable writes are deferred. */
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

  /** Stops deferring writes: refusals are final from now on, and deferred writes get one more try. */
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
