import { APICallError } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { Secret } from '../common/secret.js';
import { ModelFailed, StreamError, toModelFailed } from './model-error.js';

const KEY = 'key-sentinel-4711';
const failed = (thrown: unknown) =>
  toModelFailed(thrown, {
    provider: 'openai',
    id: 'm',
    displayName: 'Model M',
    apiKey: new Secret(KEY),
    firstTokenTimeoutMs: 1,
    idleTimeoutMs: 1,
    maxAnswerChars: 4_000_000,
  });

const call = (more: Partial<ConstructorParameters<typeof APICallError>[0]>) =>
  new APICallError({ message: 'why', url: 'http://model.example', requestBodyValues: {}, ...more });

describe('what a person is told of a failed model', () => {
  it.each<[string, unknown, string, string]>([
    [
      '401',
      call({ statusCode: 401 }),
      'MODEL_AUTH',
      'The provider of Model M refused the key (401): why. Check model.apiKey.',
    ],
    [
      '403',
      call({ statusCode: 403 }),
      'MODEL_AUTH',
      'The provider of Model M refused the key (403): why. Check model.apiKey.',
    ],
    [
      'Google and an unknown key',
      call({ statusCode: 400, responseBody: '{"reason": "API_KEY_INVALID"}' }),
      'MODEL_AUTH',
      'The provider of Model M refused the key (400): why. Check model.apiKey.',
    ],
    [
      '429',
      call({ statusCode: 429, responseHeaders: { 'retry-after': '3' } }),
      'MODEL_RATE_LIMITED',
      'The provider of Model M limits the rate (429): why. Ask again in 3 s.',
    ],
    ['400', call({ statusCode: 400 }), 'MODEL_ERROR', 'The provider of Model M answered 400: why.'],
    ['529', call({ statusCode: 529 }), 'MODEL_ERROR', 'The provider of Model M answered 529: why.'],
    [
      'no answer',
      call({}),
      'MODEL_ERROR',
      'The provider of Model M cannot be reached: why. Check model.baseURL and the network.',
    ],
    [
      'an error in the stream',
      new StreamError({ message: 'Overloaded!' }),
      'MODEL_ERROR',
      'Model M failed in the middle of its answer: Overloaded!',
    ],
    [
      'an error in the stream that is a text',
      new StreamError('too busy'),
      'MODEL_ERROR',
      'Model M failed in the middle of its answer: too busy.',
    ],
    [
      'an error in the stream of another shape',
      new StreamError({ code: 7 }),
      'MODEL_ERROR',
      'Model M failed in the middle of its answer: {"code":7}.',
    ],
    [
      'a chunk that is no JSON',
      new SyntaxError('Unexpected token'),
      'MODEL_ERROR',
      'Model M sent something that cannot be understood: Unexpected token.',
    ],
  ])('after %s', (_what, thrown, code, message) => {
    expect(failed(thrown)).toMatchObject({ code, message });
  });

  it.each<[string, unknown]>([
    ['fetch', Object.assign(new Error('terminated'), { name: 'TypeError' })],
    [
      'fetch, by way of the SDK',
      call({ statusCode: 200, cause: Object.assign(new Error('terminated'), { name: 'TypeError' }) }),
    ],
    ['node:http', Object.assign(new Error('aborted'), { code: 'ECONNRESET' })],
  ])('after a connection that broke in the middle, as %s tells it', (_who, thrown) => {
    expect(failed(thrown)).toMatchObject({
      code: 'MODEL_ERROR',
      message: 'The answer of Model M was cut off before its end. Ask again.',
    });
  });

  it('is short, on one line, and holds no key', () => {
    const { message } = failed(call({ statusCode: 400, message: `the key\n${KEY}\n${'x'.repeat(1_000)}` }));
    expect(message).toMatch(/^The provider of Model M answered 400: the key \*\*\* x+$/);
    expect(message.length).toBeLessThan(400);
    expect(failed(new StreamError(`the key ${KEY}`)).message).not.toContain(KEY);
    expect(failed(new Error(KEY)).message).not.toContain(KEY);
  });

  it('is what has been said already', () => {
    const said = new ModelFailed('MODEL_TIMEOUT', 'too late');
    expect(failed(said)).toBe(said);
  });
});

describe('whether it is asked again', () => {
  const after = (statusCode: number, retryAfter?: string) =>
    failed(
      call({
        statusCode,
        ...(retryAfter !== undefined && { responseHeaders: { 'retry-after': retryAfter } }),
      }),
    ).retryInMs;

  it.each([
    [408, undefined, 500],
    [429, undefined, 1_000],
    [500, undefined, 500],
    [503, '0', 0],
    [503, '2', 2_000],
    [503, new Date(0).toUTCString(), 0],
    [503, 'soon', 500],
    [429, '20', 20_000],
  ])('after %i and Retry-After %s: in %i ms', (status, retryAfter, ms) => {
    expect(after(status, retryAfter)).toBe(ms);
  });

  it.each([
    [400, '1'],
    [401, '1'],
    [404, undefined],
    [429, '3600'],
    [503, '3600'],
  ])('after %i and Retry-After %s: never', (status, retryAfter) => {
    expect(after(status, retryAfter)).toBeUndefined();
  });

  it('is no time that clients are told to wait', () => {
    const { retryInMs, retryAfterMs, details } = failed(call({ statusCode: 429 }));
    expect([retryInMs, retryAfterMs, details]).toEqual([1_000, undefined, { providerStatus: 429 }]);
  });
});
