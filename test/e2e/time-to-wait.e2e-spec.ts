import { afterEach, describe, expect, it } from '@jest/globals';
import { io } from 'socket.io-client';
import type { AgentTarsConfig, ErrorBody } from '../../src/index.js';
import { Gate } from '../support/model-stub.js';
import { POLLING, raw, type RawOptions, SOCKET, UPGRADE } from '../support/raw.js';
import { ask } from '../support/sockets.js';
import { TestServer } from '../support/test-server.js';

let app: TestServer;
afterEach(() => app.stop());

async function start(server: NonNullable<AgentTarsConfig['server']>): Promise<void> {
  app = await TestServer.start({ config: { server } });
}

const msIn = (body: unknown) => (body as { details: { retryAfterMs: number } }).details.retryAfterMs;

/** What an HTTP answer tells, checked to be one and the same time in its header, its details and its sentence. */
async function waitOf(options: RawOptions): Promise<number> {
  const { status, headers, body } = await raw(app.url, options);
  expect([options, status]).toEqual([options, 429]);
  return requireOneTime(JSON.parse(body) as ErrorBody, Number(headers['retry-after']));
}

function requireOneTime(error: ErrorBody, seconds = Math.ceil(msIn(error) / 1_000)): number {
  expect(error.code).toBe('RATE_LIMITED');
  expect(Math.ceil(msIn(error) / 1_000)).toBe(seconds);
  expect(error.error).toContain(`Try again in ${seconds} s.`);
  return msIn(error);
}

/** Why a socket is not let into its namespace. */
function refusedSocket(token: string): Promise<ErrorBody> {
  const socket = io(app.url, { forceNew: true, reconnection: false, auth: { token } });
  return new Promise((resolve) => {
    socket.once('connect_error', (error: Error & { data?: unknown }) => {
      socket.close();
      resolve(error.data as ErrorBody);
    });
  });
}

describe('the time to wait', () => {
  it('is told to an address that guesses tokens, whichever door it tries', async () => {
    await start({ auth: { token: 'configured-sentinel-7391' } });
    const headers = { authorization: 'Bearer wrong' };
    for (let i = 0; i < 10; i++) expect((await raw(app.url, { headers })).status).toBe(401);
    const waits = [
      await waitOf({ headers }),
      await waitOf({ headers: { ...headers, accept: 'text/html' } }),
      await waitOf({
        method: 'POST',
        path: '/auth/login',
        headers: { 'content-type': 'application/json' },
        body: '{"token":"wrong"}',
      }),
      await waitOf({ headers, path: POLLING }),
      await waitOf({ headers: { ...headers, ...UPGRADE }, path: SOCKET }),
      await waitOf({ headers, path: '/socket.io/socket.io.js' }),
      requireOneTime(await refusedSocket('wrong')),
    ];
    // It is the same minute, which goes by.
    expect(waits).toEqual(waits.toSorted((a, b) => b - a));
    expect(waits[0]).toBeLessThanOrEqual(60_000);
    expect(waits.at(-1)).toBeGreaterThan(30_000);
  });

  it('is told to a client that asks too much, over HTTP and in an acknowledgement', async () => {
    await start({ limits: { runsPerMinute: 1 } });
    const sessionId = await app.createSession();
    const socket = await app.socket();
    expect((await app.query(sessionId)).status).toBe(200);
    const query = { sessionId, query: 'hi' };
    const overHttp = await waitOf({
      method: 'POST',
      path: '/api/sessions/query',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(query),
    });
    const overSocket = requireOneTime((await ask(socket, 'send-query', query)) as unknown as ErrorBody);
    expect(overSocket).toBeLessThanOrEqual(overHttp);
    expect(overSocket).toBeGreaterThan(30_000);
  });

  it('is told to a connection that is one too many, before anything of it is read', async () => {
    await start({ limits: { connections: 1 } });
    await app.socket(); // holds the one place
    expect(await waitOf({})).toBe(1_000);
  });

  it('is that of its code where nothing else is known: a full queue, over HTTP and in an acknowledgement', async () => {
    await start({ maxQueued: 1 });
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      await gate.opened;
      reply.text('done').end();
    });
    const [first, second] = [
      await app.stream(sessionId, 'one'),
      await app.stream(sessionId, 'two', { whenBusy: 'queue' }),
    ];
    await second.until('queued');
    const { headers, body } = await app.query(sessionId, 'three', { whenBusy: 'queue' });
    const query = { sessionId, query: 'three', whenBusy: 'queue' };
    const { ok, ...told } = await ask(await app.socket(), 'send-query', query);
    expect([ok, told]).toEqual([false, body]);
    expect(told).toMatchObject({ code: 'QUEUE_FULL', details: { limit: 1, retryAfterMs: 5_000 } });
    expect(headers.get('retry-after')).toBe('5');
    gate.open();
    await Promise.all([first.ended, second.ended]);
  });
});
