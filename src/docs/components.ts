import { COOKIE } from '../auth/index.js';
import type { Schema } from './api-types.js';

export const LICENSE = { name: 'Apache-2.0', identifier: 'Apache-2.0' };

const text = (description: string): object => ({ description, schema: { type: 'string' } });

/** Headers of answers. */
export const HEADERS = {
  'X-Request-Id': text(
    'The id of the request: the one that came with it, or a new one. The log names it too.',
  ),
  'Retry-After': { description: 'Seconds to wait before asking again.', schema: { type: 'integer' } },
  'WWW-Authenticate': text('How to authenticate: Bearer.'),
  Location: text('The address of the session that was created.'),
  'Idempotency-Replayed': {
    description: 'Set if an earlier request with the same Idempotency-Key has done what was asked for.',
    schema: { type: 'string', const: 'true' },
  },
} as const;

/** How a client says who it is, where tokens are required. */
export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of `agent-tars token create`, or that of the configuration.',
  },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: COOKIE,
    description:
      'The cookie of a browser that has logged in. Its name may be followed by an underscore and the port.',
  },
} as const;

/** References within a value, each once. */
export function refsIn(value: unknown): Set<string> {
  const refs = new Set<string>();
  const add = (each: unknown): void => {
    if (typeof each !== 'object' || each === null) return;
    for (const [key, inner] of Object.entries(each)) {
      if (key === '$ref' && typeof inner === 'string') refs.add(inner);
      else add(inner);
    }
  };
  add(value);
  return refs;
}

const SCHEMAS = '#/components/schemas/';

/** The schemas that a value refers to, and those that they refer to in turn. */
export function schemasFor(
  value: unknown,
  all: Readonly<Record<string, Schema>>,
): Readonly<Record<string, Schema>> {
  const names = new Set<string>();
  const collect = (from: unknown): void => {
    for (const ref of refsIn(from)) {
      const name = ref.startsWith(SCHEMAS) ? ref.slice(SCHEMAS.length) : '';
      if (names.has(name) || !(name in all)) continue;
      names.add(name);
      collect(all[name]);
    }
  };
  collect(value);
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)));
}
