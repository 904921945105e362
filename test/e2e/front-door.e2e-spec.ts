import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type http from 'node:http';
import { POLLING, type Raw, raw as send, SOCKET, UPGRADE } from '../support/raw.js';
import { RawConnection, sendRaw, toBytes } from '../support/raw-http.js';
import { TestServer } from '../support/test-server.js';

const raw = (
  url: string,
  headers: http.OutgoingHttpHeaders,
  method = 'GET',
  path = '/api/sessions',
  body = '',
): Promise<Raw> => send(url, { headers, method, path, body });

describe('the front door', () => {
  let app: TestServer;
  let own: string;
  let port: number;

  beforeAll(async () => {
    app = await TestServer.start({
      config: { server: { allowedOrigins: ['https://ui.example.org'], allowedHosts: ['agent.example.org'] } },
    });
    port = app.server.port;
    own = `127.0.0.1:${port}`;
  });
  afterAll(() => app.stop());

  it('lets in programs, which send no origin', async () => {
    expect((await raw(app.url, {})).status).toBe(200);
    expect((await raw(app.url, { host: `localhost:${port}` })).status).toBe(200);
    expect((await raw(app.url, { host: `[::1]:${port}` })).status).toBe(200);
    expect((await raw(app.url, { host: 'agent.example.org' })).status).toBe(200);
  });

  it.each([
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'evil@127.0.0.1',
    '169.254.169.254',
    '0.0.0.0',
  ])('refuses the host %s', async (host) => {
    const answer = await raw(app.url, { host: `${host}:${port}` });
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({
      code: 'FORBIDDEN',
      error: expect.stringContaining('server.allowedHosts'),
    });
    const upgrade = await raw(app.url, { ...UPGRADE, host: `${host}:${port}` }, 'GET', SOCKET);
    expect(upgrade.status).toBe(403);
  });

  it.each(['/api/health', '/api/ready', '/api/v1/health', '/api/v1/ready?from=lb'])(
    'answers HTTP/1.0 without a Host at %s',
    async (target) => {
      for (const method of ['GET', 'HEAD']) {
        const connection = await RawConnection.open(port);
        connection.write(toBytes({ method, target, version: '1.0' }));
        expect((await connection.answer(method))?.status).toBe(200);
        connection.destroy();
      }
    },
  );

  it('refuses all else that comes without a Host, or with an empty one', async () => {
    const refused = [
      { target: '/api/sessions' },
      { target: '/api/healthy' },
      { target: '/API/../api/health' },
      { target: '/api/health', method: 'POST' },
      { target: '/api/health', headers: [['Host', '']] as const },
      { target: '/api/health', headers: [['Origin', 'http://evil.example']] as const },
      { target: 'http://evil.example/api/health' },
    ];
    for (const request of refused) {
      const answer = await sendRaw(port, toBytes({ ...request, version: '1.0' }));
      expect([request, answer.status]).toEqual([request, 403]);
    }
  });

  it('lets in its own pages, and those of an allowed origin', async () => {
    for (const origin of [`http://${own}`, 'https://ui.example.org']) {
      expect((await raw(app.url, { host: own, origin })).status).toBe(200);
      expect((await raw(app.url, { ...UPGRADE, host: own, origin }, 'GET', SOCKET)).status).toBe(101);
      expect((await raw(app.url, { host: own, origin }, 'GET', POLLING)).status).toBe(200);
    }
  });

  it("lets in its own pages under each of this machine's names, and lets them read", async () => {
    const names = [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`];
    for (const name of names) {
      for (const host of names) {
        const page = {
          host,
          origin: `http://${name}`,
          'sec-fetch-site': name === host ? 'same-origin' : 'cross-site',
        };
        const post = await raw(app.url, page, 'POST', '/api/sessions/validate-nothing');
        expect([name, host, post.status]).toEqual([name, host, 404]);
        const allowed = name === host ? undefined : `http://${name}`;
        expect(post.headers['access-control-allow-origin']).toBe(allowed);
        expect((await raw(app.url, { ...UPGRADE, ...page }, 'GET', SOCKET)).status).toBe(101);
      }
    }
    const asks = { host: own, origin: `http://localhost:${port}`, 'access-control-request-method': 'POST' };
    expect((await raw(app.url, asks, 'OPTIONS')).status).toBe(204);
  });

  it.each([
    ['another port', (own: number) => [`http://localhost:${own + 1}`, `127.0.0.1:${own}`]],
    ['another scheme', (own: number) => [`https://localhost:${own}`, `127.0.0.1:${own}`]],
    ['a name of the network', (own: number) => [`http://localhost:${own}`, 'agent.example.org']],
    ['the other end of a tunnel', (own: number) => [`http://localhost:${own}`, 'localhost:9999']],
  ])('does not take a page for its own by a name of this machine and %s', async (_, of) => {
    const [origin, host] = of(port);
    expect((await raw(app.url, { host, origin }, 'POST', '/api/sessions/create')).status).toBe(403);
    expect((await raw(app.url, { ...UPGRADE, host, origin }, 'GET', SOCKET)).status).toBe(403);
  });

  it('says which headers differ, and what to set', async () => {
    const error = async (headers: http.OutgoingHttpHeaders) => {
      const { status, body } = await raw(app.url, headers, 'POST', '/api/sessions/create');
      expect(status).toBe(403);
      return (JSON.parse(body) as { error: string }).error;
    };
    // A proxy that drops the port, and one that puts its own name for the server there.
    for (const host of ['agent.example.org', own]) {
      expect(await error({ host, origin: 'http://agent.example.org:8080' })).toBe(
        `Origin is "http://agent.example.org:8080", but Host is "${host}": pages of other origins may not use this server. If the page is its own and came through a proxy, have the proxy pass the Host on unchanged, with its port (nginx: proxy_set_header Host $http_host; elsewhere: changeOrigin off), or set server.trustProxy and have it send X-Forwarded-Host. Else add the origin to server.allowedOrigins.`,
      );
    }
    expect(await error({ host: own, origin: `https://${own}` })).toContain('set server.trustProxy');
    expect(await error({ host: 'other.example' })).toContain('Host is "other.example", but this server');
    expect(await error({ host: own, 'sec-fetch-site': 'cross-site' })).toContain(
      'Sec-Fetch-Site is "cross-site"',
    );
  });

  it.each([
    'null',
    'http://evil.example',
    'http://127.0.0.1',
    'http://127.0.0.1:1',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'https://ui.example.org.evil.example',
    'https://ui.example.org:444',
    'http://ui.example.org',
    'https://evil-ui.example.org',
    'https://ui.example.org/',
    'https://ui.example.org@evil.example',
    'file://',
    'chrome-extension://abc',
  ])('refuses pages of %s at every door', async (origin) => {
    const query = JSON.stringify({ query: 'hi' });
    const json = { 'content-type': 'application/json' };
    for (const answer of [
      await raw(app.url, { host: own, origin }),
      await raw(app.url, { host: own, origin, ...json }, 'POST', '/api/oneshot/query', query),
      await raw(app.url, { host: own, origin }, 'POST', '/api/sessions/create'),
      await raw(app.url, { host: own, origin }, 'GET', '/'),
      await raw(app.url, { host: own, origin }, 'GET', POLLING),
    ]) {
      expect(answer.status).toBe(403);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
    const upgrade = await raw(app.url, { ...UPGRADE, host: own, origin }, 'GET', SOCKET);
    expect(upgrade.status).toBe(403);
    expect(app.model.requests).toHaveLength(0);
    expect((await app.get('/api/sessions')).body).toEqual({ sessions: [] });
  });

  it('refuses what a browser says comes from another site, but for a link to the page', async () => {
    const cross = { host: own, 'sec-fetch-site': 'cross-site' };
    const link = { ...cross, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect((await raw(app.url, cross)).status).toBe(403);
    expect((await raw(app.url, link)).status).toBe(403);
    expect((await raw(app.url, link, 'GET', '/')).status).toBe(200);
    expect(
      (await raw(app.url, { ...cross, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }, 'GET', '/'))
        .status,
    ).toBe(403);
  });

  it('says that its answers depend on the origin', async () => {
    expect((await raw(app.url, {})).headers['vary']).toContain('Origin');
  });
});
