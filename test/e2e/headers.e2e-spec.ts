import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Module } from '@nestjs/common';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { raw, SOCKET, UPGRADE } from '../support/raw.js';
import { sendRaw } from '../support/raw-http.js';
import { TestServer } from '../support/test-server.js';

@Controller('broken')
class BrokenController {
  @Get()
  get(): never {
    throw new Error('the disk of the extension is on fire');
  }
}

@Module({ controllers: [BrokenController] })
class BrokenModule {}

/** An id that the server makes. */
const OWN_ID = /^[\w-]{8,30}$/;

describe('the headers of answers', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ extensions: { imports: [BrokenModule] }, config: { logLevel: 'error' } });
  });
  afterAll(() => app.stop());

  describe('X-Request-Id', () => {
    const idOf = async (path: string, headers: Record<string, string> = {}) =>
      (await raw(app.url, { path, headers })).headers['x-request-id'];

    it('is the one that came with the request', async () => {
      for (const given of ['a', 'req-7f3a:2.1_B', 'x'.repeat(128)]) {
        expect(await idOf('/api/health', { 'x-request-id': given })).toBe(given);
      }
    });

    it('is a new one each time without any, and for one that could harm a log', async () => {
      const refused = ['', 'x'.repeat(129), 'two words', 'a\tb', '<b>', 'é'];
      const ids = await Promise.all([
        idOf('/api/health'),
        idOf('/api/health'),
        ...refused.map((given) => idOf('/api/health', { 'x-request-id': given })),
      ]);
      for (const id of ids) expect(id).toMatch(OWN_ID);
      expect(new Set(ids).size).toBe(ids.length);
    });

    it('is on every answer: of routes, of refusals, of sockets, of what is no HTTP', async () => {
      const given = { 'x-request-id': 'mine' };
      for (const path of ['/', '/api/nothing', '/api/%', '/api/docs/openapi.json', '/socket.io/socket.io.js'])
        expect([path, await idOf(path, given)]).toEqual([path, 'mine']);
      expect(await idOf('/api/health', { ...given, host: 'evil.com' })).toBe('mine');
      expect(await idOf('/socket.io/?EIO=4&transport=polling', given)).toBe('mine');
      expect(await idOf(SOCKET, { ...UPGRADE, ...given })).toBe('mine');
      expect(await idOf(SOCKET, { ...UPGRADE, ...given, host: 'evil.com' })).toBe('mine');
      const port = Number(new URL(app.url).port);
      const { status, headers } = await sendRaw(port, Buffer.from('no HTTP\r\n\r\n'));
      expect([status, headers['x-request-id']]).toEqual([400, expect.stringMatching(OWN_ID)]);
      const stream = await app.follow(await app.createSession(), 0, given);
      expect(stream.headers.get('x-request-id')).toBe('mine');
      stream.leave();
    });

    it('names a failed request in its sentence and in the log, so that a person finds the one by the other', async () => {
      const written = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
      try {
        const { status, body } = await app.send<{ error: string; code: string }>(
          'GET',
          '/api/broken',
          undefined,
          { 'x-request-id': 'find-me' },
        );
        expect([status, body.code, body.error]).toEqual([
          500,
          'INTERNAL',
          'The server failed to answer this request (find-me). Its log says why; please try again.',
        ]);
        const log = written.mock.calls.map(([text]) => String(text)).join('');
        expect(log).toMatch(/GET \/api\/broken failed \(find-me\): .*the disk of the extension is on fire/);
      } finally {
        written.mockRestore();
      }
    });
  });

  describe('Content-Encoding', () => {
    async function get(path: string, encodings?: string) {
      const sent = request(app.url + path, {
        agent: false,
        headers: encodings === undefined ? {} : { 'accept-encoding': encodings },
      }).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      const bytes = await buffer(response);
      const { 'content-encoding': encoding, 'content-length': length, vary } = response.headers;
      const isGzip = encoding === 'gzip';
      const json = JSON.parse((isGzip ? gunzipSync(bytes) : bytes).toString()) as unknown;
      if (length !== undefined) expect(Number(length)).toBe(bytes.length);
      return { encoding, length, vary, json, bytes: bytes.length };
    }

    it('is gzip for JSON of more than 1 kB, for clients that prefer it', async () => {
      const path = `/api/sessions/details?sessionId=${await app.createSession({ tags: ['x'.repeat(200), 'y'.repeat(200)] })}`;
      const plain = await get(path);
      expect(plain).toMatchObject({ encoding: undefined, vary: 'Origin, Accept-Encoding' });
      expect(plain.bytes).toBeGreaterThan(1_024);
      for (const encodings of ['gzip', 'br, gzip;q=0.8', 'GZIP', '*', 'identity;q=0.5, gzip']) {
        const { json, vary, bytes, encoding } = await get(path, encodings);
        expect([encodings, encoding, vary]).toEqual([encodings, 'gzip', 'Origin, Accept-Encoding']);
        expect(json).toEqual(plain.json);
        expect(bytes).toBeLessThan(plain.bytes);
      }
      for (const encodings of ['', 'br', 'gzip;q=0', 'identity, gzip;q=0.5', 'identity']) {
        const { json, encoding } = await get(path, encodings);
        expect([encodings, encoding]).toEqual([encodings, undefined]);
        expect(json).toEqual(plain.json);
      }
    });

    it('is none for less', async () => {
      const { encoding, vary } = await get('/api/health', 'gzip');
      expect([encoding, vary]).toEqual([undefined, 'Origin']);
    });

    it('is gzip for lists too, whether they are sent whole or in parts', async () => {
      const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => app.createSession()));
      const path = `/api/sessions/events?sessionId=${first}`;
      await app.query(first ?? '', 'x'.repeat(2_000));
      expect(await get(path, 'gzip')).toMatchObject({ encoding: 'gzip', json: (await get(path)).json });
      for (const sessionId of others) {
        const text = Array.from({ length: 12_000 }, (_, i) => (i * 7_919) % 1_000).join(' ');
        const metadata = { text };
        expect((await app.post('/api/sessions/update', { sessionId, metadata })).status).toBe(200);
      }
      const plain = await get('/api/sessions');
      const zipped = await get('/api/sessions', 'gzip');
      expect(plain.bytes).toBeGreaterThan(262_144);
      expect(zipped).toMatchObject({ encoding: 'gzip', json: plain.json });
      expect(zipped.bytes).toBeLessThan(plain.bytes);
    });

    it('is none for streams of events, which arrive as they come', async () => {
      const stream = await app.follow(await app.createSession(), 0, { 'accept-encoding': 'gzip' });
      expect(stream.headers.get('content-encoding')).toBeNull();
      expect(stream.headers.get('cache-control')).toContain('no-transform');
      await stream.until('replay_end');
      stream.leave();
    });
  });

  it('tell where a created session is', async () => {
    for (const base of ['/api', '/api/v1']) {
      const { status, headers, body } = await app.post<{ sessionId: string }>(`${base}/sessions/create`);
      const location = headers.get('location');
      expect([status, location]).toEqual([201, `/api/sessions/details?sessionId=${body.sessionId}`]);
      const { body: found } = await app.get<{ session: { id: string } }>(location ?? '');
      expect(found.session.id).toBe(body.sessionId);
    }
  });

  it('tell a balancer for how long a connection stays open', async () => {
    const { headers } = await raw(app.url, { path: '/api/health', headers: { connection: 'keep-alive' } });
    expect(headers['keep-alive']).toBe('timeout=65');
    const other = await TestServer.start({ config: { server: { keepAliveMs: 120_000 } } });
    try {
      const answer = await raw(other.url, { path: '/api/health', headers: { connection: 'keep-alive' } });
      expect(answer.headers['keep-alive']).toBe('timeout=120');
    } finally {
      await other.stop();
    }
  });
});
