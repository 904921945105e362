import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Module, Put } from '@nestjs/common';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { createToken, revokeTokens, rotateToken } from '../../src/auth/token-commands.js';
import type { Scope } from '../../src/auth/token.js';
import { AgentTARSServer } from '../../src/index.js';
import { type ApiDocument, operationsOf } from '../support/api-document.js';
import { Client, eventsOf } from '../support/client.js';
import { Gate } from '../support/model-stub.js';
import { POLLING, type Raw, raw, type RawOptions, SOCKET, UPGRADE } from '../support/raw.js';
import { ask, type Ack, next } from '../support/sockets.js';
import { TestServer } from '../support/test-server.js';

const CONFIGURED = 'configured-sentinel-7391';
const JSON_TYPE = { 'content-type': 'application/json' };

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-auth-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A data directory that holds a token for each scope, made before a server sees it. */
async function prepare(name: string) {
  const dataDir = join(directory, name);
  const make = async (scope: Scope) =>
    (await createToken(dataDir, { name: scope, scopes: [scope], expiresAt: null })).token;
  return { dataDir, read: await make('read'), query: await make('query'), admin: await make('admin') };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A client that sends the token with all it does. */
const as = (server: { readonly url: string }, token: string) => new Client(server.url, bearer(token));

/** The cookie of an answer, as a browser would send it back. */
const cookieOf = ({ headers }: Raw) => headers['set-cookie']?.[0]?.split(';')[0] ?? '';

/** Resolves with why a socket was not let in. */
function refusedSocket(url: string, options: object = {}): Promise<Error & { data?: Ack }> {
  const socket = io(url, { forceNew: true, reconnection: false, ...options });
  return new Promise((resolve, reject) => {
    socket.once('connect', () => reject(new Error('The socket was let in.')));
    socket.once('connect_error', (error) => {
      socket.close();
      resolve(error);
    });
  });
}

describe('a server that asks for tokens', () => {
  let app: TestServer;
  let tokens: Awaited<ReturnType<typeof prepare>>;
  const send = (options: RawOptions) => raw(app.url, options);

  beforeAll(async () => {
    tokens = await prepare('doors');
    const auth = { token: CONFIGURED };
    app = await TestServer.start({ config: { dataDir: tokens.dataDir, server: { auth } } });
  });
  afterAll(() => app.stop());

  it('lets nobody in without one, at any route, and says what to do', async () => {
    const { body } = await as(app, tokens.read).get<ApiDocument>('/api/docs/openapi.json');
    const routes = operationsOf(body).map(({ method, path }) => [method.toUpperCase(), path] as const);
    expect(routes.length).toBeGreaterThan(25);
    const others = [
      ...(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE'] as const).map(
        (method) => [method, '/x'] as const,
      ),
      ...[
        '/api',
        '/api/',
        '/api/v1/sessions',
        '/API/sessions',
        '/auth',
        '/auth/x',
        '//api/sessions',
        '/%2e',
      ].map((path) => ['GET', path] as const),
      ['POST', '/auth/logout'] as const,
      ['HEAD', '/auth/link'] as const,
      ['GET', POLLING.replace('/?', '/socket.io.js?')] as const,
    ];
    for (const [method, path] of [...routes, ...others]) {
      const open = method === 'GET' && /^\/api\/(health|ready)$/.test(path);
      const answer = await send({ method, path: path.replace('{', '').replace('}', ''), headers: JSON_TYPE });
      expect([method, path, answer.status]).toEqual([method, path, open ? 200 : 401]);
      if (open) continue;
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      if (method === 'HEAD' || path === '/') continue;
      expect(JSON.parse(answer.body)).toEqual({
        code: 'UNAUTHORIZED',
        error: expect.stringContaining('Authorization: Bearer'),
      });
    }
  });

  it.each(['/api/health', '/api/ready', '/api/v1/health', '/api/v1/ready'])(
    'tells everybody that it lives: %s',
    async (path) => {
      expect((await send({ path })).status).toBe(200);
      expect((await send({ path, method: 'HEAD' })).status).toBe(200);
      expect((await send({ path, method: 'POST' })).status).toBe(401);
    },
  );

  it.each(['read', 'query', 'admin', 'configured'] as const)(
    'lets in who has a good one: %s',
    async (name) => {
      const token = name === 'configured' ? CONFIGURED : tokens[name];
      expect((await send({ headers: bearer(token) })).status).toBe(200);
      expect((await send({ headers: { authorization: `bearer   ${token}` } })).status).toBe(200);
      expect((await send({ path: '/', headers: bearer(token) })).headers['content-type']).toContain(
        'text/html',
      );
    },
  );

  it.each(['read', 'query', 'admin'] as const)('takes it from a cookie too: %s', async (name) => {
    for (const cookie of ['agent_tars', `agent_tars_${app.server.port}`, 'agent_tars_1']) {
      const headers = { cookie: `a=b; ${cookie}=${tokens[name]}; c=d` };
      expect((await send({ headers })).status).toBe(200);
    }
  });

  it('looks for it in no other place, and takes nothing but the whole of it', async () => {
    const { read } = tokens;
    const wrong = [
      { path: `/api/sessions?token=${read}&access_token=${read}&auth=${read}` },
      { headers: { authorization: read } },
      { headers: { authorization: `Basic ${Buffer.from(`x:${read}`).toString('base64')}` } },
      { headers: { authorization: 'Bearer' } },
      { headers: { 'x-api-key': read } },
      {
        headers: { cookie: `other=${read}; xagent_tars=${read}; agent_tars_x=${read}; agent_tars_=${read}` },
      },
      { headers: { cookie: `agent_tars=${CONFIGURED}` } }, // it could be guessed there uncounted
      ...[
        read.slice(0, -1),
        `${read}x`,
        read.toUpperCase(),
        read.slice(5),
        `${read} ${read}`,
        'x'.repeat(5000),
      ].map((token) => ({ headers: bearer(token) })),
    ];
    for (const [i, options] of wrong.entries()) {
      // Each from an address of its own: those that are wrong are counted.
      expect([i, (await send({ ...options, from: `127.0.1.${i + 1}` })).status]).toEqual([i, 401]);
    }
  });

  it('takes the header for who somebody is, when there is a cookie too', async () => {
    const cookie = `agent_tars=${tokens.read}`;
    const authorization = `Bearer ${tokens.admin}`;
    const path = '/api/agent/options';
    expect((await send({ path, headers: { cookie } })).status).toBe(403);
    expect((await send({ path, headers: { cookie, authorization } })).status).toBe(200);
    const wrong = { cookie, authorization: 'Bearer wrong' };
    expect((await send({ headers: wrong, from: '127.0.2.1' })).status).toBe(401);
  });

  it('asks for a token behind the front door, not instead of it', async () => {
    const evil = { ...bearer(tokens.admin), origin: 'http://evil.example' };
    expect((await send({ headers: evil })).status).toBe(403);
    expect(
      (await send({ path: '/auth/login', method: 'POST', headers: { ...JSON_TYPE, ...evil } })).status,
    ).toBe(403);
    expect((await send({ headers: { ...bearer(tokens.admin), host: 'evil.example' } })).status).toBe(403);
  });

  it('shows no token, and no hash of one, wherever it tells of itself', async () => {
    const client = as(app, tokens.admin);
    const sessionId = await client.createSession();
    const hashes = [
      ...(await readFile(join(tokens.dataDir, 'tokens.json'), 'utf8')).matchAll(/[0-9a-f]{64}/g),
    ];
    expect(hashes).toHaveLength(3);
    const paths = [
      'agent/options',
      'sessions',
      'models',
      'runtime-settings',
      `sessions/details?sessionId=${sessionId}`,
    ];
    for (const path of [...paths.map((each) => `/api/${each}`), '/', '/api/docs', '/api/docs/openapi.json']) {
      const { status, body } = await client.get(path);
      expect(status).toBe(200);
      for (const secret of [CONFIGURED, ...Object.values(tokens).slice(1), ...hashes.map(([hash]) => hash)]) {
        expect(JSON.stringify(body)).not.toContain(secret);
      }
    }
    expect(JSON.stringify(app.server.config)).not.toContain(CONFIGURED);
  });

  describe('by the scope of the token', () => {
    it('allows each route of the API to those who may, and to nobody else', async () => {
      const { body } = await as(app, tokens.read).get<ApiDocument>('/api/docs/openapi.json');
      const seen: string[] = [];
      for (const { method, path } of operationsOf(body)) {
        const isSafe = method === 'get';
        const needed: Scope = path === '/api/agent/options' ? 'admin' : isSafe ? 'read' : 'query';
        const ranks = { read: 0, query: 1, admin: 2 };
        for (const scope of ['read', 'query', 'admin'] as const) {
          for (const prefix of ['/api', '/api/v1']) {
            const answer = await send({
              method: method.toUpperCase(),
              path: path.replace('/api', prefix).replace(/\{\w+\}/, 'nothing'),
              headers: { ...bearer(tokens[scope]), ...JSON_TYPE },
              body: isSafe ? '' : '{}',
            });
            const may = ranks[scope] >= ranks[needed];
            expect([method, path, scope, answer.status === 403]).toEqual([method, path, scope, !may]);
            expect(answer.status).not.toBe(401);
            if (may) continue;
            expect(JSON.parse(answer.body)).toEqual({
              code: 'FORBIDDEN',
              error: expect.stringContaining(
                `needs a token with the scope "${needed}"; "${scope}" has ${scope}.`,
              ),
              details: { scope: needed },
            });
          }
        }
        seen.push(needed);
      }
      expect(new Set(seen)).toEqual(new Set(['read', 'query', 'admin']));
    });

    it('keeps the set-up of the agent to admins, however its path is written', async () => {
      for (const path of [
        '/API/agent/Options',
        '/api/agent/options/',
        '/api/v1/agent/options?x',
        `http://127.0.0.1:${app.server.port}/api/agent/options`,
      ]) {
        const headers = bearer(tokens.query);
        expect([path, (await send({ path, headers })).status]).toEqual([path, 403]);
        expect([path, (await send({ path, headers: bearer(tokens.admin) })).status]).toEqual([path, 200]);
        expect((await send({ path, headers, method: 'HEAD' })).status).toBe(403);
      }
    });

    it('allows each socket message to those who may', async () => {
      const { sessionId } = (await as(app, tokens.query).post('/api/sessions/create')).body;
      const reader = await as(app, tokens.read).socket();
      const errors: string[] = [];
      reader.on('error', (text: string) => errors.push(text));
      expect(await ask(reader, 'join-session', sessionId)).toEqual({ ok: true });
      for (const message of ['send-query', 'abort-query', 'anything']) {
        const scope = message === 'anything' ? 'admin' : 'query';
        expect(await ask(reader, message, { sessionId, query: 'hi' })).toEqual({
          ok: false,
          code: 'FORBIDDEN',
          error: `"${message}" needs a token with the scope "${scope}"; "read" has read.`,
          details: { scope },
        });
        expect(errors.at(-1)).toContain(`"${message}" needs`);
      }
      reader.emit('send-query', { sessionId, query: 'without an acknowledgement' });
      expect(await ask(reader, 'leave-session', sessionId)).toEqual({ ok: true });
      expect(app.model.requests).toHaveLength(0);
      const asker = await as(app, tokens.query).socket(['polling']);
      const events = eventsOf(asker);
      await ask(asker, 'join-session', sessionId);
      expect(await ask(asker, 'send-query', { sessionId, query: 'hi' })).toMatchObject({ ok: true });
      await events.until('agent_run_end');
      expect(await ask(asker, 'abort-query', { sessionId })).toMatchObject({ ok: true });
      reader.close();
      asker.close();
    });
  });

  describe('at the sockets', () => {
    it.each(['polling', 'websocket'] as const)(
      'takes it in the handshake, a header or the cookie: %s',
      async (by) => {
        for (const client of [
          as(app, tokens.read),
          new Client(app.url, { cookie: `agent_tars=${tokens.read}` }),
        ]) {
          const socket = await client.socket([by]);
          expect(await ask(socket, 'leave-session', 'none')).toEqual({ ok: true });
          socket.close();
        }
        const socket = await app.socket([by], { token: CONFIGURED });
        expect(await ask(socket, 'leave-session', 'none')).toEqual({ ok: true });
        socket.close();
        // What the handshake says on purpose wins over a cookie that is there.
        const both = new Client(app.url, { cookie: 'agent_tars=old' });
        (await both.socket([by], { token: tokens.read })).close();
      },
    );

    it.each(['polling', 'websocket'] as const)('lets nobody in without a good one: %s', async (by) => {
      const transports = [by];
      const none = await refusedSocket(app.url, { transports });
      expect(none.message).toContain('This server asks for a token.');
      expect(none.data).toMatchObject({ code: 'UNAUTHORIZED' });
      const wrong = await refusedSocket(app.url, { transports, auth: { token: 'wrong' } });
      expect(wrong.message).toContain('This token is wrong, has expired or was revoked.');
      for (const auth of [{ token: 7 }, { token: ['x'] }, { token: {} }]) {
        expect((await refusedSocket(app.url, { transports, auth })).data?.code).toBe('UNAUTHORIZED');
      }
      const cookie = await refusedSocket(app.url, { transports, extraHeaders: { cookie: 'agent_tars=old' } });
      expect(cookie.data?.code).toBe('UNAUTHORIZED');
      const other = await refusedSocket(`${app.url}/other`, { transports });
      expect(other.message).toBe('Invalid namespace');
    });

    it('refuses a wrong header before there is a connection, with the status that it has elsewhere', async () => {
      const headers = bearer('wrong');
      const from = '127.0.2.2';
      for (const answer of [
        await send({ path: POLLING, headers, from }),
        await send({ path: SOCKET, headers: { ...UPGRADE, ...headers }, from }),
        await send({ path: '/socket.io/socket.io.js', headers, from }),
      ]) {
        expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
      }
      const good = bearer(tokens.read);
      expect((await send({ path: POLLING, headers: good })).status).toBe(200);
      expect((await send({ path: SOCKET, headers: { ...UPGRADE, ...good } })).status).toBe(101);
      expect((await send({ path: '/socket.io/socket.io.js', headers: good })).status).toBe(200);
    });

    it('does nothing for a connection that does not say who it is', async () => {
      const before = app.model.requests.length;
      const headers = { 'content-type': 'text/plain' };
      const say = async (packet: string) => {
        const { sid } = JSON.parse((await send({ path: POLLING })).body.slice(1)) as { sid: string };
        const path = `${POLLING}&sid=${sid}`;
        await send({ path, method: 'POST', body: packet, headers });
        return (await send({ path })).body;
      };
      expect(await say('40{"token":"wrong"}')).toContain('44{"message":"This token is wrong');
      expect(await say('40')).toContain('44{"message":"This server asks for a token.');
      expect(await say('42["send-query",{"sessionId":"x","query":"hi"}]')).not.toContain('42');
      expect(app.model.requests).toHaveLength(before);
    });
  });
});

describe('a browser', () => {
  let app: TestServer;
  let tokens: Awaited<ReturnType<typeof prepare>>;
  const send = (options: RawOptions) => raw(app.url, options);
  const post = (path: string, headers: Record<string, string>, body = '{}') =>
    send({ path, method: 'POST', headers: { ...JSON_TYPE, ...headers }, body });
  const login = (token: unknown, headers: Record<string, string> = {}) =>
    post('/auth/login', headers, JSON.stringify({ token }));
  const link = () => {
    const { pathname, search, origin } = new URL(app.server.createLoginLink() ?? '');
    expect(origin).toBe(app.url);
    return pathname + search;
  };

  beforeAll(async () => {
    tokens = await prepare('browser');
    app = await TestServer.start({ config: { dataDir: tokens.dataDir, server: { auth: true } } });
  });
  afterAll(() => app.stop());

  it('is shown a page that says how to get in, which holds no script but its own', async () => {
    const accept = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
    for (const options of [
      { path: '/' },
      { path: '/api/docs', headers: accept },
      { path: '/auth/link?code=x', headers: accept, from: '127.0.3.1' },
    ]) {
      const { status, headers, body } = await send(options);
      expect([status, headers['content-type']]).toEqual([401, 'text/html; charset=utf-8']);
      expect(headers['www-authenticate']).toBe('Bearer');
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[^']+'; [^*]*frame-ancestors 'none'$/,
      );
      expect(body).toContain('link that the server printed');
      expect(body).toContain('<form action="');
    }
    expect((await send({ path: '/api/sessions' })).headers['content-type']).toContain('json');
  });

  it('is sent the script of the form with the page, and may run it', async () => {
    const { body, headers } = await send({ path: '/', headers: { accept: 'text/html' } });
    const script = /<script>(.*?)<\/script>/s.exec(body)?.[1] ?? '';
    expect(script).toContain('fetch(form.action');
    const hash = createHash('sha256').update(script).digest('base64');
    expect(headers['content-security-policy']).toContain(`script-src 'sha256-${hash}'`);
  });

  it('gets a cookie by a link that is good once', async () => {
    const path = link();
    expect(path).toMatch(/^\/auth\/link\?code=[\w-]{32}$/);
    const first = await send({ path, headers: { 'sec-fetch-site': 'none' } });
    expect([first.status, first.headers.location]).toEqual([303, '../']);
    expect(first.headers['cache-control']).toBe('no-store');
    expect(first.headers['referrer-policy']).toBe('no-referrer');
    const [set = '', ...more] = first.headers['set-cookie'] ?? [];
    expect(more).toEqual([]);
    const [pair, ...flags] = set.split('; ');
    expect(pair).toMatch(new RegExp(`^agent_tars_${app.server.port}=tars_[\\w-]{43}$`));
    expect(flags.filter((flag) => !flag.startsWith('Expires=')).sort()).toEqual([
      'HttpOnly',
      'Max-Age=2592000',
      'Path=/',
      'SameSite=Strict',
    ]);
    const again = await send({ path, from: '127.0.3.2' });
    expect([again.status, again.headers['set-cookie']]).toEqual([401, undefined]);
    expect(again.body).toContain('This link has been used');
    const cookie = cookieOf(first);
    expect((await send({ path: '/', headers: { cookie } })).status).toBe(200);
    expect((await send({ path: '/api/agent/options', headers: { cookie } })).status).toBe(200);
    // Who opens it again in the same browser is in already.
    expect((await send({ path, headers: { cookie } })).status).toBe(303);
    const stored = JSON.parse(await readFile(join(tokens.dataDir, 'tokens.json'), 'utf8'));
    const entry = stored.tokens.find(({ name }: { name: string }) => name === 'browser');
    expect(entry).toMatchObject({ scopes: ['admin'], hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(Math.round((entry.expiresAt - entry.createdAt) / 86_400_000)).toBe(30);
    expect(JSON.stringify(stored)).not.toContain(cookie.split('=')[1]?.slice(5));
  });

  it('is led on by a page where the link stood on one of another site: a redirect would have no strict cookie', async () => {
    const headers = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    const answer = await send({ path: link(), headers });
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.body).toContain('<meta http-equiv="refresh" content="0;url=../">');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect((await send({ headers: { cookie: cookieOf(answer) } })).status).toBe(200);
    expect((await send({ path: link(), headers: { ...headers, origin: 'null' } })).status).toBe(403);
  });

  it.each(['', '?code=', '?code=wrong', '?code=a&code=b', '?code[]=a'])(
    'gets none by a link with %j',
    async (query) => {
      const answer = await send({ path: `/auth/link${query}`, from: '127.0.3.3' });
      expect([answer.status, answer.headers['set-cookie']]).toEqual([401, undefined]);
    },
  );

  it('does not use up a link by asking for its head, and can have several', async () => {
    const [one, two] = [link(), link()];
    expect((await send({ path: one, method: 'HEAD' })).status).toBe(401);
    expect((await send({ path: one })).status).toBe(303);
    expect((await send({ path: two })).status).toBe(303);
  });

  it('gets a cookie by a token, which allows no more than that and ends with it', async () => {
    const made = await createToken(tokens.dataDir, {
      name: 'guest',
      scopes: ['read'],
      expiresAt: Date.now() + 3_600_000,
    });
    await until(async () => (await send({ headers: bearer(made.token), from: another() })).status === 200);
    const answer = await login(made.token, { origin: app.url });
    expect([answer.status, answer.body]).toEqual([200, '{"success":true}']);
    expect(answer.headers['set-cookie']?.[0]).toMatch(/Max-Age=3(600|599);.*HttpOnly; SameSite=Strict$/);
    const cookie = cookieOf(answer);
    expect(cookie).not.toContain(made.token);
    expect((await send({ headers: { cookie } })).status).toBe(200);
    expect((await post('/api/sessions/create', { cookie, origin: app.url })).status).toBe(403);
    // A browser's token is no way around: what is made from it ends with the first one too.
    const second = cookieOf(await login(cookie.split('=')[1]));
    const socket = await new Client(app.url, { cookie: second }).socket();
    const gone = next<string>(socket, 'disconnect');
    await revokeTokens(tokens.dataDir, 'guest');
    expect(await gone).toBe('io server disconnect');
    for (const old of [cookie, second]) {
      expect((await send({ headers: { cookie: old }, from: '127.0.4.2' })).status).toBe(401);
    }
  });

  it('gets none by a token that is wrong, or none', async () => {
    for (const token of ['wrong', 'x'.repeat(2000)]) {
      const answer = await login(token);
      expect([answer.status, answer.headers['set-cookie']]).toEqual([401, undefined]);
    }
    for (const token of ['', 7, null, ['x'], undefined]) expect((await login(token)).status).toBe(400);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await post('/auth/login', form, `token=${tokens.read}`)).status).toBe(415);
    expect((await post('/auth/login', {}, `{"token":"${'x'.repeat(20_000)}"}`)).status).toBe(413);
    expect((await post('/auth/login', {}, '{')).status).toBe(400);
  });

  it('may change something by its cookie from a page of the server, and from nowhere else', async () => {
    const cookie = cookieOf(await login(tokens.admin));
    const create = (headers: Record<string, string>) => post('/api/sessions/create', { cookie, ...headers });
    expect((await create({ origin: app.url })).status).toBe(201);
    expect((await create({ 'sec-fetch-site': 'same-origin' })).status).toBe(201);
    for (const headers of [
      {},
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
      { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-origin' },
    ] as Record<string, string>[]) {
      const answer = await create(headers);
      expect([headers, answer.status]).toEqual([headers, 403]);
      expect((await post('/auth/logout', { cookie, ...headers })).status).toBe(403);
    }
    // A program that puts a token into the header is no browser that was made to.
    expect((await post('/api/sessions/create', bearer(tokens.admin))).status).toBe(201);
    expect((await send({ headers: { cookie } })).status).toBe(200);
  });

  it('follows a session by its cookie, as EventSource does', async () => {
    const cookie = cookieOf(await login(tokens.query));
    const browser = new Client(app.url, { cookie, origin: app.url });
    const sessionId = await browser.createSession();
    const follower = await browser.follow(sessionId);
    await browser.query(sessionId);
    expect(await follower.until('agent_run_end')).toBeDefined();
    follower.leave();
  });

  it('is out once it has logged out, with its sockets', async () => {
    const answer = await login(tokens.query);
    const cookie = cookieOf(answer);
    const socket = await new Client(app.url, { cookie }).socket();
    const gone = next<string>(socket, 'disconnect');
    const out = await post('/auth/logout', { cookie, origin: app.url });
    expect([out.status, out.body]).toEqual([200, '{"success":true}']);
    expect(out.headers['set-cookie']).toEqual(
      ['agent_tars', `agent_tars_${app.server.port}`].map((name) =>
        expect.stringMatching(new RegExp(`^${name}=; Path=/; Expires=Thu, 01 Jan 1970`)),
      ),
    );
    await gone;
    expect((await send({ headers: { cookie } })).status).toBe(401);
    expect((await send({ headers: bearer(tokens.query) })).status).toBe(200); // the token that it came by stays
    expect((await post('/auth/logout', bearer(tokens.query))).status).toBe(200);
    expect((await send({ headers: bearer(tokens.query) })).status).toBe(200);
  });

  it('is told that its cookie is for TLS alone where it came by TLS', async () => {
    app.server.getApp().set('trust proxy', 'loopback');
    try {
      const answer = await send({ path: link(), headers: { 'x-forwarded-proto': 'https' } });
      expect(answer.headers['set-cookie']?.[0]).toContain('; Secure; ');
    } finally {
      app.server.getApp().set('trust proxy', false);
    }
  });
});

describe('a token that ends', () => {
  let app: TestServer;
  let dataDir: string;

  beforeAll(async () => {
    ({ dataDir } = await prepare('ends'));
    app = await TestServer.start({ config: { dataDir, server: { auth: true } } });
  });
  afterAll(() => app.stop());

  /** A token that the running server has come to know. */
  async function make(name: string, lifeMs?: number): Promise<string> {
    const expiresAt = lifeMs === undefined ? null : Date.now() + lifeMs;
    const { token } = await createToken(dataDir, { name, scopes: ['query'], expiresAt });
    await until(async () => (await raw(app.url, { headers: bearer(token), from: another() })).status === 200);
    return token;
  }

  const ways: readonly [string, number | undefined, (name: string) => Promise<unknown>][] = [
    ['is revoked', undefined, (name) => revokeTokens(dataDir, name)],
    ['is replaced', undefined, (name) => rotateToken(dataDir, name)],
    ['is deleted with its file', undefined, () => rm(join(dataDir, 'tokens.json'))],
    ['expires', 3000, async () => undefined],
  ];

  it.each(ways)('because it %s takes its views along, and no run', async (name, lifeMs, end) => {
    const token = await make(name, lifeMs);
    const client = as(app, token);
    const sessionId = await client.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text('half');
      await gate.opened;
      reply.text(' and half').end();
    });
    const follower = await client.follow(sessionId);
    const asker = await client.stream(sessionId, 'go');
    const waiting = expect(
      client.post('/api/sessions/query', { sessionId, query: 'later', whenBusy: 'queue' }),
    ).rejects.toThrow();
    const sockets = await Promise.all([
      client.socket(['websocket']),
      client.socket(['polling']),
      app.socket(['websocket'], { token }),
    ]);
    for (const socket of sockets) expect(await ask(socket, 'join-session', sessionId)).toEqual({ ok: true });
    await asker.until('assistant_streaming_message');
    const said = sockets.map((socket) => next<string>(socket, 'error'));
    const gone = sockets.map((socket: Socket) => next<string>(socket, 'disconnect'));

    await end(name); // the model is silent: nothing else ends them
    await Promise.all([follower.ended, asker.ended, waiting, ...gone]);
    expect(await Promise.all(gone)).toEqual(sockets.map(() => 'io server disconnect'));
    for (const text of await Promise.all(said))
      expect(text).toBe('The token of this connection has expired or was revoked.');
    for (const { events } of [follower, asker])
      expect(events.at(-1)?.type).toBe('assistant_streaming_message');

    const refused = await raw(app.url, { headers: bearer(token), from: '127.0.5.2' });
    expect(refused.status).toBe(401);
    expect(refused.body).toContain('This token is wrong, has expired or was revoked.');
    expect((await refusedSocket(app.url, { auth: { token } })).data?.code).toBe('UNAUTHORIZED');

    const other = as(app, await make(`after it ${name}`));
    expect((await other.status(sessionId)).isProcessing).toBe(true);
    const watcher = await other.follow(sessionId);
    gate.open();
    const runs = async () => (await other.get(`/api/runs?sessionId=${sessionId}`)).body.runs;
    await watcher.until((event) => event.type === 'agent_run_end' && event['seq'] !== undefined);
    await watcher.until((event) => event.type === 'user_message' && event['content'] === 'later');
    await until(async () => !(await other.status(sessionId)).isProcessing);
    expect((await runs()).map(({ status }: { status: string }) => status)).toEqual([
      'completed',
      'completed',
    ]);
    const texts = (await other.events(sessionId)).map((event) => ('content' in event ? event.content : ''));
    expect(texts).toContain('half and half');
    watcher.leave();
  });

  it('leaves those of others where they are', async () => {
    const [ending, staying] = [await make('ending'), await make('staying')];
    const socket = await as(app, staying).socket();
    const follower = await as(app, staying).follow(await as(app, staying).createSession());
    const ended = next(await as(app, ending).socket(), 'disconnect');
    await revokeTokens(dataDir, 'ending');
    await ended;
    expect(await ask(socket, 'leave-session', 'none')).toEqual({ ok: true });
    await follower.until('replay_end');
    follower.leave();
    socket.close();
  });

  it('does so as well when its entry is changed by hand', async () => {
    const token = await make('changed');
    const socket = await as(app, token).socket();
    const gone = next(socket, 'disconnect');
    const file = join(dataDir, 'tokens.json');
    const stored = JSON.parse(await readFile(file, 'utf8'));
    stored.tokens.find(({ name }: { name: string }) => name === 'changed').scopes = ['read'];
    await writeFile(file, JSON.stringify(stored));
    await gone;
    expect((await as(app, token).get('/api/sessions')).status).toBe(200);
    expect((await as(app, token).post('/api/sessions/create')).status).toBe(403);
    // What cannot be read changes nothing, until it can be again.
    await writeFile(file, '{"tokens":');
    const other = await createToken(dataDir, { name: 'x', scopes: ['read'], expiresAt: null }).catch(
      (e: Error) => e.message,
    );
    expect(other).toContain('tokens.json cannot be read');
    expect((await as(app, token).get('/api/sessions')).status).toBe(200);
    await writeFile(file, JSON.stringify({ tokens: [] }));
    await until(async () => (await raw(app.url, { headers: bearer(token), from: another() })).status === 401);
  });
});

describe('wrong tokens', () => {
  let app: TestServer;
  let tokens: Awaited<ReturnType<typeof prepare>>;
  const from = (address: string, token: string, more: RawOptions = {}) =>
    raw(app.url, { headers: bearer(token), from: address, ...more });

  beforeAll(async () => {
    tokens = await prepare('wrong');
    const auth = { token: CONFIGURED };
    app = await TestServer.start({ config: { dataDir: tokens.dataDir, server: { auth } } });
  });
  afterAll(() => app.stop());

  const lockOut = async (address: string) => {
    const statuses = [];
    for (let i = 0; i < 12; i++) statuses.push((await from(address, `wrong ${i}`)).status);
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
  };

  it('are refused after ten of them from one address, and so is the one that could be guessed', async () => {
    await lockOut('127.0.6.1');
    const { headers, body } = await from('127.0.6.1', CONFIGURED);
    const seconds = Number(headers['retry-after']);
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(JSON.parse(body)).toEqual({
      code: 'RATE_LIMITED',
      error: `Too many wrong tokens came from your address: 10 a minute is the limit. Try again in ${seconds} s.`,
      details: { retryAfterMs: expect.any(Number) },
    });
    for (const path of [POLLING, '/socket.io/socket.io.js']) {
      expect((await from('127.0.6.1', CONFIGURED, { path })).status).toBe(429);
    }
    const upgrade = { path: SOCKET, headers: { ...UPGRADE, ...bearer(CONFIGURED) } };
    expect((await from('127.0.6.1', '', upgrade)).status).toBe(429);
    // Others, and what is open, are as they were.
    expect((await from('127.0.6.2', CONFIGURED)).status).toBe(200);
    expect((await from('127.0.6.1', '', { path: '/api/health', headers: {} })).status).toBe(200);
    expect((await from('127.0.6.1', '', { headers: {} })).status).toBe(401);
  });

  it('lock nobody out who shows what cannot be guessed: a token that was made here, a link, a cookie', async () => {
    const address = '127.0.6.5';
    await lockOut(address);
    for (const path of ['/api/sessions', POLLING, '/socket.io/socket.io.js']) {
      expect((await from(address, tokens.read, { path })).status).toBe(200);
    }
    const upgrade = { path: SOCKET, headers: { ...UPGRADE, ...bearer(tokens.read) } };
    expect((await from(address, '', upgrade)).status).toBe(101);
    const { pathname, search } = new URL(app.server.createLoginLink() ?? '');
    const opened = await from(address, '', { path: pathname + search, headers: {} });
    expect(opened.status).toBe(303);
    expect((await from(address, '', { headers: { cookie: cookieOf(opened) } })).status).toBe(200);
    const login = (token: string) =>
      from(address, '', {
        path: '/auth/login',
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify({ token }),
      });
    expect((await login(tokens.read)).status).toBe(200);
    expect((await login(CONFIGURED)).status).toBe(429);
  });

  it('do not lock out the configured token where their address has used it before', async () => {
    expect((await from('127.0.6.3', CONFIGURED)).status).toBe(200);
    await lockOut('127.0.6.3');
    expect((await from('127.0.6.3', CONFIGURED)).status).toBe(200);
  });

  it('are not counted where they cannot be guessed, or where a page of another server can send them', async () => {
    const address = '127.0.6.6';
    for (let i = 0; i < 12; i++) {
      const headers = { cookie: `agent_tars=wrong-${i}` };
      const opened = await from(address, '', { path: `/auth/link?code=wrong-${i}`, headers: {} });
      const statuses = [
        opened.status,
        (await from(address, '', { headers })).status,
        (await from(address, '', { path: '/socket.io/socket.io.js', headers })).status,
      ];
      expect(statuses).toEqual([401, 401, 401]);
    }
    expect((await from(address, CONFIGURED)).status).toBe(200);
  });

  it('are counted wherever they are tried', async () => {
    const address = '127.0.6.4';
    const json = { ...JSON_TYPE };
    const attempts: RawOptions[] = [
      { path: POLLING, headers: bearer('wrong') },
      { path: SOCKET, headers: { ...UPGRADE, ...bearer('wrong') } },
      { path: '/auth/login', method: 'POST', headers: json, body: '{"token":"wrong"}' },
      { path: '/', headers: bearer('wrong') },
      { path: '/socket.io/socket.io.js', headers: bearer('wrong') },
    ];
    for (const attempt of attempts) expect((await from(address, '', attempt)).status).toBe(401);
    // The socket's own handshake, by hand: a client library has no address to choose.
    const { body } = await from(address, '', { path: POLLING, headers: {} });
    const { sid } = JSON.parse(body.slice(1)) as { sid: string };
    const path = `${POLLING}&sid=${sid}`;
    const connect = {
      path,
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '40{"token":"wrong"}',
    };
    for (let i = 0; i < 5; i++) expect((await from(address, '', connect)).status).toBe(200);
    expect((await from(address, CONFIGURED)).status).toBe(429);
    await from(address, '', { ...connect, body: `40{"token":"${CONFIGURED}"}` });
    expect((await from(address, '', { path, headers: {} })).body).toContain('"code":"RATE_LIMITED"');
  });
});

@Controller('shapes')
class ShapesController {
  @Put()
  put(@Body() body: object): object {
    return body;
  }
}

@WebSocketGateway({ namespace: 'shapes' })
class ShapesGateway {
  @SubscribeMessage('draw')
  draw(@ConnectedSocket() socket: Socket): string {
    return `drawn for ${typeof socket.id}`;
  }
}

@Module({ controllers: [ShapesController], providers: [ShapesGateway] })
class ShapesModule {}

it('asks for a token at what extends the server too, and for admin where that changes something', async () => {
  const tokens = await prepare('extended');
  const server = new AgentTARSServer(
    {
      dataDir: tokens.dataDir,
      workspace: directory,
      logLevel: 'silent',
      model: { provider: 'embedded' },
      webui: { staticPath: directory },
      server: { port: 0, shutdownGraceMs: 0, auth: true },
    },
    { imports: [ShapesModule] },
  );
  await writeFile(join(directory, 'index.html'), '<head></head>the page');
  await writeFile(join(directory, 'app.js'), 'the script');
  const expressApp = server.getApp();
  let seen = 0;
  expressApp.use((_req, _res, next) => {
    seen += 1;
    next();
  });
  expressApp.all('/custom', (_req, res) => void res.json({ custom: true }));
  expressApp.all('/api/custom', (_req, res) => void res.json({ custom: true }));
  await server.start();
  try {
    const answer = async (method: string, path: string, token?: string) => {
      const headers = { ...JSON_TYPE, ...(token && bearer(token)) };
      return (await raw(server.url, { method, path, headers, body: method === 'GET' ? '' : '{}' })).status;
    };
    for (const path of ['/custom', '/api/custom', '/api/shapes', '/app.js', '/some/page']) {
      expect([path, await answer('GET', path)]).toEqual([path, 401]);
      expect([path, await answer('PUT', path)]).toEqual([path, 401]);
      expect([path, await answer('PUT', path, tokens.read)]).toEqual([path, 403]);
      expect([path, await answer('PUT', path, tokens.query)]).toEqual([path, 403]);
    }
    expect(seen).toBe(0);
    for (const path of ['/custom', '/api/custom', '/app.js', '/some/page']) {
      expect([path, await answer('GET', path, tokens.read)]).toEqual([path, 200]);
    }
    for (const path of ['/custom', '/api/custom', '/api/shapes', '/api/v1/shapes']) {
      expect([path, await answer('PUT', path, tokens.admin)]).toEqual([path, 200]);
    }
    expect(await answer('POST', '/api/sessions/create', tokens.query)).toBe(201);

    const shapes = (token?: string) => ({ forceNew: true, reconnection: false, auth: { token } });
    expect((await refusedSocket(`${server.url}/shapes`, shapes())).data?.code).toBe('UNAUTHORIZED');
    const sockets = [tokens.query, tokens.admin].map((token) => io(`${server.url}/shapes`, shapes(token)));
    const answers = await Promise.all(sockets.map((socket) => socket.emitWithAck('draw', {})));
    expect(answers).toEqual([
      expect.objectContaining({ ok: false, code: 'FORBIDDEN', details: { scope: 'admin' } }),
      'drawn for string',
    ]);
    const gone = next(sockets[0] as Socket, 'disconnect');
    await revokeTokens(tokens.dataDir, 'query');
    await gone;
    sockets.forEach((socket) => socket.close());
  } finally {
    await server.stop();
  }
});

describe('the configured token', () => {
  let app: TestServer | undefined;

  afterEach(() => app?.stop());

  it('takes the browsers that came in by it along when it is changed', async () => {
    const dataDir = join(directory, 'configured');
    const start = async (token: string) => {
      await app?.stop();
      app = await TestServer.start({ config: { dataDir, server: { auth: { token } } } });
    };
    const send = (options: RawOptions) => raw(app?.url ?? '', options);
    const login = async (token: string) => {
      const body = JSON.stringify({ token });
      return cookieOf(await send({ method: 'POST', path: '/auth/login', headers: JSON_TYPE, body }));
    };
    const statuses = (cookies: string[]) =>
      Promise.all(cookies.map(async (cookie) => (await send({ headers: { cookie } })).status));
    await start('the-first-token-7391');
    const cookie = await login('the-first-token-7391');
    const cookies = [cookie, await login(cookie.split('=')[1] ?? '')]; // also one that came in by the other's
    expect(await statuses(cookies)).toEqual([200, 200]);
    await start('the-first-token-7391');
    expect(await statuses(cookies)).toEqual([200, 200]);
    await start('the-other-token-7391');
    expect(await statuses(cookies)).toEqual([401, 401]);
  });
});

let addresses = 0;

/** An address that has not been asked from: one that is refused too often is not listened to any more. */
function another(): string {
  addresses += 1;
  return `127.1.${addresses >> 8}.${addresses & 255}`;
}

/** Asks until the answer is yes: what is waited for cannot be heard of from outside. */
async function until(ask: () => Promise<boolean>): Promise<void> {
  while (!(await ask()));
}
