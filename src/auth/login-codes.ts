import { randomBytes } from 'node:crypto';
import { hashOf } from './token.js';

export const CODE_MINUTES = 10;
/** Links that may wait to be opened; the oldest goes first. */
const MAX_CODES = 20;

/** The codes of one-time links. They live in memory: a server that was restarted prints another. */
export class LoginCodes {
  /** By the code's hash: when it ends. */
  private readonly codes = new Map<string, number>();

  create(now = Date.now()): string {
    const code = randomBytes(24).toString('base64url');
    this.codes.set(hashOf(code), now + CODE_MINUTES * 60_000);
    const [oldest] = this.codes.keys();
    if (this.codes.size > MAX_CODES && oldest !== undefined) this.codes.delete(oldest);
    return code;
  }

  /** Whether the code is good. It is so once. */
  take(code: string, now = Date.now()): boolean {
    const hash = hashOf(code);
    const until = this.codes.get(hash);
    this.codes.delete(hash);
    return until !== undefined && now < until;
  }

  clear(): void {
    this.codes.clear();
  }
}
