import { DomainError } from '../common/errors.js';

/** The database cannot be read or written for now. */
export class DatabaseUnavailable extends DomainError {
  constructor(
    message = 'The database is locked or cannot be written right now. Nothing was stored; try again in a moment.',
    details?: unknown,
  ) {
    super('DATABASE_UNAVAILABLE', message, details);
  }
}

/** A commit was written, and the disk has not confirmed it. */
export class CommitInDoubt extends DatabaseUnavailable {
  constructor() {
    super(
      'The disk has not confirmed that this was stored: it may be there, or be lost. Look before you send it again.',
    );
  }
}

/** The database could not be opened. The message names it and says what to do. */
export class DatabaseNotOpened extends Error {
  override readonly name = 'DatabaseNotOpened';
}
