/**
 * Every code that an answer, an acknowledgement or a run's error may carry, with its HTTP status.
 * Clients branch on the codes: add to this list, never rename in it.
 */
export const ERROR_STATUS = {
  INVALID_INPUT: 400,
  INVALID_JSON: 400,
  UNKNOWN_MODEL: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  ROUTE_NOT_FOUND: 404,
  SESSION_NOT_FOUND: 404,
  RUN_NOT_FOUND: 404,
  FILE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  SESSION_BUSY: 409,
  IDEMPOTENCY_MISMATCH: 409,
  RUN_ABORTED: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HEADERS_TOO_LARGE: 431,
  QUEUE_FULL: 429,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  MODEL_ERROR: 502,
  MODEL_AUTH: 502,
  MODEL_RATE_LIMITED: 502,
  MODEL_TIMEOUT: 502,
  SHARE_FAILED: 502,
  DATABASE_UNAVAILABLE: 503,
  DRAINING: 503,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** The shape of every error that leaves the server, over HTTP and in a socket's acknowledgement. */
export interface ErrorBody {
  /** A sentence for a person: what was wrong and what to do. */
  readonly error: string;
  readonly code: ErrorCode;
  readonly details?: unknown;
}

/** An error that means something to the caller. Services throw it; one filter maps it. */
export class DomainError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details?: unknown,
  ) {
    super(message);
    this.name = new.target.name;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }

  toBody(): ErrorBody {
    return {
      error: this.message,
      code: this.code,
      ...(this.details !== undefined && { details: this.details }),
    };
  }
}

export class InvalidInput extends DomainError {
  constructor(message: string, details?: unknown) {
    super('INVALID_INPUT', message, details);
  }
}

/** What anything that was thrown says to a client. An unknown error never says its own text. */
export function toDomainError(thrown: unknown): DomainError {
  if (thrown instanceof DomainError) return thrown;
  return new DomainError(
    'INTERNAL',
    'The server failed to answer this request. Its log says why; please try again.',
  );
}
