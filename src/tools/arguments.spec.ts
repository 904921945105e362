import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { z as zod3 } from 'zod/v3';
import { readArguments } from './arguments.js';

describe('the parameters of a tool', () => {
  const sides = { type: 'object', properties: { sides: { type: 'number' } }, required: ['sides'] };

  it.each([
    ['an object of zod', z.object({ sides: z.number() })],
    ['an object of zod mini', mini.object({ sides: mini.number() })],
    ['a JSON Schema', sides],
  ])('are %s', (_what, parameters) => {
    const { schema, type } = readArguments(parameters);
    expect(schema).toMatchObject(sides);
    expect(z.safeParse(type, { sides: 6 }).success).toBe(true);
    expect(z.safeParse(type, { sides: 'six' }).success).toBe(false);
  });

  it.each([
    ['an object of zod 3', zod3.object({ sides: zod3.number() }), 'is a schema of zod 3: make it with zod 4'],
    ['one of zod before 3.24', { _def: { typeName: 'ZodObject' }, parse: () => 1 }, 'is a schema of zod 3'],
    [
      'a schema of another library',
      { '~standard': { version: 1, vendor: 'valibot', validate: () => ({ value: 1 }) }, type: 'object' },
      'is a schema of valibot: make it with zod 4',
    ],
    [
      'a zod schema of something else',
      z.string(),
      'must be a zod object, and describes a value of type "string"',
    ],
    ['an object that no JSON can hold', z.object({ at: z.date() }), 'Date cannot be represented'],
    ['a JSON Schema that leads nowhere', { properties: { a: { $ref: '#/$defs/none' } } }, 'none'],
    ['nothing', undefined, 'must be a zod object or a JSON Schema'],
  ])('may not be %s', (_what, parameters, says) => {
    expect(() => readArguments(parameters)).toThrow(says);
  });
});
