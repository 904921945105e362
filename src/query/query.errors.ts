import { DomainError, type ErrorCode, MODEL_FAILURES } from '../common/errors.js';

/** Codes with which a query is not taken. */
export const NOT_TAKEN = [
  'SESSION_NOT_FOUND',
  'SESSION_BUSY',
  'QUEUE_FULL',
  'UNKNOWN_MODEL',
  'IDEMPOTENCY_MISMATCH',
  'DRAINING',
] as const satisfies readonly ErrorCode[];

/** Codes with which a query that was taken is not answered. */
export const NOT_ANSWERED = [
  ...MODEL_FAILURES,
  'RUN_ABORTED',
  'RUN_NOT_FOUND',
  'DRAINING',
] as const satisfies readonly ErrorCode[];

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

export class IdempotencyMismatch extends DomainError {
  constructor(runId: string) {
    super(
      'IDEMPOTENCY_MISMATCH',
      'This idempotency key was used for another query of this session within the last 24 hours. Use a new key.',
      { runId },
    );
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

/** The error of a failed run, for the caller of its query: it also names the run. */
export class RunFailed extends DomainError {
  constructor({ code, message, details, retryAfterMs, headers }: DomainError, runId: string) {
    const more = typeof details === 'object' && details !== null ? details : {};
    super(code, message, { ...more, runId }, { retryAfterMs, headers });
  }
}
