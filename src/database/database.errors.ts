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

/** Server that works with a database. */
export interface LockHolder {
  readonly pid: number;
  /** In milliseconds since the epoch. */
  readonly startedAt: number;
  /** Unknown until the server listens, and where another application does. */
  readonly url?: string;
  /** Name of the last migration that the server knows. */
  readonly format: string;
}

/** Another server works with the database. The message names it and says what to do. */
export class DataInUse extends Error {
  override readonly name = 'DataInUse';

  /** @param shared whether the second server was started to share */
  constructor(database: string, holder: LockHolder | undefined, shared: boolean) {
    const who = holder ? ` (${describeHolder(holder)})` : '';
    const whoElse = shared ? 'it, too,' : 'each of them';
    super(
      `Another server works with ${database}${who}. Stop it, or choose another --data-dir. ` +
        `If both are meant, start ${whoElse} with server.shared: true.`,
    );
  }
}

function describeHolder({ pid, startedAt, url }: LockHolder): string {
  const since = new Date(startedAt).toISOString().slice(0, 19).replace('T', ' ');
  return `process ${pid}, since ${since} UTC${url === undefined ? '' : `, at ${url}`}`;
}
