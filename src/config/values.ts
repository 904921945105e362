import { z } from 'zod';

// The kinds of values that settings have. Each message completes the sentence "server.port is 99999, but must be …".

export const text = z.string({ error: 'a text' }).min(1, 'a text that is not empty');
export const flag = z.boolean({ error: 'true or false' });

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `one of ${values.join(', ')}` });

/** @param unit named in the message; empty for none */
export const whole = (min: number, max: number, unit: string) => {
  const error = `a whole number from ${min} to ${max}${unit && ` (${unit})`}`;
  return z.int({ error }).min(min, error).max(max, error);
};
export const milliseconds = whole(1, 86_400_000, 'milliseconds');

const HTTP_URL = 'a URL that starts with http:// or https:// and holds no user or password';
export const httpUrl = z.string({ error: HTTP_URL }).refine(isHttpUrl, HTTP_URL);

function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === ''; // fetch refuses URLs with either
}

export const hostName = z
  .string({ error: 'a host name' })
  .regex(/^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)$/i, 'a host name without scheme and port')
  .toLowerCase();

const ORIGIN = 'an origin such as https://example.org or http://localhost:5173, without a path';
export const origin = z
  .string({ error: ORIGIN })
  .refine((text) => URL.canParse(text) && new URL(text).origin === text.toLowerCase(), ORIGIN)
  .toLowerCase();

const PORT = 'a whole number from 0 to 65535, or "auto"';
export const port = z.union([z.int().min(0, PORT).max(65_535, PORT), z.literal('auto')], { error: PORT });

const PATH = 'a path such as /api';
const SEGMENT = String.raw`\/(?!\.{1,2}(\/|$))[\w.-]+`;
export const urlPath = z.string({ error: PATH }).regex(new RegExp(`^(${SEGMENT})+$`), PATH);

const PREFIX = 'a path such as /agents, or empty';
export const urlPrefix = z.string({ error: PREFIX }).regex(new RegExp(`^(${SEGMENT})*$`), PREFIX);

const VISIBLE = 'a name such as .env.example, or a path in the workspace such as .github/workflows';
export const visiblePath = z
  .string({ error: VISIBLE })
  .refine((path) => /^[^/\\]+(\/[^/\\]+)*$/.test(path) && !/(^|\/)\.\.?(\/|$)/.test(path), VISIBLE);

/** A JSON Schema given as a setting: an unusable one must stop the start, not the first request. */
export const objectSchema = z
  .record(z.string(), z.unknown(), { error: 'a JSON Schema' })
  .refine(isObjectSchema, 'a JSON Schema of an object: { type: "object", properties }');

function isObjectSchema(schema: Record<string, unknown>): boolean {
  try {
    return schema['type'] === 'object' && z.fromJSONSchema(schema) !== undefined;
  } catch {
    return false;
  }
}

/**
 * An object of settings. The shape's type is passed on unmapped, unlike with `z.object`: only then do the docstrings of
 * its properties reach this package's declarations, and the editors of its users.
 */
export function section<const S extends z.ZodRawShape>(shape: S, error = 'an object'): z.ZodObject<S> {
  return z.object(shape, { error });
}

/**
 * A type with named types for some of its properties. Declarations expand a schema's type without the docstrings of
 * another file; a named type keeps them.
 */
export type Named<T, Names> = { [K in keyof T]: K extends keyof Names ? Names[K] : T[K] };
