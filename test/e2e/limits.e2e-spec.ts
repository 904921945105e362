import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { io } from 'socket.io-client';
import type { AgentTarsConfig } from '../../src/index.js';
import { TestServer } from '../support/test-server.js';

type Limits = NonNullable<NonNullable<AgentTarsConfig['server']>['limits']>;

const started: TestServer[] = [];
async function start(limits: Limits, more: AgentTarsConfig['server'] = {}): Promise<TestServer> {
  const app = await TestServer.start({ config: { server: { limits, ...more } } });
  started.push(app);
  return app;
}
afterAll(async () => {
  for (const app of started) await app.stop();
});

describe('a client that asks too much', () => {
  it('is answered 429 with the limit and the time to wait, and is let in again then', async () => {
    const app = await start({ requestsPerMinute: 120 });
    const statuses = new Map<number, number>();
    let refused;
    for (let i = 0; i < 130; i++) {
      const answer = await app.get('/api/health');
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status === 429) refused = answer;
    }
    expect(statuses.get(200)).toBeGreaterThanOrEqual(120);
    expect(refused?.body).toEqual({
      error: expect.stringMatching(
        /^More than 120 requests a minute \(server\.limits\.requestsPerMinute\)\. Try again in 1 s\.$/,
      ),
      code: 'RATE_LIMITED',
      details: { limit: 120, key: 'server.limits.requestsPerMinute', retryAfterMs: expect.any(Number) },
    });
    expect(refused?.headers.get('retry-after')).toBe('1');
    const { retryAfterMs } = (refused?.body as { details: { retryAfterMs: number } }).details;
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs)); // the time that it was told
    expect((await app.get('/api/health')).status).toBe(200);
  });

  it('has one share of queries, over HTTP and sockets', async () => {
    const app = await start({ runsPerMinute: 3 });
    const sessionId = await app.createSession();
    const socket = await app.socket();
    expect((await app.query(sessionId)).status).toBe(200);
    await (
      await app.stream(sessionId)
    ).ended;
    expect(
      await socket.emitWithAck('send-query', { sessionId, query: 'hi', whenBusy: 'queue' }),
    ).toMatchObject({ ok: true });
    const refusal = { code: 'RATE_LIMITED', details: { limit: 3, key: 'server.limits.runsPerMinute' } };
    for (const path of [
      '/api/sessions/query',
      '/api/sessions/query/stream',
      '/api/oneshot/query',
      '/api/v1/oneshot/query/stream',
    ]) {
      const { status, body, headers } = await app.post(path, { sessionId, query: 'hello' });
      expect([path, status]).toEqual([path, 429]);
      expect(body).toMatchObject(refusal);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(1);
    }
    expect(await socket.emitWithAck('send-query', { sessionId, query: 'hi' })).toMatchObject({
      ok: false,
      ...refusal,
    });
    // What is no query goes on.
    expect((await app.get(`/api/sessions/events?sessionId=${sessionId}`)).status).toBe(200);
  });

  it('is told over a socket when it sends too many messages', async () => {
    const app = await start({ messagesPerMinute: 5 });
    const sessionId = await app.createSession();
    const socket = await app.socket();
    const error = new Promise((resolve) => socket.once('error', resolve));
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await socket.emitWithAck('join-session', sessionId));
    expect(answers.slice(0, 5)).toEqual(Array(5).fill({ ok: true }));
    expect(answers[5]).toMatchObject({ ok: false, code: 'RATE_LIMITED' });
    expect(await error).toContain('server.limits.messagesPerMinute');
  });

  it('has so many sockets, and a place again when one has left', async () => {
    const app = await start({ sockets: 2 });
    const [first] = [await app.socket(), await app.socket(['polling'])];
    const third = io(app.url, { transports: ['websocket'], forceNew: true, reconnection: false });
    const error = await new Promise<Error & { data?: unknown }>((resolve) =>
      third.once('connect_error', resolve),
    );
    expect(error.message).toContain('More than 2 sockets at once (server.limits.sockets)');
    expect(error.data).toMatchObject({ code: 'RATE_LIMITED' });
    third.close();
    const left = new Promise((resolve) => first?.once('disconnect', resolve));
    first?.disconnect();
    await left;
    let again;
    for (let tries = 0; !again && tries < 50; tries++) again = await app.socket().catch(() => undefined);
    expect(again?.connected).toBe(true);
  });

  it('has its socket closed by a message that is too large, and only that one', async () => {
    const app = await start({ messageBytes: 20_000 });
    const sessionId = await app.createSession();
    const [large, other] = [await app.socket(), await app.socket()];
    const closed = new Promise((resolve) => large.once('disconnect', resolve));
    large.emit('send-query', { sessionId, query: 'x'.repeat(30_000) });
    await closed;
    expect(await other.emitWithAck('send-query', { sessionId, query: 'x'.repeat(10_000) })).toMatchObject({
      ok: true,
    });
    expect((await app.events(sessionId)).filter(({ type }) => type === 'user_message')).toHaveLength(1);
  });

  it('has so many connections, and is answered on the one beyond', async () => {
    const app = await start({ connections: 3 });
    const { hostname, port } = new URL(app.url);
    const open = async () => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    };
    const held = [await open(), await open(), await open()];
    const beyond = await open();
    let answer = '';
    beyond.on('data', (data: Buffer) => (answer += data.toString()));
    await once(beyond, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 429 [^]*server\.limits\.connections/);
    held[0]?.end();
    held[0]?.resume();
    if (held[0]) await once(held[0], 'close');
    expect((await app.get('/api/health')).status).toBe(200);
    for (const socket of held) socket.destroy();
  });

  it('is the address that the trusted proxy has seen, and not what the client claims', async () => {
    const app = await start({ requestsPerMinute: 2 }, { trustProxy: true });
    const ask = async (forwarded: string) =>
      (await app.send('GET', '/api/health', undefined, { 'x-forwarded-for': forwarded })).status;
    expect(await ask('10.0.0.1')).toBe(200);
    expect(await ask('1.1.1.1, 10.0.0.1')).toBe(200);
    expect(await ask('2.2.2.2, 10.0.0.1')).toBe(429);
    expect(await ask('10.0.0.2')).toBe(200);
    expect(await ask('2001:db8:1:2::1')).toBe(200);
    expect(await ask('2001:db8:1:2:ffff::9')).toBe(200);
    expect(await ask('2001:db8:1:2::77')).toBe(429);

    const without = await start({ requestsPerMinute: 2 });
    const claim = async (forwarded: string) =>
      (await without.send('GET', '/api/health', undefined, { 'x-forwarded-for': forwarded })).status;
    expect([await claim('10.0.0.1'), await claim('10.0.0.2'), await claim('10.0.0.3')]).toEqual([
      200, 200, 429,
    ]);
  });
});

describe('the limits', () => {
  it('are far away on loopback: 2,000 requests in a row are all answered', async () => {
    const app = await start({});
    const statuses = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => app.get('/api/health')));
      for (const { status } of answers) statuses.add(status);
    }
    expect([...statuses]).toEqual([200]);
  });

  it('are strict beyond it', async () => {
    const app = await start({}, { host: '0.0.0.0', insecureNoAuth: true });
    const answers: number[] = [];
    // Together: one after another, a slow machine would stay below ten a second.
    for (let i = 0; i < 14; i++) {
      const wave = await Promise.all(Array.from({ length: 50 }, () => app.get('/api/health')));
      answers.push(...wave.map(({ status }) => status));
    }
    expect(answers.slice(0, 600)).toEqual(Array(600).fill(200));
    expect(answers).toContain(429);
  });
});

describe('the headers of every answer', () => {
  let app: TestServer;
  beforeAll(async () => {
    app = await start({});
  });

  it.each([
    ['GET', '/api/health', 200],
    ['GET', '/api/nothing', 404],
    ['POST', '/api/sessions/query', 400],
    ['GET', '/', 200],
    ['GET', '/api/docs', 200],
    ['GET', '/api/docs/swagger-ui.css', 200],
    ['GET', '/nothing', 404],
    ['GET', '/socket.io/socket.io.js', 200],
    ['GET', '/socket.io/socket.io.min.js.map', 200],
    ['GET', '/socket.io/?EIO=4&transport=polling', 200],
    ['GET', '/socket.io/?EIO=4&transport=none', 400],
  ])('%s %s', async (method, path, expected) => {
    const { status, headers } = await app.send(method, path);
    expect(status).toBe(expected);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/script-src[^;]*'unsafe-(inline|eval)'/);
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    });
    expect(headers.has('x-powered-by')).toBe(false);
  });

  it('stand on a stream too', async () => {
    const reader = await app.stream(await app.createSession());
    expect(reader.headers.get('x-content-type-options')).toBe('nosniff');
    await reader.ended;
  });

  it('stand on what the door refuses', async () => {
    const { status, headers } = await app.send('GET', '/', undefined, { origin: 'http://evil.example' });
    expect([status, headers.get('x-content-type-options')]).toEqual([403, 'nosniff']);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('let the page at / have its own style, by its hash alone', async () => {
    const { body, headers } = await app.get<string>('/');
    expect(body).toContain('<style>');
    expect(headers.get('content-security-policy')).toMatch(/style-src 'self' 'sha256-[^']+';/);
  });
});
