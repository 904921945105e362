import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { runInThisContext } from 'node:vm';
import { type Operation, operationsOf } from '../support/api-document.js';
import { anyBody, apiDocument, changingRoutes, filled } from '../support/api-routes.js';
import { ask } from '../support/sockets.js';
import { TestServer } from '../support/test-server.js';

const KEYS = ['__proto__', 'constructor', 'prototype'];
const NAMES = [...KEYS, 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf', '__proto__.polluted'];

/** Tests run in a realm of their own; what is native to Node lives in another. */
const OUTER = runInThisContext('({ object: Object.prototype, array: Array.prototype })') as {
  object: object;
  array: object;
};
const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, OUTER.object, OUTER.array];
const pristine = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype));

let app: TestServer;
let routes: Operation[];
let sessionId: string;

beforeAll(async () => {
  app = await TestServer.start({
    config: {
      server: {
        runtimeSettings: {
          schema: { type: 'object', properties: { style: { type: 'object', additionalProperties: true } } },
        },
      },
    },
  });
  routes = await changingRoutes(app);
  sessionId = await app.createSession({ name: 'as it was' });
});
afterAll(() => app.stop());

afterEach(async () => {
  expect(PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype))).toEqual(pristine);
  expect('polluted' in {}).toBe(false);
  const id = await app.createSession();
  expect(await app.query(id)).toMatchObject({ status: 200, body: { result: { content: 'Hello there!' } } });
  const { body } = await app.get(`/api/sessions/details?sessionId=${id}`);
  expect(JSON.stringify(body)).not.toContain('polluted');
});

/** An own property of that name, as JSON.parse makes it; an assignment would set the prototype. */
function withKey<T extends object>(object: T, key: string, value: unknown): T {
  const copy = Array.isArray(object) ? [...(object as unknown[])] : { ...object };
  return Object.defineProperty(copy, key, { value, enumerable: true, configurable: true }) as T;
}

/** The value once for each object in it, that object having the key. */
function everyLevel(value: unknown, key: string, evil: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.entries(value).flatMap(([name, child]) =>
    everyLevel(child, key, evil).map((changed) =>
      Array.isArray(value)
        ? value.map((each: unknown, i) => (String(i) === name ? changed : each))
        : { ...value, [name]: changed },
    ),
  );
  return Array.isArray(value) ? inner : [withKey(value, key, evil), ...inner];
}

/** What every route takes, and a place for objects wherever one may stand. */
function deepBody(path: string): Record<string, unknown> {
  return {
    ...anyBody(sessionId, path),
    query: [
      { type: 'text', text: 'hi' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
    ],
    metadata: { mine: { deeper: { still: true } } },
    runtimeSettings: { style: { deeper: {} } },
    agentOptions: { maxIterations: 1 },
    messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
  };
}

const EVIL = [{ polluted: true }, { prototype: { polluted: true } }, null];

describe.each(KEYS)('the key %s', (key) => {
  it('at any level of any body is refused or ignored', async () => {
    for (const { path, method } of routes.filter(({ path: route }) => !route.endsWith('/delete'))) {
      const bodies = EVIL.flatMap((evil) => everyLevel(deepBody(path), key, evil));
      expect(bodies.length).toBeGreaterThan(30);
      const statuses = await Promise.all(
        bodies.map(async (body) => {
          const answer = await app.send<object>(
            method.toUpperCase(),
            filled(path, sessionId),
            JSON.stringify(body),
            { 'content-type': 'application/json' },
          );
          return answer.status;
        }),
      );
      expect([path, statuses.filter((status) => status >= 500)]).toEqual([path, []]);
    }
  });

  it('is not kept where a client may keep what it likes', async () => {
    const id = await app.createSession();
    for (const field of ['metadata', 'runtimeSettings'] as const) {
      const text = `{"sessionId":"${id}","${field}":{"${key}":{"polluted":true},"style":{"${key}":{"polluted":true}}}}`;
      const path = field === 'metadata' ? '/api/sessions/update' : '/api/runtime-settings';
      const { status, body } = await app.send('POST', path, text, { 'content-type': 'application/json' });
      expect([status, body]).toEqual([400, expect.objectContaining({ code: 'INVALID_INPUT' })]);
    }
    expect(JSON.stringify((await app.get(`/api/sessions/details?sessionId=${id}`)).body)).not.toContain(
      'polluted',
    );
  });

  it('in any message of a socket is refused or ignored', async () => {
    const socket = await app.socket();
    for (const message of ['join-session', 'leave-session', 'send-query', 'abort-query']) {
      const bodies = EVIL.flatMap((evil) => everyLevel(deepBody('/'), key, evil));
      const acks = await Promise.all(bodies.map((body) => ask(socket, message, body)));
      for (const ack of acks) expect(ack).toEqual(expect.objectContaining({ ok: expect.any(Boolean) }));
      expect(acks.filter(({ code }) => code === 'INTERNAL')).toEqual([]);
    }
    expect(socket.connected).toBe(true);
  });
});

describe('a name that every object has', () => {
  it.each(NAMES)('is no id and no value that anything knows: %s', async (name) => {
    const document = await apiDocument(app);
    for (const { path, method, parameters } of operationsOf(document)) {
      const inQuery = parameters.filter((parameter) => parameter.in === 'query').map((each) => each.name);
      const target = filled(path, encodeURIComponent(name));
      const query = new URLSearchParams(inQuery.map((parameter): [string, string] => [parameter, name]));
      if (method === 'get') {
        const { status } = await app.get(`${target}?${query.toString()}`);
        // For an id that is no session, the runtime settings are the defaults.
        const takesNothing = (inQuery.length === 0 && target === path) || path === '/api/runtime-settings';
        expect([target, status < 500, takesNothing || status >= 400 || inQuery.length > 1]).toEqual([
          target,
          true,
          true,
        ]);
        continue;
      }
      const ids = { sessionId: name, runId: name, toolCallId: name, eventId: name, whenBusy: name, id: name };
      const body = {
        ...anyBody(name, path),
        ...ids,
        model: { provider: name, id: name },
        idempotencyKey: name,
      };
      const { status } = await app.post(target, body);
      const makesOne = path.endsWith('/create') || path.includes('/oneshot/');
      expect([target, status < 500, makesOne || status >= 400]).toEqual([target, true, true]);
    }
  });

  it.each(NAMES)('is no session that a request can name: %s', async (name) => {
    for (const path of ['details', 'status', 'events', 'stream'] as const) {
      const { status, body } = await app.get(`/api/sessions/${path}?sessionId=${encodeURIComponent(name)}`);
      expect([path, status, body]).toEqual([
        path,
        404,
        expect.objectContaining({ code: 'SESSION_NOT_FOUND' }),
      ]);
    }
    expect((await app.get(`/api/runs/${encodeURIComponent(name)}`)).status).toBe(404);
    expect((await app.get(`/api/docs/${encodeURIComponent(name)}`)).status).toBe(404);
    expect((await app.get(`/api/sessions?cursor=${name}`)).status).toBe(400);
    expect((await app.get(`/api/sessions?tag=${name}`)).body).toEqual({ sessions: [] });
    expect((await app.get(`/api/sessions/events?sessionId=${sessionId}&types=${name}`)).body.events).toEqual(
      [],
    );
    const socket = await app.socket();
    for (const message of ['join-session', 'send-query', 'abort-query']) {
      const sent = message === 'join-session' ? name : { sessionId: name, query: 'hi' };
      expect(await ask(socket, message, sent)).toMatchObject({ ok: false, code: 'SESSION_NOT_FOUND' });
    }
    const own = { ...anyBody(sessionId, ''), idempotencyKey: name, model: { provider: name, id: name } };
    expect(await app.post('/api/sessions/model', own)).toMatchObject({
      status: 400,
      body: { code: 'UNKNOWN_MODEL' },
    });
  });

  it.each([
    '__proto__[polluted]=1',
    '__proto__.polluted=1',
    'constructor[prototype][polluted]=1',
    'sessionId[__proto__][polluted]=1',
    'sessionId[]=x&__proto__=x',
    '__proto__&constructor&prototype',
    'limit=1&__proto__=polluted&limit=2',
  ])('in a query string does nothing: %s', async (query) => {
    for (const { path, method } of operationsOf(await apiDocument(app))) {
      if (method !== 'get') continue;
      const { status } = await app.get(`${filled(path, 'x')}?${query}`);
      expect([path, status < 500]).toEqual([path, true]);
    }
  });

  it('as a header does nothing', async () => {
    for (const name of KEYS) {
      const headers = { [name]: 'polluted', 'last-event-id': name, 'idempotency-key': name };
      const stream = `/api/sessions/stream?sessionId=${sessionId}`;
      const { status } = await app.send('GET', stream, undefined, headers);
      expect(status).toBe(400);
      expect((await app.post('/api/sessions/query', { sessionId, query: 'hi' }, headers)).status).toBe(200);
    }
  });
});
