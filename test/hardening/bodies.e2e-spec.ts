import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Operation } from '../support/api-document.js';
import { anyBody, changingRoutes, filled } from '../support/api-routes.js';
import { type RawHeaders, sendRaw } from '../support/raw-http.js';
import { TestServer } from '../support/test-server.js';

const KNOWN_ROUTES = [
  '/api/sessions/create',
  '/api/sessions/update',
  '/api/sessions/delete',
  '/api/sessions/model',
  '/api/sessions/generate-summary',
  '/api/sessions/query',
  '/api/sessions/query/stream',
  '/api/sessions/abort',
  '/api/sessions/share',
  '/api/oneshot/query',
  '/api/oneshot/query/stream',
  '/api/runtime-settings',
];

let app: TestServer;
let port: number;
let routes: Operation[];
let sessionId: string;

beforeAll(async () => {
  app = await TestServer.start();
  port = app.server.port;
  routes = await changingRoutes(app);
  sessionId = await app.createSession({ name: 'as it was' });
});
afterAll(() => app.stop());

/** Everything that a request could have changed. */
async function state() {
  const [sessions, runs] = await Promise.all([
    app.get('/api/sessions'),
    app.get(`/api/runs?sessionId=${sessionId}`),
  ]);
  return {
    sessions: sessions.body,
    runs: runs.body,
    events: await app.events(sessionId),
    asked: app.model.requests.length,
  };
}

/** Sends each route the body that it would take, and answers with what came back. */
async function toEach(headers: RawHeaders, bodyOf: (path: string) => string | undefined) {
  const all: RawHeaders = [['Host', `127.0.0.1:${port}`], ...headers];
  return Promise.all(
    routes.map(async ({ method, path }) => {
      const target = filled(path, sessionId);
      const body = bodyOf(path);
      const answer = await sendRaw(port, {
        method: method.toUpperCase(),
        target,
        headers: all,
        ...(body !== undefined && { body }),
      });
      return { path, status: answer.status, code: (JSON.parse(answer.body) as { code?: string }).code };
    }),
  );
}

const json = (path: string) => JSON.stringify(anyBody(sessionId, path));

function form(path: string): string {
  const fields = Object.entries(anyBody(sessionId, path));
  return new URLSearchParams(
    fields.map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  ).toString();
}

function multipart(path: string): string {
  const part = ([name, value]: [string, unknown]) =>
    `--edge\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${String(value)}\r\n`;
  return `${Object.entries(anyBody(sessionId, path)).map(part).join('')}--edge--\r\n`;
}

const everyRoute = (expected: object) =>
  routes.map(({ path }) => expect.objectContaining({ path, ...expected }));

describe('a request that may change something, in a type that a form can send', () => {
  it('knows all routes', () => {
    expect(routes.map(({ path }) => path)).toEqual(expect.arrayContaining(KNOWN_ROUTES));
  });

  it.each<[string, string | undefined, (path: string) => string]>([
    ['text/plain', 'text/plain', json],
    ['text/plain that holds JSON', 'text/plain;charset=UTF-8', json],
    ['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded', form],
    ['application/x-www-form-urlencoded that holds JSON', 'application/x-www-form-urlencoded', json],
    ['multipart/form-data', 'multipart/form-data; boundary=edge', multipart],
    ['no type', undefined, json],
    ['an empty type', '', json],
    ['JSON as a parameter', 'text/plain; application/json', json],
    ['JSON after a comma', 'text/plain, application/json', json],
    ['JSON before a comma', 'application/json, text/plain', json],
    ['a type that begins like JSON', 'application/jsonp', json],
    ['a type that ends like JSON', 'text/json', json],
    ['a type that is no type', 'json', json],
  ])('is refused by every route and changes nothing: %s', async (_what, type, bodyOf) => {
    const before = await state();
    const headers: RawHeaders = type === undefined ? [] : [['Content-Type', type]];
    expect(await toEach(headers, bodyOf)).toEqual(
      everyRoute({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' }),
    );
    expect(await state()).toEqual(before);
  });

  it('is refused when it comes in chunks, or packed', async () => {
    const before = await state();
    for (const { path } of routes) {
      const body = json(path);
      const head = `POST ${filled(path, sessionId)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: text/plain\r\n`;
      const size = Buffer.byteLength(body);
      for (const request of [
        `${head}Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
        `${head}Content-Encoding: gzip\r\nContent-Length: ${size}\r\n\r\n${body}`,
      ]) {
        expect((await sendRaw(port, Buffer.from(request))).status).toBe(415);
      }
    }
    expect(await state()).toEqual(before);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=edge'])(
    'is refused when the form is empty: %s',
    async (type) => {
      const before = await state();
      const empty: RawHeaders = [
        ['Content-Type', type],
        ['Content-Length', '0'],
      ];
      expect(await toEach(empty, () => undefined)).toEqual(everyRoute({ status: 415 }));
      expect(await toEach([['Content-Type', type]], () => undefined)).toEqual(everyRoute({ status: 415 }));
      expect(await state()).toEqual(before);
    },
  );

  // fetch(url, { method: 'POST', mode: 'no-cors' }) and navigator.sendBeacon(url) send no type either.
  it.each<[string, RawHeaders]>([
    ['of another origin', [['Origin', 'http://evil.com']]],
    ['without an origin', [['Origin', 'null']]],
    ['of another site, by a browser that names no origin', [['Sec-Fetch-Site', 'cross-site']]],
    ['of another port, by a browser that names no origin', [['Sec-Fetch-Site', 'same-site']]],
  ])('is refused when a page %s sends nothing at all', async (_what, headers) => {
    const before = await state();
    const empty: RawHeaders = [...headers, ['Content-Length', '0']];
    expect(await toEach(empty, () => undefined)).toEqual(everyRoute({ status: 403, code: 'FORBIDDEN' }));
    expect(await state()).toEqual(before);
  });
});

describe('a program', () => {
  it('may send nothing at all, as curl -X POST does', async () => {
    const headers: RawHeaders = [
      ['Host', `localhost:${port}`],
      ['User-Agent', 'curl/8.0.0'],
      ['Accept', '*/*'],
    ];
    const target = '/api/sessions/create';
    expect((await sendRaw(port, { method: 'POST', target, headers })).status).toBe(201);
    const typed: RawHeaders = [...headers, ['Content-Type', 'application/json']];
    expect((await sendRaw(port, { method: 'POST', target, headers: typed })).status).toBe(201);
    expect(
      (await sendRaw(port, { method: 'POST', target, headers: [...typed, ['Content-Length', '0']] })).status,
    ).toBe(201);
  });

  it('may name a type for what it reads', async () => {
    const headers: RawHeaders = [
      ['Host', `localhost:${port}`],
      ['Content-Type', 'text/plain'],
    ];
    expect((await sendRaw(port, { target: '/api/sessions', headers })).status).toBe(200);
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
    'application/json; charset=utf8',
    'application/json;Charset = "UTF8"',
  ])('is understood by every route when it sends %s', async (type) => {
    const taken: string[] = [];
    for (const { path, method } of routes) {
      const id = await app.createSession();
      const answer = await sendRaw(port, {
        method: method.toUpperCase(),
        target: filled(path, id),
        headers: [
          ['Host', `127.0.0.1:${port}`],
          ['Content-Type', type],
        ],
        body: JSON.stringify(anyBody(id, path)),
      });
      expect([path, [403, 415].includes(answer.status), answer.status >= 500]).toEqual([path, false, false]);
      if (answer.status < 300) taken.push(path);
    }
    expect(taken).toEqual(expect.arrayContaining(KNOWN_ROUTES));
  });
});
