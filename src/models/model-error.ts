import { APICallError } from '@ai-sdk/provider';
import { DomainError, type ErrorCode } from '../common/errors.js';
import { maskSecrets } from '../common/secret.js';
import { cutText } from '../common/text.js';
import type { ModelConfig } from '../config/index.js';
import { FAILURE_DELAY_MS, type FailedCall, toFailedCall } from './failed-call.js';

export { StreamError } from './failed-call.js';

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

/** An answer that the model itself ended before it was whole, or refused to give. */
export class EndedEarly extends Error {
  constructor(
    reason: string,
    /** Whether the same request may get another answer. */
    readonly mayRetry: boolean,
  ) {
    super(reason);
  }
}

/**
 * A provider's error as a message for users, without secrets that the provider may echo.
 * @param hasBegun whether a part of the answer has come
 */
export function toModelFailed(thrown: unknown, model: ModelConfig, hasBegun = true): ModelFailed {
  if (thrown instanceof ModelFailed) return thrown;
  if (isCutOff(thrown)) return modelCutOff(model);
  const say = (text: string | undefined) =>
    cutText(maskSecrets(sentence(text), model.apiKey ? [model.apiKey] : []), MAX_REASON);
  const { displayName } = model;
  const call = toFailedCall(thrown);
  if (call) return callFailed({ ...call, reason: say(call.reason) }, displayName, hasBegun);
  if (thrown instanceof EndedEarly) {
    const message = `${displayName} gave no whole answer: ${say(thrown.message)}`;
    return new ModelFailed('MODEL_ERROR', message, thrown.mayRetry ? FAILURE_DELAY_MS : undefined);
  }
  const text = thrown instanceof Error ? thrown.message : JSON.stringify(thrown);
  const message = `${displayName} sent something that cannot be understood: ${say(text)}`;
  return new ModelFailed('MODEL_ERROR', message, 0);
}

const CODE_OF: Readonly<Partial<Record<FailedCall['kind'], ErrorCode>>> = {
  key: 'MODEL_AUTH',
  rate: 'MODEL_RATE_LIMITED',
};

function callFailed(call: FailedCall, model: string, hasBegun: boolean): ModelFailed {
  const { kind, status, waitMs = Infinity } = call;
  const message = failureMessage(call, model, hasBegun);
  const retryInMs = waitMs <= MAX_RETRY_AFTER_MS ? waitMs : undefined;
  const details = status === undefined ? undefined : { providerStatus: status };
  return new ModelFailed(CODE_OF[kind] ?? 'MODEL_ERROR', message, retryInMs, details);
}

function failureMessage(call: FailedCall, model: string, hasBegun: boolean): string {
  const { kind, status, reason, inStream, waitMs } = call;
  const provider = `The provider of ${model}`;
  const number = status === undefined ? '' : ` (${status})`;
  switch (kind) {
    case 'unreachable':
      return `${provider} cannot be reached: ${reason} Check model.baseURL and the network.`;
    case 'key':
      return `${provider} refused the key${number}: ${reason} Check model.apiKey.`;
    case 'money':
      return `${provider} says that there is no money left${number}: ${reason} Add credit to the account, or choose another model.`;
    case 'rate':
      return `${provider} limits the rate${number}: ${reason}${waitMs === undefined ? '' : ` Ask again in ${Math.ceil(waitMs / 1000)} s.`}`;
    default:
      if (!inStream) return `${provider} answered ${status}: ${reason}`;
      return hasBegun
        ? `${model} failed in the middle of its answer: ${reason}`
        : `${provider} reported an error${number}: ${reason}`;
  }
}

/** Whether the connection broke in the middle of an answer, as fetch and node:http report it. */
function isCutOff(thrown: unknown): boolean {
  if (APICallError.isInstance(thrown)) return thrown.statusCode !== undefined && isCutOff(thrown.cause);
  const { name, message, code } = (thrown ?? {}) as Partial<NodeJS.ErrnoException>;
  return (name === 'TypeError' && message === 'terminated') || code === 'ECONNRESET';
}

function sentence(text = 'no reason was given'): string {
  const line = cutText(text, MAX_READ).replace(/\s+/g, ' ').trim();
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
