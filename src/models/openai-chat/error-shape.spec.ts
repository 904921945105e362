import { describe, expect, it } from '@jest/globals';
import { errorIn, reasonIn, statusIn } from './error-shape.js';

describe('an error of a provider', () => {
  it.each<[object, string]>([
    [{ error: { message: 'No.', code: 500 } }, 'No.'],
    [{ error: 'No.' }, 'No.'],
    [{ error: { code: 500, metadata: { raw: 'x' } } }, '{"code":500,"metadata":{"raw":"x"}}'],
    [[{ error: { code: 400, message: 'No.', status: 'INVALID_ARGUMENT' } }], 'No.'],
    [{ object: 'error', message: 'No.', type: 'InternalServerError', code: 500 }, 'No.'],
    [{ object: 'error', message: { detail: [{ loc: ['body', 'x'], msg: 'No' }] } }, 'body.x: No'],
    [{ detail: 'No.' }, 'No.'],
    [{ detail: [{ loc: ['body', 'a'], msg: 'one' }, { msg: 'two' }] }, 'body.a: one; two'],
    [{ message: 'No.', code: 'X' }, 'No.'],
    [{ msg: 'No.', code: 1302, success: false }, 'No.'],
    [{ error_code: 336003, error_msg: 'No.' }, 'No.'],
    [{ errors: [{ message: 'No.' }] }, 'No.'],
    [{ type: 'error', error: { type: 'overloaded_error', message: 'No.' } }, 'No.'],
  ])('is known by its shape: %j', (value, reason) => {
    const error = errorIn(value);
    expect(reasonIn(error)).toBe(reason);
    expect(typeof error === 'string' || typeof (error as { message: unknown }).message).toBeTruthy();
  });

  it.each([
    {},
    { choices: [] },
    { choices: [], message: 'x', code: 1 },
    { error: null },
    { error: {} },
    { error: false },
    { id: 'c', usage: { prompt_tokens: 1 } },
    { message: 'hello' },
    [],
    null,
    'text',
    7,
  ])('is none: %j', (value) => {
    expect(errorIn(value)).toBeUndefined();
  });

  it.each([
    [{ code: 502 }, 502],
    [{ code: '429' }, 429],
    [{ status: 503, code: 'x' }, 503],
    [{ code: 20015 }, undefined],
    ['x', undefined],
  ])('may name a status: %j', (error, status) => {
    expect(statusIn(error)).toBe(status);
  });

  it('is read to a bounded depth', () => {
    let error: unknown = 'No.';
    for (let i = 0; i < 1_000; i++) error = { error };
    expect(reasonIn(error)).toBeUndefined();
  });
});
