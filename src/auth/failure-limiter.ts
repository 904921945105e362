import { monotonicMs } from '../common/clock.js';
import { networkOf } from '../http/client-id.js';

export const FAILURES = 10;
export const WINDOW_MS = 60_000;
/** Addresses and token uses that are remembered; the oldest are dropped first. */
const REMEMBERED = 10_000;

interface Failures {
  count: number;
  /** Expiry of the count, by the monotonic clock. */
  readonly until: number;
}

/**
 * Counts wrong tokens by address: after {@link FAILURES} within {@link WINDOW_MS} a token that can be guessed is
 * refused, right or wrong, until the window is over. A token that the same address has used before still works: a
 * forgotten script with an old token must not lock out its own machine.
 */
export class FailureLimiter {
  private readonly failures = new Map<string, Failures>();
  private readonly used = new Set<string>();

  constructor(private readonly now: () => number = monotonicMs) {}

  /** Milliseconds for which nothing new is tried from this address; 0 when it may. */
  waitMs(address: string): number {
    const failures = this.failures.get(networkOf(address));
    if (!failures || failures.count < FAILURES) return 0;
    return Math.max(0, failures.until - this.now());
  }

  failed(address: string): void {
    const group = networkOf(address);
    const failures = this.failures.get(group);
    if (failures && failures.until > this.now()) {
      failures.count += 1;
      return;
    }
    this.failures.delete(group); // so that it becomes the newest
    this.failures.set(group, { count: 1, until: this.now() + WINDOW_MS });
    forgetOldest(this.failures);
  }

  /** Records that the address has used the token of that hash. */
  succeeded(address: string, hash: string): void {
    this.used.add(`${hash} ${address}`);
    forgetOldest(this.used);
  }

  hasUsed(address: string, hash: string): boolean {
    return this.used.has(`${hash} ${address}`);
  }
}

function forgetOldest(remembered: Map<string, unknown> | Set<string>): void {
  if (remembered.size <= REMEMBERED) return;
  for (const oldest of remembered.keys()) {
    remembered.delete(oldest);
    return;
  }
}
