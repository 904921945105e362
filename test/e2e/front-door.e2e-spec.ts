import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type http from 'node:http';
import { POLLING, type Raw, raw as send, SOCKET, UPGRADE } from '../support/raw.js';
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

  it('lets in its own pages, and those of an allowed origin', async () => {
    for (const origin of [`http://${own}`, 'https://ui.example.org']) {
      expect((await raw(app.url, { host: own, origin })).status).toBe(200);
      expect((await raw(app.url, { ...UPGRADE, host: own, origin }, 'GET', SOCKET)).status).toBe(101);
      expect((await raw(app.url, { host: own, origin }, 'GET', POLLING)).status).toBe(200);
    }
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
