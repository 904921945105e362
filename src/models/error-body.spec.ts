import { describe, expect, it } from '@jest/globals';
import { readError } from './error-body.js';

const json = JSON.stringify;

describe('the reason in an error', () => {
  it.each<[string, unknown, string | undefined]>([
    ['OpenAI', { error: { message: 'Bad model.', type: 'invalid_request_error', code: null } }, 'Bad model.'],
    [
      'Azure',
      { error: { code: 'DeploymentNotFound', message: 'No such deployment.' } },
      'No such deployment.',
    ],
    ["Azure's gateway", { statusCode: 401, message: 'Access denied.' }, 'Access denied.'],
    [
      'Anthropic',
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
      'Overloaded',
    ],
    ['Google, as a list', [{ error: { code: 400, message: 'No signature' } }], 'No signature'],
    [
      'OpenRouter',
      {
        error: {
          code: 502,
          message: 'Provider returned error',
          metadata: { raw: '{"error":{"message":"No workers"}}', provider_name: 'Acme' },
        },
      },
      'Provider returned error (Acme): No workers',
    ],
    [
      'OpenRouter, with a text of the provider behind it',
      { error: { message: 'Provider returned error', metadata: { raw: 'upstream is gone' } } },
      'Provider returned error: upstream is gone',
    ],
    ['vLLM', { object: 'error', message: 'Too long', type: 'BadRequestError', code: 400 }, 'Too long'],
    ['FastAPI', { detail: 'Not Found' }, 'Not Found'],
    [
      'FastAPI, of fields',
      { detail: [{ loc: ['body', 'model'], msg: 'Field required', type: 'missing' }] },
      'body.model: Field required',
    ],
    ['Cohere', { message: 'invalid api token' }, 'invalid api token'],
    [
      'Mistral',
      { object: 'error', message: { detail: [{ loc: ['body', 'top_p'], msg: 'Too large' }] } },
      'body.top_p: Too large',
    ],
    ['Ollama', { error: "model 'x' not found" }, "model 'x' not found"],
    ['TGI', { error: 'Input is too long', error_type: 'validation' }, 'Input is too long'],
    [
      'xAI',
      { code: 'The request is wrong', error: 'Incorrect API key provided' },
      'Incorrect API key provided',
    ],
    ['Hugging Face', { error: ['One.', 'Two.'] }, 'One.; Two.'],
    [
      'MiniMax',
      { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } },
      'insufficient balance',
    ],
    [
      'Cloudflare',
      { success: false, errors: [{ code: 10000, message: 'Authentication error' }] },
      'Authentication error',
    ],
    ['AWS', { __type: 'ThrottlingException', Message: 'Slow down' }, 'Slow down'],
    ['OAuth', { error: 'invalid_token', error_description: 'It is over.' }, 'It is over.'],
    [
      'problem details',
      { type: 'about:blank', title: 'Gone', status: 410, detail: 'No such model.' },
      'No such model.',
    ],
    [
      'a failed response',
      { type: 'response.failed', response: { error: { message: 'Out of luck' } } },
      'Out of luck',
    ],
    [
      'a page',
      '<!doctype html>\n<html><head><title>502 Bad\n Gateway</title>',
      'an HTML page, "502 Bad Gateway"',
    ],
    ['a page with a heading', '<html><body><h1>Not Found</h1></body>', 'an HTML page, "Not Found"'],
    ['a page without a title', '<html></html>', 'an HTML page'],
    ['plain text', ' upstream connect error \n', 'upstream connect error'],
    ['an event', 'event: error\ndata: {"error":{"message":"Worker died"}}\n\n', 'Worker died'],
    ['an event of plain text', 'data: no worker\n\n', 'no worker'],
    ['a JSON text', '"just a text"', 'just a text'],
    ['broken JSON', '{"error":', '{"error":'],
    ['nothing', '', undefined],
    ['an object without a sentence', { code: 7 }, undefined],
    ['no error', { error: null, choices: [] }, undefined],
  ])('is found: %s', (_who, given, reason) => {
    expect(readError(given).reason).toBe(reason);
    if (typeof given !== 'string') expect(readError(json(given)).reason).toBe(reason);
  });

  it('is looked for in bounds, whatever the body is', () => {
    const deep = `${'{"error":'.repeat(5_000)}"x"${'}'.repeat(5_000)}`;
    expect(readError(deep).reason).toBeUndefined();
    expect(readError('<title '.repeat(150_000)).reason).toBe('an HTML page');
    expect(readError(`data:${' '.repeat(1_000_000)}`).reason).toBeUndefined();
    expect(readError({ error: Array.from({ length: 1_000 }, () => 'x') }).reason).toBe('x; x; x; x; x');
  });
});

describe('the codes in an error', () => {
  it('are all those that stand for a kind of failure, whole words in lower case', () => {
    const details = [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.07s' },
    ];
    const error = { code: 400, message: 'type: none', status: 'INVALID_ARGUMENT', details };
    expect(readError([{ error }])).toEqual({
      reason: 'type: none',
      status: 400,
      codes: ['400', 'invalid_argument', 'api_key_invalid'],
      retryAfterMs: 34_070,
    });
  });

  it('are no sentences, and those of the provider behind the provider count too', () => {
    const raw = json({ error: { type: 'insufficient_quota' } });
    expect(readError({ code: 'The caller is wrong', error: { metadata: { raw } } }).codes).toEqual([
      'insufficient_quota',
    ]);
  });
});
