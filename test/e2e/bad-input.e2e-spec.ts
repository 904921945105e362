import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Client, types } from '../support/client.js';
import { TestServer } from '../support/test-server.js';

/** Clients branch on these: the list is closed, and only ever grows. */
const CODES = [
  'INVALID_INPUT',
  'INVALID_JSON',
  'UNKNOWN_MODEL',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'ROUTE_NOT_FOUND',
  'SESSION_NOT_FOUND',
  'RUN_NOT_FOUND',
  'FILE_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'SESSION_BUSY',
  'IDEMPOTENCY_MISMATCH',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'HEADERS_TOO_LARGE',
  'QUEUE_FULL',
  'RATE_LIMITED',
  'INTERNAL',
  'MODEL_ERROR',
  'MODEL_AUTH',
  'MODEL_RATE_LIMITED',
  'MODEL_TIMEOUT',
  'SHARE_FAILED',
  'DATABASE_UNAVAILABLE',
  'DRAINING',
];

/** What the client makes of any answer. */
type AnyAnswer = Awaited<ReturnType<Client['query']>>;

/** Every route that takes a body, with a body that only lacks the session. */
const POST_ROUTES: Readonly<Record<string, object>> = {
  '/api/sessions/create': {},
  '/api/sessions/update': { name: 'x' },
  '/api/sessions/delete': {},
  '/api/sessions/generate-summary': { messages: [{ role: 'user', content: 'x' }] },
  '/api/sessions/model': { model: { provider: 'openai-compatible', id: 'scripted' } },
  '/api/sessions/query': { query: 'x' },
  '/api/sessions/query/stream': { query: 'x' },
  '/api/sessions/abort': {},
  '/api/sessions/share': {},
  '/api/sessions/workspace/validate': { paths: ['x'] },
  '/api/oneshot/query': { query: 'x' },
  '/api/oneshot/query/stream': { query: 'x' },
  '/api/runtime-settings': { runtimeSettings: {} },
};
const ALL_POSTS = Object.keys(POST_ROUTES);
const OF_A_SESSION = ALL_POSTS.filter((path) => !/create$|oneshot|workspace/.test(path));

/** Every route that reads the session from its query string, but for the one that has a body too. */
const GET_ROUTES_OF_A_SESSION = [
  '/api/sessions/details',
  '/api/sessions/status',
  '/api/sessions/events',
  '/api/sessions/stream',
  '/api/sessions/workspace/files',
  '/api/sessions/workspace/search',
  '/api/runtime-settings',
  '/api/runs',
];
/** For an id that is no session, the runtime settings are the defaults. */
const FINDING_ROUTES = GET_ROUTES_OF_A_SESSION.filter((path) => path !== '/api/runtime-settings');

const MAX_BODY_BYTES = 4_096;
const JSON_TYPE = { 'content-type': 'application/json' };

let app: TestServer;
let sessionId: string;

beforeAll(async () => {
  const schema = { type: 'object', properties: { mode: { enum: ['fast'] } }, additionalProperties: false };
  app = await TestServer.start({
    config: { server: { maxBodyBytes: MAX_BODY_BYTES, runtimeSettings: { schema } } },
  });
  sessionId = await app.createSession();
});
afterAll(() => app.stop());
afterEach(async () => {
  expect((await app.get('/api/health')).body).toEqual({ status: 'ok' });
});

/** Holds an answer to what every error of a client's own making looks like. */
function expectRefusal(answer: AnyAnswer, status?: number, code?: string): void {
  const { body } = answer;
  const told = `${answer.status} ${JSON.stringify(body)}`;
  expect(told).toMatch(/^4\d\d \{/);
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(typeof body.error).toBe('string');
  expect(body.error.length).toBeGreaterThan(10);
  expect(body.error).toMatch(/[.…]$/); // a sentence
  expect(CODES).toContain(body.code);
  expect(Object.keys(body).every((key) => ['error', 'code', 'details'].includes(key))).toBe(true);
  // no stack trace, no file of the server, no SQL
  expect(told).not.toMatch(/\\n\s+at |node_modules|\.[jt]s:\d|SQLITE|SELECT |INSERT /);
  if (status !== undefined)
    expect([answer.status, body.code, body.error]).toEqual([status, code, body.error]);
}

const send = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
  app.send<AnyAnswer['body']>(method, path, body, headers);

describe('every route with a body', () => {
  it('is tried here', async () => {
    const { body } = await app.get('/api/docs/openapi.json');
    const documented = Object.entries(body.paths as Record<string, object>)
      .filter(([, methods]) => 'post' in methods)
      .map(([path]) => (path.startsWith('/api') ? path : `/api${path}`));
    expect(documented.sort()).toEqual([...ALL_POSTS].sort());
  });

  describe.each(ALL_POSTS)('%s', (path) => {
    it.each([
      '{',
      '{"sessionId": }',
      'hello',
      '{"a":1}}',
      "{'sessionId':'x'}",
      '{"a":NaN}',
      ' ',
      '\u0000',
      '[1,',
    ])('refuses %j, which is no JSON', async (body) => {
      expectRefusal(await send('POST', path, body, JSON_TYPE), 400, 'INVALID_JSON');
    });

    it.each(['[]', '[{"sessionId":"x"}]', '"text"', '7', 'true', 'null'])(
      'refuses %s, which is no object',
      async (body) => {
        expectRefusal(await send('POST', path, body, JSON_TYPE), 400, 'INVALID_INPUT');
      },
    );

    it.each([
      ['text/plain', '{}'],
      ['application/x-www-form-urlencoded', 'sessionId=x'],
      ['multipart/form-data; boundary=x', '--x--'],
      ['application/xml', '<a/>'],
      ['nonsense', '{}'],
      ['application/json; charset=latin1', '{}'],
    ])('refuses the content type %s', async (type, body) => {
      expectRefusal(await send('POST', path, body, { 'content-type': type }), 415, 'UNSUPPORTED_MEDIA_TYPE');
    });

    it('refuses a body that is too large, whether it says so or not', async () => {
      const body = JSON.stringify({ sessionId, name: 'x'.repeat(MAX_BODY_BYTES) });
      expectRefusal(await send('POST', path, body, JSON_TYPE), 413, 'PAYLOAD_TOO_LARGE');
      const packed = gzipSync(body);
      expect(packed.length).toBeLessThan(MAX_BODY_BYTES);
      expectRefusal(await sendBytes(path, packed, { 'content-encoding': 'gzip' }), 413, 'PAYLOAD_TOO_LARGE');
      expectRefusal(await sendBytes(path, stream(body)), 413, 'PAYLOAD_TOO_LARGE');
    });

    it('refuses an encoding that it cannot read', async () => {
      const odd = { ...JSON_TYPE, 'content-encoding': 'zip' };
      expectRefusal(await send('POST', path, '{}', odd), 415, 'UNSUPPORTED_MEDIA_TYPE');
      const broken = { ...JSON_TYPE, 'content-encoding': 'gzip' };
      expectRefusal(await send('POST', path, '{}', broken), 400, 'INVALID_INPUT');
    });

    it('refuses what is nested too deeply, and keys that are not data', async () => {
      const deep = `{"messages":${'['.repeat(150)}${']'.repeat(150)}}`;
      expectRefusal(await send('POST', path, deep, JSON_TYPE), 400, 'INVALID_INPUT');
      for (const key of ['constructor', '__proto__', 'toString']) {
        const odd = `{"metadata":{"a":{"${key}":{"prototype":{"polluted":true}}}}}`;
        expectRefusal(await send('POST', path, odd, JSON_TYPE), 400, 'INVALID_INPUT');
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    });

    it('exists for POST only', async () => {
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        if (method === 'GET' && path === '/api/runtime-settings') continue; // it has a GET too
        const answer = await send(method, path);
        expectRefusal(answer, 405, 'METHOD_NOT_ALLOWED');
        expect(answer.headers.get('allow')).toBe(
          path === '/api/runtime-settings' ? 'GET, HEAD, POST' : 'POST',
        );
        expect(answer.body.error).toContain(`${method} ${path}`);
      }
    });
  });
});

describe('every route of a session', () => {
  const ids = [
    ['an unknown id', 'nope'],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['NUL', 'a\u0000b'],
    ['SQL', "' OR 1=1 --"],
    ['a path', '../../etc/passwd'],
    ['right-to-left marks', '\u202e\u202e'],
    ['100 characters', 'x'.repeat(100)],
  ] as const;

  it.each(OF_A_SESSION)('POST %s answers 404 for ids that are not there', async (path) => {
    for (const [, id] of ids) {
      const answer = await app.post(path, { ...POST_ROUTES[path], sessionId: id });
      expectRefusal(answer, 404, 'SESSION_NOT_FOUND');
    }
  });

  it.each(FINDING_ROUTES)('GET %s answers 404 for ids that are not there', async (path) => {
    for (const [, id] of ids) {
      const answer = await app.get(`${path}?sessionId=${encodeURIComponent(id)}`);
      expectRefusal(answer, 404, 'SESSION_NOT_FOUND');
    }
  });

  it.each(OF_A_SESSION)('POST %s needs a sessionId that is one', async (path) => {
    for (const id of [
      undefined,
      null,
      '',
      7,
      true,
      {},
      [],
      ['x'],
      { $ne: null },
      'x'.repeat(101),
      'x'.repeat(3_000),
    ]) {
      const answer = await app.post(path, { ...POST_ROUTES[path], sessionId: id });
      expectRefusal(answer, 400, 'INVALID_INPUT');
      expect(answer.body.error).toContain('sessionId');
    }
  });

  it.each(OF_A_SESSION)('POST %s refuses an empty body, and none', async (path) => {
    for (const answer of [
      await send('POST', path, '{}', JSON_TYPE),
      await send('POST', path, '', JSON_TYPE),
      await send('POST', path),
    ]) {
      expectRefusal(answer, 400, 'INVALID_INPUT');
      expect(answer.body.error).toContain('sessionId is missing');
    }
  });

  it.each(GET_ROUTES_OF_A_SESSION)('GET %s needs one sessionId, given once', async (path) => {
    const queries = ['?sessionId=', '?sessionId=a&sessionId=b', `?sessionId=${'x'.repeat(101)}`];
    if (path !== '/api/runtime-settings')
      queries.push('', '?', '?sessionid=a', '?sessionId[]=a', '?sessionId[x]=a');
    for (const query of queries) {
      const answer = await app.get(path + query);
      expectRefusal(answer, 400, 'INVALID_INPUT');
      expect(answer.body.error).toContain('sessionId');
    }
  });

  it.each(FINDING_ROUTES)('GET %s bears broken % sequences and addresses without end', async (path) => {
    for (const id of ['%', '%E0%A4%A', '%ff', '%zz', '%00', '%u0041']) {
      expectRefusal(await app.get(`${path}?sessionId=${id}`), 404, 'SESSION_NOT_FOUND');
    }
    expectRefusal(await app.get(`${path}?sessionId=${'x'.repeat(20_000)}`), 431, 'HEADERS_TOO_LARGE');
  });
});

describe('a field of the wrong kind', () => {
  const long = 'x'.repeat(501);
  const many = Array.from({ length: 101 }, (_, i) => String(i));

  it.each<[string, object, RegExp]>([
    ['/api/sessions/create', { name: 7 }, /name must be a string/],
    ['/api/sessions/create', { name: ['x'] }, /name must be a string/],
    ['/api/sessions/create', { name: long }, /name must be shorter than or equal to 500/],
    ['/api/sessions/create', { tags: 'a,b' }, /tags must be an array/],
    ['/api/sessions/create', { tags: [1] }, /each value in tags must be a string/],
    ['/api/sessions/create', { tags: [null] }, /each value in tags must be a string/],
    ['/api/sessions/update', { metadata: null }, /metadata must be an object/],
    ['/api/sessions/abort', { runId: 'x'.repeat(101) }, /runId must be shorter/],
    ['/api/sessions/create', { tags: ['x'.repeat(201)] }, /each value in tags must be shorter/],
    ['/api/sessions/create', { tags: many }, /tags must contain no more than 100/],
    ['/api/sessions/create', { agentOptions: 'x' }, /agentOptions must be an object/],
    ['/api/sessions/create', { agentOptions: [] }, /agentOptions must be an object/],
    [
      '/api/sessions/create',
      { agentOptions: { instructions: 7 } },
      /agentOptions.instructions must be a string/,
    ],
    [
      '/api/sessions/create',
      { agentOptions: { temperature: '1' } },
      /agentOptions.temperature must be a number/,
    ],
    [
      '/api/sessions/create',
      { agentOptions: { temperature: 2.1 } },
      /agentOptions.temperature must not be greater/,
    ],
    [
      '/api/sessions/create',
      { agentOptions: { temperature: -1 } },
      /agentOptions.temperature must not be less/,
    ],
    [
      '/api/sessions/create',
      { agentOptions: { maxIterations: 0 } },
      /agentOptions.maxIterations must not be less/,
    ],
    [
      '/api/sessions/create',
      { agentOptions: { maxIterations: 1.5 } },
      /agentOptions.maxIterations must be an integer/,
    ],
    [
      '/api/sessions/create',
      { agentOptions: { maxOutputTokens: 1e300 } },
      /agentOptions.maxOutputTokens must not be/,
    ],
    ['/api/sessions/create', { runtimeSettings: 'x' }, /runtimeSettings must be an object/],
    ['/api/sessions/create', { runtimeSettings: [] }, /runtimeSettings must be an object/],
    ['/api/sessions/create', { runtimeSettings: { mode: 'slow' } }, /runtime settings were refused.*mode/],
    ['/api/sessions/update', { name: {} }, /name must be a string/],
    ['/api/sessions/update', { name: long }, /name must be shorter/],
    ['/api/sessions/update', { tags: { 0: 'a' } }, /tags must be an array/],
    ['/api/sessions/update', { metadata: 'x' }, /metadata must be an object/],
    ['/api/sessions/update', { metadata: [1] }, /metadata must be an object/],
    ['/api/sessions/update', { metadata: { name: 7 } }, /metadata.name must be a string/],
    ['/api/sessions/update', { metadata: { name: long } }, /metadata.name must be shorter/],
    ['/api/sessions/update', { metadata: { tags: 'x' } }, /metadata.tags must be an array/],
    ['/api/sessions/update', { metadata: { tags: [7] } }, /each value in metadata.tags must be a string/],
    ['/api/sessions/generate-summary', {}, /messages is missing/],
    ['/api/sessions/generate-summary', { messages: 'x' }, /messages must be an array/],
    ['/api/sessions/generate-summary', { messages: [] }, /messages should not be empty/],
    ['/api/sessions/generate-summary', { messages: ['x'] }, /each value in messages must be an object/],
    ['/api/sessions/generate-summary', { messages: [null] }, /each value in messages must be an object/],
    ['/api/sessions/generate-summary', { messages: [[]] }, /each value in messages must be an object/],
    ['/api/sessions/generate-summary', { messages: [{}], model: 7 }, /model must be a string/],
    ['/api/sessions/generate-summary', { messages: [{}], provider: [] }, /provider must be a string/],
    ['/api/sessions/model', {}, /model is missing/],
    ['/api/sessions/model', { model: 'scripted' }, /model must be an object/],
    ['/api/sessions/model', { model: [] }, /model must be an object/],
    ['/api/sessions/model', { model: {} }, /model.provider is missing; model.id is missing/],
    ['/api/sessions/model', { model: { provider: 'x', id: 7 } }, /model.id must be a string/],
    ['/api/sessions/model', { model: { provider: '', id: 'x' } }, /model.provider must be longer/],
    ['/api/sessions/abort', { runId: 7 }, /runId must be a string/],
    ['/api/sessions/share', { upload: 'yes' }, /upload must be a boolean/],
    ['/api/sessions/share', { upload: 1 }, /upload must be a boolean/],
    ['/api/runtime-settings', {}, /runtimeSettings is missing/],
    ['/api/runtime-settings', { runtimeSettings: null }, /runtimeSettings must be an object/],
    ['/api/runtime-settings', { runtimeSettings: [] }, /runtimeSettings must be an object/],
    ['/api/oneshot/query', { query: 'x', sessionName: 7 }, /sessionName must be a string/],
    ['/api/oneshot/query', { query: 'x', sessionName: long }, /sessionName must be shorter/],
    ['/api/oneshot/query', { query: 'x', sessionTags: 'x' }, /sessionTags must be an array/],
    ['/api/oneshot/query', { query: 'x', sessionTags: [7] }, /each value in sessionTags must be a string/],
    ['/api/oneshot/query', { query: 'x', sessionTags: ['x'.repeat(201)] }, /in sessionTags must be shorter/],
    ['/api/oneshot/query', { query: 'x', sessionTags: many }, /sessionTags must contain no more than 100/],
    [
      '/api/sessions/query',
      { query: 'x', whenBusy: 'maybe' },
      /whenBusy must be one of.*reject, queue, interrupt/,
    ],
    ['/api/sessions/query', { query: 'x', whenBusy: 7 }, /whenBusy must be one of/],
    ['/api/sessions/query', { query: 'x', idempotencyKey: 7 }, /idempotencyKey must be a string/],
    ['/api/sessions/query', { query: 'x', idempotencyKey: '' }, /idempotencyKey should not be empty/],
    [
      '/api/sessions/query',
      { query: 'x', idempotencyKey: 'x'.repeat(201) },
      /idempotencyKey must be shorter/,
    ],
  ])('is refused by name: POST %s %j', async (path, body, says) => {
    const { body: before } = await app.get('/api/sessions');
    const answer = await app.post(path, { ...(OF_A_SESSION.includes(path) && { sessionId }), ...body });
    expectRefusal(answer, 400, 'INVALID_INPUT');
    expect(answer.body.error).toMatch(says);
    expect((await app.get('/api/sessions')).body).toEqual(before); // nothing was made or changed
  });

  it.each([
    ['/api/sessions?limit=abc', /limit/],
    ['/api/sessions?limit=0', /limit/],
    ['/api/sessions?limit=-1', /limit/],
    ['/api/sessions?limit=1.5', /limit/],
    ['/api/sessions?limit=1001', /limit/],
    ['/api/sessions?limit=', /limit/],
    ['/api/sessions?limit=1&limit=2', /limit/],
    ['/api/sessions?limit=NaN', /limit/],
    ['/api/sessions?cursor=zzz', /nextCursor/],
    ['/api/sessions?cursor=', /nextCursor/],
    ['/api/sessions?cursor=a&cursor=b', /cursor/],
    ['/api/sessions?tag=a&tag=b', /tag/],
    ['/api/sessions/events?sessionId=ID&after=-1', /after/],
    ['/api/sessions/events?sessionId=ID&after=x', /after/],
    ['/api/sessions/events?sessionId=ID&after=1.5', /after/],
    ['/api/sessions/events?sessionId=ID&after=1e400', /after/],
    ['/api/sessions/events?sessionId=ID&after=1&after=2', /after/],
    ['/api/sessions/events?sessionId=ID&limit=0', /limit/],
    ['/api/sessions/events?sessionId=ID&limit=100001', /limit/],
    ['/api/sessions/events?sessionId=ID&limit=many', /limit/],
    ['/api/sessions/events?sessionId=ID&types=a&types=b', /types/],
    ['/api/sessions/stream?sessionId=ID&after=-1', /after/],
    ['/api/sessions/stream?sessionId=ID&after=x', /after/],
    ['/api/sessions/stream?sessionId=ID&after=7', /beyond the last event/],
  ])('is refused by name: GET %s', async (path, says) => {
    const answer = await app.get(path.replace('ID', sessionId));
    expectRefusal(answer, 400, 'INVALID_INPUT');
    expect(answer.body.error).toMatch(says);
  });

  it.each(['abc', '-1', '1.5', '99'])('is refused by name: Last-Event-ID %s', async (id) => {
    const answer = await send('GET', `/api/sessions/stream?sessionId=${sessionId}`, undefined, {
      'last-event-id': id,
    });
    expectRefusal(answer, 400, 'INVALID_INPUT');
    expect(answer.body.error).toMatch(/Last-Event-ID|beyond the last event/);
  });
});

describe('a query that says nothing, or nothing that can be understood', () => {
  const image = (url: unknown) => [{ type: 'image_url', image_url: { url } }];

  it.each<[unknown, RegExp]>([
    [undefined, /query/],
    [null, /query/],
    [7, /a text or a list/],
    [{}, /a text or a list/],
    [{ type: 'text', text: 'x' }, /a text or a list/],
    ['', /empty/],
    [' \n\t ', /empty/],
    [[], /empty list/],
    [[null], /query\[0\]/],
    [['x'], /query\[0\]/],
    [[[]], /query\[0\]/],
    [[{}], /unknown type/],
    [[{ type: 'video', url: 'x' }], /unknown type/],
    [[{ type: '__proto__' }], /unknown type/],
    [[{ type: 'text' }], /must have a text/],
    [[{ type: 'text', text: 7 }], /must have a text/],
    [[{ type: 'text', text: '' }], /empty/],
    [
      [
        { type: 'text', text: ' ' },
        { type: 'text', text: '' },
      ],
      /empty/,
    ],
    [[{ type: 'text', text: 'fine' }, null], /query\[1\]/],
    [[{ type: 'image_url' }], /image_url\.url/],
    [[{ type: 'image_url', image_url: 'https://x.example/a.png' }], /image_url\.url/],
    [image(undefined), /image_url\.url/],
    [image(7), /image_url\.url/],
    [image(''), /data:, http/],
    [image('file:///etc/passwd'), /data:, http/],
    [image('javascript:alert(1)'), /data:, http/],
    [image('https://'), /data:, http/],
    [image('data:'), /base64 image/],
    [image('data:text/html;base64,PGI+'), /base64 image/],
    [image('data:image/png;base64,'), /base64 image/],
    [image('data:image/png;base64,not base64!'), /base64 image/],
    [image('data:image/png,plain'), /base64 image/],
  ])('is refused: %j', async (query, says) => {
    for (const path of [
      '/api/sessions/query',
      '/api/sessions/query/stream',
      '/api/oneshot/query',
      '/api/oneshot/query/stream',
    ]) {
      const answer = await app.post(path, { sessionId, query });
      expectRefusal(answer, 400, 'INVALID_INPUT');
      expect(answer.body.error).toMatch(says);
    }
  });
});

describe('an address that leads nowhere', () => {
  it.each([
    '/nope',
    '/api',
    '/api/',
    '/api/nope',
    '/api/v1',
    '/api/v2/health',
    '/api/v1/v1/health',
    '/api/sessions/nope',
    '/api/runs/a/b',
    '/API/../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/api/%00',
    '//api//health',
    '/index.html',
    '/favicon.ico',
    `/api/${'x'.repeat(3_000)}`,
  ])('is a 404 for every method: %s', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      const answer = await send(method, path);
      expectRefusal(answer, 404, 'ROUTE_NOT_FOUND');
      expect(answer.body.error).toContain(`There is no ${method} /`);
      expect(answer.body.error.length).toBeLessThan(400);
    }
  });

  it.each(['/api/%E0%A4%A', '/api/runs/%', '/api/runs/%E0%A4%A', '/%E0%A4%A'])(
    'is refused when its % sequences are broken: %s',
    async (path) => {
      expectRefusal(await app.get(path));
    },
  );

  it.each([
    'nope',
    '__proto__',
    'constructor',
    'a%00b',
    '..%2F..%2Fetc%2Fpasswd',
    'x'.repeat(5_000),
    '%F0%9F%98%80',
  ])('is a 404 for the run %s', async (id) => {
    expectRefusal(await app.get(`/api/runs/${id}`), 404, 'RUN_NOT_FOUND');
  });
});

describe('a wrong method', () => {
  it.each([
    '/',
    '/api/sessions',
    '/api/sessions/details',
    '/api/sessions/status',
    '/api/sessions/events',
    '/api/sessions/events/latest',
    '/api/sessions/stream',
    '/api/runs',
    '/api/runs/some-id',
    '/api/share/config',
    '/api/health',
    '/api/ready',
    '/api/version',
    '/api/models',
    '/api/agent/options',
  ])('is a 405 that names the right ones: %s', async (path) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      for (const address of [path, path.replace('/api', '/api/v1')]) {
        const answer = await send(method, `${address}?x=1`);
        expectRefusal(answer, 405, 'METHOD_NOT_ALLOWED');
        expect(answer.headers.get('allow')).toBe('GET, HEAD');
        expect(answer.body.error).toBe(`${method} ${address} is not possible: use GET or HEAD.`);
      }
    }
  });

  it('is not HEAD, where there is a GET', async () => {
    const statusOf = async (path: string) => (await fetch(app.url + path, { method: 'HEAD' })).status;
    expect(await statusOf('/')).toBe(200);
    expect(await statusOf('/api/health')).toBe(200);
    expect(await statusOf('/api/sessions/create')).toBe(405);
    expect(await statusOf('/api/nope')).toBe(404);
  });
});

describe('what is no HTTP', () => {
  it.each([
    ['nonsense', 'NONSENSE\r\n\r\n', 400, 'INVALID_INPUT'],
    [
      'a length that is no number',
      'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n',
      400,
      'INVALID_INPUT',
    ],
    [
      'a header without end',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
  ])('is refused in the same form: %s', async (_what, text, status, code) => {
    const socket = net.connect(app.server.port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (data) => (answer += String(data)));
    await once(socket, 'close');
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    const headers = new Headers(
      head
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(': ') as [string, string]),
    );
    expectRefusal({ status: Number(head.split(' ')[1]), headers, body: JSON.parse(body) }, status, code);
  });
});

describe('a session that all of this was sent to', () => {
  it('has none of it in its history, and answers as if nothing had been', async () => {
    expect(await app.events(sessionId)).toEqual([]);
    expect(app.model.requests).toEqual([]);
    const { status, body } = await app.query(sessionId, 'still there?');
    expect(status).toBe(200);
    expect(body.result.content).toBe('Hello there!');
    expect(types(await app.events(sessionId))).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(app.model.lastRequest.body.messages.map(({ role }) => role)).toEqual(['system', 'user']);
  });
});

/** A body that is no text, or whose length nobody knows. */
async function sendBytes(
  path: string,
  body: Uint8Array | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): Promise<AnyAnswer> {
  const init = {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body,
    duplex: 'half' as const,
  };
  const response = await fetch(app.url + path, init);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

function stream(text: string): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 1_000) controller.enqueue(bytes.slice(at, at + 1_000));
      controller.close();
    },
  });
}
