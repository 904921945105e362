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

/** Codes of a model's failures. */
export const MODEL_FAILURES = [
  'MODEL_ERROR',
  'MODEL_AUTH',
  'MODEL_RATE_LIMITED',
  'MODEL_TIMEOUT',
] as const satisfies readonly ErrorCode[];

/** Milliseconds to wait before asking again, by the code of an error that names no other time. */
export const RETRY_AFTER_MS = {
  QUEUE_FULL: 5_000,
  RATE_LIMITED: 5_000,
  DATABASE_UNAVAILABLE: 5_000,
  DRAINING: 5_000,
} as const satisfies Partial<Record<ErrorCode, number>>;

const retryAfterByCode: Readonly<Partial<Record<ErrorCode, number>>> = RETRY_AFTER_MS;

/** The shape of every error that leaves the server, over HTTP and in a socket's acknowledgement. */
export interface ErrorBody {
  /** A sentence for a person: what was wrong and what to do. */
  readonly error: string;
  readonly code: ErrorCode;
  /** What the code alone does not say. `retryAfterMs`, where there is one: milliseconds to wait before asking again. */
  readonly details?: unknown;
}

/** Hints for the client beside an error's sentence. */
export interface ErrorHints {
  /** Milliseconds to wait before asking again. Default: `details.retryAfterMs`, else that of the code, if any. */
  readonly retryAfterMs?: number | undefined;
  /** Headers of the HTTP answer, beside those that every error has. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** An error that means something to the caller. Services throw it; `http/error-response.ts` tells it at every door. */
export class DomainError extends Error {
  /** Milliseconds to wait before asking again; undefined when waiting changes nothing. */
  readonly retryAfterMs: number | undefined;
  /** Headers of the HTTP answer, beside those that every error has. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details?: unknown,
    { retryAfterMs, headers = {} }: ErrorHints = {},
  ) {
    super(message);
    this.name = new.target.name;
    this.retryAfterMs = retryAfterMs ?? retryAfterIn(details) ?? retryAfterByCode[code];
    this.headers = headers;
  }

  get status(): number {
    return ERROR_STATUS[this.code];
  }

  toBody(): ErrorBody {
    const details = withRetryAfter(this.details, this.retryAfterMs);
    return { error: this.message, code: this.code, ...(details !== undefined && { details }) };
  }
}

export class InvalidInput extends DomainError {
  constructor(message: string, details?: unknown) {
    super('INVALID_INPUT', message, details);
  }
}

/** The time that an error tells to wait, in whole seconds, as Retry-After and sentences name it: rounded up, at least 1. */
export function secondsToWait(retryAfterMs: number): number {
  return Math.max(1, Math.ceil(retryAfterMs / 1_000));
}

/** An extension may name the time in the details. */
function retryAfterIn(details: unknown): number | undefined {
  const ms = (details as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof ms === 'number' && Number.isFinite(ms) ? ms : undefined;
}

/** Details that are no object have no place for the time: they stay as they are. */
function withRetryAfter(details: unknown, retryAfterMs: number | undefined): unknown {
  if (retryAfterMs === undefined) return details;
  if (details === undefined) return { retryAfterMs };
  const isRecord = typeof details === 'object' && details !== null && !Array.isArray(details);
  return isRecord ? { ...details, retryAfterMs } : details;
}

/**
 * The error of anything thrown, as clients see it. The text of an unknown error is left out.
 * @param requestId of the request that failed, by which the log names it
 */
export function toDomainError(thrown: unknown, requestId?: string): DomainError {
  if (thrown instanceof DomainError) return thrown;
  return new DomainError(
    'INTERNAL',
    `The server failed to answer this request${requestId ? ` (${requestId})` : ''}. Its log says why; please try again.`,
  );
}
