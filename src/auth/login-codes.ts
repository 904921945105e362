import { randomBytes } from 'node:crypto';
import { monotonicMs } from '../common/clock.js';
import { hashOf } from './token.js';

export const CODE_MINUTES = 10;
/** Unopened links; the oldest is dropped first. */
const MAX_CODES = 20;

interface Waiting {
  /** Expiry of the code, by the monotonic clock. */
  readonly until: number;
  readonly onEnd: (() => void) | undefined;
}

/**
 * The codes of one-time links, of 192 random bits each: wrong ones are not counted. Codes live in memory: a restarted
 * server prints another.
 */
export class LoginCodes {
  /** By the code's hash. */
  private readonly codes = new Map<string, Waiting>();

  /** @param onEnd called when the code was tried or dropped, not when it expires */
  create(onEnd?: () => void, now = monotonicMs()): string {
    const code = randomBytes(24).toString('base64url');
    this.codes.set(hashOf(code), { until: now + CODE_MINUTES * 60_000, onEnd });
    const [oldest] = this.codes.keys();
    if (this.codes.size > MAX_CODES && oldest !== undefined) this.end(oldest);
    return code;
  }

  /** Whether the code is valid, which it is once. */
  take(code: string, now = monotonicMs()): boolean {
    const waiting = this.end(hashOf(code));
    return waiting !== undefined && now < waiting.until;
  }

  clear(): void {
    for (const hash of [...this.codes.keys()]) this.end(hash);
  }

  private end(hash: string): Waiting | undefined {
    const waiting = this.codes.get(hash);
    this.codes.delete(hash);
    waiting?.onEnd?.();
    return waiting;
  }
}
