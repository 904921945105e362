import { APICallError } from '@ai-sdk/provider';
import { epochMs } from '../common/clock.js';
import { isErrorReport, type ProviderError, readError } from './error-body.js';
import { type ErrorKind, kindOf } from './error-kind.js';

/** Delays before a retry where the provider names none. */
const RATE_DELAY_MS = 1_000;
export const FAILURE_DELAY_MS = 500;

/** An error that a provider reported within its stream. */
export class StreamError extends Error {
  /** @param reported the error, in whatever form it came */
  constructor(readonly reported: unknown) {
    super(readError(reported).reason ?? JSON.stringify(reported) ?? 'no reason was given');
  }
}

/** A request that a provider did not answer, or answered with an error. */
export interface FailedCall {
  /** `unreachable`: there was no answer. */
  readonly kind: ErrorKind | 'unreachable';
  readonly reason: string;
  /** HTTP status, or the one that an event names; undefined when there is none. */
  readonly status: number | undefined;
  /** Whether the error came as an event, within an answer of status 200. */
  readonly inStream: boolean;
  /** Milliseconds to wait before asking again; undefined where asking again is of no use. */
  readonly waitMs: number | undefined;
}

/** The failed call in a thrown value; undefined when there is none. */
export function toFailedCall(thrown: unknown): FailedCall | undefined {
  const reported = thrown instanceof StreamError ? thrown.reported : reportIn(thrown);
  if (reported !== undefined) {
    const error = readError(reported);
    return describe(error, error.status, (thrown as Error).message, true);
  }
  if (!APICallError.isInstance(thrown)) return undefined;
  const { statusCode: status, responseHeaders, responseBody, message } = thrown;
  if (status === undefined) {
    return { kind: 'unreachable', reason: message, status, inStream: false, waitMs: FAILURE_DELAY_MS };
  }
  // The SDK makes an HTTP error, with a status of its own choice, of an event that comes first.
  const inStream = responseHeaders?.['content-type']?.includes('text/event-stream') ?? false;
  if (status >= 400)
    return describe(readError(responseBody ?? ''), status, message, inStream, responseHeaders);
  if (isErrorReport(responseBody)) return reportedAsSuccess(readError(responseBody), status, message);
  return { kind: 'lasting', reason: message, status, inStream, waitMs: undefined };
}

/** An error as the body of an answer that says that all is well: only the error knows its status. */
function reportedAsSuccess(error: ProviderError, status: number, message: string): FailedCall {
  const call = describe(error, error.status, message, true);
  return { ...call, status: error.status ?? status, inStream: false };
}

/** The error that a client of the SDK took for an event of a wrong shape. */
function reportIn(thrown: unknown): unknown {
  const { value } = (thrown ?? {}) as { value?: unknown };
  return isErrorReport(value) ? value : undefined;
}

function describe(
  error: ProviderError,
  status: number | undefined,
  message: string,
  inStream: boolean,
  headers?: Record<string, string>,
): FailedCall {
  const reason = error.reason ?? message;
  const kind = kindOf(status, { ...error, reason }, inStream);
  return { kind, reason, status, inStream, waitMs: waitOf(kind, error, headers) };
}

function waitOf(
  kind: ErrorKind,
  error: ProviderError,
  headers: Record<string, string> | undefined,
): number | undefined {
  if (kind !== 'rate' && kind !== 'passing') return undefined;
  if (error.codes.some((code) => code.includes('perday'))) return undefined; // one of Google's daily quotas
  const named = retryAfterMs(headers) ?? error.retryAfterMs;
  return named ?? (kind === 'rate' ? RATE_DELAY_MS : FAILURE_DELAY_MS);
}

/** Retry-After in milliseconds; the header holds seconds or a date. */
function retryAfterMs(headers: Record<string, string> | undefined): number | undefined {
  const value = headers?.['retry-after'];
  if (!value) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(value) - epochMs();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
