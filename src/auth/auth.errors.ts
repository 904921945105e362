import { DomainError, secondsToWait } from '../common/errors.js';
import { FAILURES } from './failure-limiter.js';
import type { Scope, TokenEntry } from './token.js';

/** No token, or a wrong one. */
export class Unauthorized extends DomainError {
  constructor(message: string) {
    super('UNAUTHORIZED', message, undefined, { headers: { 'WWW-Authenticate': 'Bearer' } });
  }
}

/** Too many wrong tokens came from the same address. */
export class TooManyFailures extends DomainError {
  constructor(retryAfterMs: number) {
    const seconds = secondsToWait(retryAfterMs);
    super(
      'RATE_LIMITED',
      `Too many wrong tokens came from your address: ${FAILURES} a minute is the limit. Try again in ${seconds} s.`,
      undefined,
      { retryAfterMs },
    );
  }
}

/** The token allows other things than this. */
export class ScopeMissing extends DomainError {
  /** @param what needs the scope */
  constructor({ name, scopes }: TokenEntry, scope: Scope, what: string) {
    super(
      'FORBIDDEN',
      `${what} needs a token with the scope "${scope}"; "${name}" has ${scopes.join(', ') || 'none'}.`,
      { scope },
    );
  }
}

/** Another page may have made the browser ask, with the cookie of this server. */
export class NotFromOwnPage extends DomainError {
  constructor() {
    super(
      'FORBIDDEN',
      'A request that changes something must come from a page of this server when it carries its cookie. Programs send "Authorization: Bearer <token>".',
    );
  }
}
