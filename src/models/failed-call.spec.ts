import { APICallError } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { StreamError, toFailedCall } from './failed-call.js';

const answered = (statusCode: number, body: unknown, responseHeaders: Record<string, string> = {}) =>
  toFailedCall(
    new APICallError({
      message: 'Bad Request',
      url: 'http://model.example',
      requestBodyValues: {},
      statusCode,
      responseHeaders,
      responseBody: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  );
const reported = (event: unknown) => toFailedCall(new StreamError(event));
const google = (code: number, status: string, message: string, ...details: object[]) => [
  { error: { code, status, message, details } },
];
const anthropic = (type: string, message: string) => ({ type: 'error', error: { type, message } });
const openai = (message: string, type: string, code: string | null = null) => ({
  error: { message, type, param: null, code },
});

describe('an answer that is an error', () => {
  it.each<[string, number, unknown]>([
    ['OpenAI', 401, openai('Incorrect API key provided: sk-x.', 'invalid_request_error', 'invalid_api_key')],
    ['Anthropic', 401, anthropic('authentication_error', 'invalid x-api-key')],
    ['Anthropic, behind a gateway', 400, { message: 'invalid x-api-key' }],
    ['Google', 400, google(400, 'INVALID_ARGUMENT', 'API key not valid.', { reason: 'API_KEY_INVALID' })],
    [
      'Google, by its words',
      400,
      google(400, 'INVALID_ARGUMENT', 'API key expired. Please renew the API key.'),
    ],
    [
      'Google, without a key',
      403,
      google(403, 'PERMISSION_DENIED', 'Method does not allow unregistered callers.'),
    ],
    ['Azure', 401, { statusCode: 401, message: 'Access denied due to invalid subscription key.' }],
    ['xAI', 400, { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: x.' }],
    ['OpenRouter', 401, { error: { code: 401, message: 'No auth credentials found' } }],
    ['DashScope', 400, { code: 'InvalidApiKey', message: 'Invalid API-key provided.' }],
    ['Cohere', 401, { message: 'invalid api token' }],
    ['a proxy that answers 500', 500, { error: { message: 'x', type: 'authentication_error' } }],
    ['a wall before it', 403, 'Forbidden'],
  ])('is of the key: %s, %i', (_who, status, body) => {
    expect(answered(status, body)).toMatchObject({ kind: 'key', waitMs: undefined });
  });

  it.each<[string, number, unknown]>([
    ['OpenAI', 429, openai('You exceeded your current quota.', 'insufficient_quota', 'insufficient_quota')],
    [
      'Anthropic',
      400,
      anthropic('invalid_request_error', 'Your credit balance is too low to access the API.'),
    ],
    ['Anthropic, by its type', 403, anthropic('billing_error', 'See your account.')],
    ['DeepSeek', 402, openai('Insufficient Balance', 'unknown_error', 'invalid_request_error')],
    ['OpenRouter', 402, { error: { code: 402, message: 'This request requires more credits.' } }],
    ['xAI', 403, { code: 'x', error: 'Your team has run out of credits.' }],
    ['Moonshot', 429, openai('Your account is suspended.', 'exceeded_current_quota_error')],
    ['Zhipu', 429, { error: { code: '1113', message: 'x' } }],
    ['Mistral', 402, 'Payment Required'],
  ])('is of the money: %s, %i', (_who, status, body) => {
    expect(answered(status, body)).toMatchObject({ kind: 'money', waitMs: undefined });
  });

  it.each<[string, number, unknown, number | undefined]>([
    ['OpenAI', 429, openai('Rate limit reached for gpt.', 'tokens', 'rate_limit_exceeded'), 1_000],
    ['Anthropic', 429, anthropic('rate_limit_error', 'This request would exceed your limit.'), 1_000],
    [
      'Google',
      429,
      google(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota, see billing.'),
      1_000,
    ],
    ['Google, which says when', 429, google(429, 'RESOURCE_EXHAUSTED', 'x', { retryDelay: '7s' }), 7_000],
    [
      'Google, for the day',
      429,
      google(429, 'RESOURCE_EXHAUSTED', 'x', { violations: [{ quotaId: 'RequestsPerDayPerModel' }] }),
      undefined,
    ],
    ['plain text', 429, 'slow down', 1_000],
  ])('is of the rate: %s, %i', (_who, status, body, waitMs) => {
    expect(answered(status, body)).toMatchObject({ kind: 'rate', waitMs });
  });

  it.each<[string, number, unknown, string]>([
    ['a page', 502, '<html><title>502 Bad Gateway</title></html>', 'an HTML page, "502 Bad Gateway"'],
    ['OpenAI', 500, openai('The server had an error.', 'server_error'), 'The server had an error.'],
    ['Anthropic', 529, anthropic('overloaded_error', 'Overloaded'), 'Overloaded'],
    [
      'vLLM',
      500,
      { object: 'error', message: 'no api key found', type: 'InternalServerError' },
      'no api key found',
    ],
    ['an empty body', 503, '', 'Bad Request'],
  ])('may pass: %s, %i', (_who, status, body, reason) => {
    expect(answered(status, body)).toMatchObject({ kind: 'passing', reason, waitMs: 500, inStream: false });
  });

  it.each<[string, number, unknown]>([
    ['OpenAI', 400, openai('Too many tokens.', 'invalid_request_error', 'context_length_exceeded')],
    ['Google', 400, google(400, 'INVALID_ARGUMENT', 'Function call is missing a thought_signature')],
    ['Ollama', 404, { error: 'model "x" not found, try pulling it first' }],
    ['FastAPI', 422, { detail: [{ loc: ['body', 'tools'], msg: 'no' }] }],
    ['OpenAI, in a country where it is not', 403, openai('Country, region, or territory not supported', 'x')],
    ['OpenRouter, which took offence', 403, { error: { code: 403, message: 'Your input was flagged' } }],
    ['a firewall', 403, '<html><title>Attention Required!</title></html>'],
    ['a server that cannot do it', 501, 'Not Implemented'],
  ])('stays: %s, %i', (_who, status, body) => {
    expect(answered(status, body)).toMatchObject({ kind: 'lasting', waitMs: undefined });
  });
});

describe('an error in a stream', () => {
  it.each<[string, unknown, string]>([
    ['OpenRouter', { code: 502, message: 'Worker limit reached' }, 'passing'],
    ['Anthropic', anthropic('overloaded_error', 'Overloaded'), 'passing'],
    ['Google', google(503, 'UNAVAILABLE', 'The model is overloaded.'), 'passing'],
    ['a text', 'worker died', 'passing'],
    ['one that says nothing', { error: {} }, 'passing'],
    ['OpenAI, limited', { type: 'error', code: 'rate_limit_exceeded', message: 'Slow down' }, 'rate'],
    ['OpenAI, without money', openai('x', 'insufficient_quota'), 'money'],
    ['Anthropic, with a bad key', anthropic('authentication_error', 'invalid x-api-key'), 'key'],
    ['Anthropic, with a bad request', anthropic('invalid_request_error', 'messages: too long'), 'lasting'],
    ['vLLM', { object: 'error', message: 'x', type: 'BadRequestError', code: 400 }, 'lasting'],
    ['MiniMax', { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }, 'money'],
  ])('is of the kind that it says: %s', (_who, event, kind) => {
    expect(reported(event)).toMatchObject({ kind, inStream: true });
  });

  it("has the SDK's status no say in it: it is the SDK's own", () => {
    const headers = { 'content-type': 'text/event-stream' };
    const bad = answered(500, { type: 'invalid_request_error', message: 'too long' }, headers);
    expect(bad).toMatchObject({ kind: 'lasting', reason: 'too long', inStream: true });
  });

  it('is recognised where the SDK took it for an event of a wrong shape', () => {
    const wrong = Object.assign(new Error('Type validation failed'), { value: { detail: 'No such model' } });
    expect(toFailedCall(wrong)).toMatchObject({ reason: 'No such model', inStream: true });
    expect(
      toFailedCall(Object.assign(new Error('Type validation failed'), { value: { a: 1 } })),
    ).toBeUndefined();
  });
});
