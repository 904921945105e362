import { DomainError, type ErrorCode } from '../common/errors.js';
import { cutText } from '../common/text.js';
import { DatabaseUnavailable } from '../database/index.js';
import type { OpenRun, StoredRun } from './run.entity.js';

export class Draining extends DomainError {
  constructor(message = 'The server is about to stop and takes no new query. Try again in a moment.') {
    super('DRAINING', message);
  }
}

export class RunNotFound extends DomainError {
  constructor(id: string) {
    super(
      'RUN_NOT_FOUND',
      `There is no run "${cutText(id, 100)}". List the runs of a session with GET /api/runs?sessionId=….`,
    );
  }
}

/** This process no longer owns the run: it was ended elsewhere, or its session deleted. */
export class ClaimLost extends DomainError {
  constructor() {
    super('RUN_NOT_FOUND', 'The run was ended by somebody else, or its session was deleted.');
  }
}

/** The session has a running run whose server has died. */
export class RunLost extends Error {
  override readonly name = 'RunLost';

  constructor(readonly run: OpenRun) {
    super(`The server of run ${run.id} has died.`);
  }
}

/** The database cannot be written for now; the run's writes are kept until it can. */
export class RunDelayed extends DatabaseUnavailable {
  constructor(runId: string) {
    super(
      'The database cannot be written right now. The run goes on, and what it comes to is stored as soon as that is possible: look at its session again in a moment.',
      { runId },
    );
  }
}

/** The server stopped while the query waited in the queue, where it stays. */
export class LeftInQueue extends DomainError {
  constructor(runId: string) {
    super(
      'DRAINING',
      'The server stopped while this query waited. It is kept, and answered when the server is there again: follow its session then.',
      { runId },
    );
  }
}

/** A queued run that cannot be begun: its row cannot be read. */
export class UnreadableQuery extends DomainError {
  constructor(runId: string) {
    super('INTERNAL', 'This query could not be read when its turn came. Send it again.', { runId });
  }
}

/** The error of an ended run, from its row; undefined when it did not fail. */
export function storedError({ errorCode, errorMessage }: StoredRun): DomainError | undefined {
  return errorCode === null ? undefined : new DomainError(errorCode as ErrorCode, errorMessage ?? '');
}
