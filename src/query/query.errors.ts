import { DatabaseUnavailable, DomainError } from '../common/errors.js';
import type { OpenRun } from '../runs/run.entity.js';

export class SessionBusy extends DomainError {
  constructor(sessionId: string, runId: string) {
    super(
      'SESSION_BUSY',
      'This session is working on a query. Wait for it to end, abort it, or send the query with "whenBusy": "queue" or "interrupt".',
      { sessionId, runId },
    );
  }
}

export class QueueFull extends DomainError {
  constructor(limit: number) {
    super(
      'QUEUE_FULL',
      `${limit} queries wait in this session already, the limit set by server.maxQueued. Try again when some are done.`,
      { limit },
    );
  }
}

export class Draining extends DomainError {
  constructor() {
    super('DRAINING', 'The server is about to stop and takes no new query. Try again in a moment.');
  }
}

export class RunNotFound extends DomainError {
  constructor(id: string) {
    super(
      'RUN_NOT_FOUND',
      `There is no run "${id.slice(0, 100)}". List the runs of a session with GET /api/runs?sessionId=….`,
    );
  }
}

export class IdempotencyMismatch extends DomainError {
  constructor(runId: string) {
    super(
      'IDEMPOTENCY_MISMATCH',
      'This idempotency key was used for another query of this session within the last 24 hours. Use a new key.',
      { runId },
    );
  }
}

/** The run is no longer this process's to write: it was ended by somebody else, or its session deleted. */
export class ClaimLost extends DomainError {
  constructor() {
    super('RUN_NOT_FOUND', 'The run was ended by somebody else, or its session was deleted.');
  }
}

/** The session has a run under way whose server has died. */
export class RunLost extends Error {
  override readonly name = 'RunLost';

  constructor(readonly run: OpenRun) {
    super(`The server of run ${run.id} has died.`);
  }
}

/** A query that was taken out of the queue, or whose session was deleted, before it was answered. */
export class RunAborted extends DomainError {
  constructor(runId: string) {
    super(
      'RUN_ABORTED',
      'This query was aborted before its run began. Send it again if it is still wanted.',
      { runId },
    );
  }
}

/** The server stopped in the middle of the run. */
export class RunInterrupted extends DomainError {
  constructor(runId: string) {
    super('DRAINING', 'The server stopped before this query was answered. Send it again in a moment.', {
      runId,
    });
  }
}

/** The database takes nothing for now; what the run writes is kept until it does. */
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
