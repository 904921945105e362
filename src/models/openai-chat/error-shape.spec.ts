import { describe, expect, it } from '@jest/globals';
import { readError } from '../error-body.js';
import { errorIn } from './error-shape.js';

describe('an error of a provider', () => {
  it.each<[object, string]>([
    [{ error: { message: 'No.', code: 500 } }, 'No.'],
    [{ error: 'No.' }, 'No.'],
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
    expect(error).toBeDefined();
    expect(readError(error).reason).toBe(reason);
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
});
