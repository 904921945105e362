import { DomainError } from '../common/errors.js';

/** The key has created a session in another way, or by another route. */
export class CreationMismatch extends DomainError {
  constructor(sessionId: string) {
    super(
      'IDEMPOTENCY_MISMATCH',
      'This idempotency key was used for another request within the last 24 hours. Use a new key.',
      { sessionId },
    );
  }
}
