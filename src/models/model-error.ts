import { APICallError } from '@ai-sdk/provider';
import { epochMs } from '../common/clock.js';
import { DomainError, type ErrorCode } from '../common/errors.js';
import { maskSecrets } from '../common/secret.js';
import { cutText } from '../common/text.js';
import type { ModelConfig } from '../config/index.js';

const MAX_REASON = 300;
/** Characters of a provider's error that are read. */
const MAX_READ = 10_000;
/** Longest Retry-After of a provider that is obeyed; beyond, the run fails and tells the user. */
const MAX_RETRY_AFTER_MS = 20_000;

/** Failure of the model. The message says how, and what to do. */
export class ModelFailed extends DomainError {
  constructor(
    code: ErrorCode,
    message: string,
    /** Milliseconds after which the server may ask the provider again; undefined: not at all. No client waits for it. */
    readonly retryInMs?: number,
    details?: unknown,
  ) {
    super(code, message, details);
  }
}

export function modelTimedOut(model: ModelConfig, waitedMs: number, started: boolean): ModelFailed {
  return new ModelFailed(
    'MODEL_TIMEOUT',
    started
      ? `${model.displayName} fell silent for ${waitedMs} ms in the middle of its answer. Ask again, or raise model.idleTimeoutMs.`
      : `${model.displayName} did not begin to answer within ${waitedMs} ms. Ask again, or raise model.firstTokenTimeoutMs.`,
  );
}

export function modelCutOff(model: ModelConfig): ModelFailed {
  return new ModelFailed(
    'MODEL_ERROR',
    `The answer of ${model.displayName} was cut off before its end. Ask again.`,
    0,
  );
}

/** An answer beyond `maxAnswerChars`. The received part is kept, as with every other failure. */
export function modelWentOn(model: ModelConfig): ModelFailed {
  return new ModelFailed(
    'MODEL_ERROR',
    `The answer of ${model.displayName} grew beyond ${model.maxAnswerChars} characters and was ended. Ask for less, or raise model.maxAnswerChars.`,
  );
}

/** An error that a provider reported within its stream. */
export class StreamError extends Error {
  constructor(reported: unknown) {
    super(describe(reported));
  }
}

/** A provider's error as a message for users, without secrets that the provider may echo. */
export function toModelFailed(thrown: unknown, model: ModelConfig): ModelFailed {
  if (thrown instanceof ModelFailed) return thrown;
  if (isCutOff(thrown)) return modelCutOff(model);
  const reason = cutText(maskSecrets(reasonOf(thrown), model.apiKey ? [model.apiKey] : []), MAX_REASON);
  if (thrown instanceof StreamError) {
    return new ModelFailed(
      'MODEL_ERROR',
      `${model.displayName} failed in the middle of its answer: ${reason}`,
    );
  }
  if (!APICallError.isInstance(thrown)) {
    return new ModelFailed(
      'MODEL_ERROR',
      `${model.displayName} sent something that cannot be understood: ${reason}`,
      0,
    );
  }
  const { statusCode } = thrown;
  const details = statusCode === undefined ? undefined : { providerStatus: statusCode };
  const fail = (code: ErrorCode, message: string, retryInMs?: number) =>
    new ModelFailed(code, message, retryInMs, details);
  const status = isKeyRefused(thrown) ? 401 : statusCode;
  switch (status) {
    case 401:
    case 403:
      return fail(
        'MODEL_AUTH',
        `The provider of ${model.displayName} refused the key (${statusCode ?? status}): ${reason} Check model.apiKey.`,
      );
    case 429: {
      const wait = retryAfterMs(thrown.responseHeaders) ?? 1_000;
      const message = `The provider of ${model.displayName} limits the rate (429): ${reason} Ask again in ${Math.ceil(wait / 1000)} s.`;
      return fail('MODEL_RATE_LIMITED', message, wait <= MAX_RETRY_AFTER_MS ? wait : undefined);
    }
    case undefined:
      return fail(
        'MODEL_ERROR',
        `The provider of ${model.displayName} cannot be reached: ${reason} Check model.baseURL and the network.`,
        500,
      );
    default: {
      const wait = retryAfterMs(thrown.responseHeaders) ?? 500;
      const isPassing = (status >= 500 || status === 408) && wait <= MAX_RETRY_AFTER_MS;
      const message = `The provider of ${model.displayName} answered ${status}: ${reason}`;
      return fail('MODEL_ERROR', message, isPassing ? wait : undefined);
    }
  }
}

/** Whether the connection broke in the middle of an answer, as fetch and node:http report it. */
function isCutOff(thrown: unknown): boolean {
  if (APICallError.isInstance(thrown)) return thrown.statusCode !== undefined && isCutOff(thrown.cause);
  const { name, message, code } = (thrown ?? {}) as Partial<NodeJS.ErrnoException>;
  return (name === 'TypeError' && message === 'terminated') || code === 'ECONNRESET';
}

/** Whether Google refused the key: with 400 instead of 401. */
function isKeyRefused({ statusCode, responseBody = '' }: APICallError): boolean {
  return statusCode === 400 && responseBody.includes('API_KEY_INVALID');
}

function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : describe(thrown);
  const line = cutText(text, MAX_READ).replace(/\s+/g, ' ').trim();
  return /[.!?]$/.test(line) ? line : `${line}.`;
}

function describe(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  const message = (thrown as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : (JSON.stringify(thrown) ?? 'no reason was given');
}

/** Retry-After in milliseconds; the header holds seconds or a date. */
function retryAfterMs(headers: Record<string, string> | undefined): number | undefined {
  const value = headers?.['retry-after'];
  if (!value) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(value) - epochMs();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
