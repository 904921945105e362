import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { AgentTARSServer, InvalidConfig } from '../../src/index.js';
import { Client, eventsOf } from '../support/client.js';
import { HostApp } from '../support/host-app.js';
import { raw } from '../support/raw.js';
import { ask } from '../support/sockets.js';
import { TestServer } from '../support/test-server.js';

const TOKEN = 'configured-sentinel-7391';
const token = { authorization: `Bearer ${TOKEN}` };
const PAGE = { accept: 'text/html' };

describe('a server with a public path', () => {
  let app: TestServer;
  let origin: string;
  const get = (path: string, headers: Record<string, string> = token) => raw(origin, { path, headers });

  beforeAll(async () => {
    app = await TestServer.start({ config: { server: { publicPath: '/a/b', auth: { token: TOKEN } } } });
    origin = new URL(app.url).origin;
  });
  afterAll(() => app.stop());

  it('answers below it and without it, as proxies leave it or take it off', async () => {
    expect(app.url).toBe(`${origin}/a/b`);
    for (const path of ['/a/b/api/health', '/api/health', '/a/b/api/v1/health']) {
      expect([path, (await get(path, {})).status]).toEqual([path, 200]);
    }
    for (const path of ['/a/bc/api/health', '/a/api/health', '/A/B/api/health', '/a/b/a/b/api/health']) {
      expect([path, (await get(path)).status]).toEqual([path, 404]);
    }
  });

  it.each(['/a/b', '/a/b/', '/a/b?x=1', '/'])('links below it from the page at %s', async (path) => {
    const { status, body } = await get(path);
    expect(status).toBe(200);
    expect(body).toContain('<a href="/a/b/api/docs">');
  });

  it.each(['/a/b/api/docs', '/api/v1/docs/'])('links below it from the documentation at %s', async (path) => {
    const { body } = await get(path);
    const links = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
    expect(links).toHaveLength(4);
    for (const link of links) {
      expect(link).toMatch(/^\/a\/b\/api\/docs\//);
      expect([link, (await get(link)).status]).toEqual([link, 200]);
    }
  });

  it('names it in the OpenAPI document, and in what it says of other routes', async () => {
    const document = JSON.parse((await get('/a/b/api/docs/openapi.json')).body) as { servers: unknown };
    expect(document.servers).toEqual([{ url: '/a/b' }]);
    expect((await get('/a/b/nothing')).body).toContain('GET /a/b/api/docs lists all that there is.');
  });

  it('logs a browser in below it, with a cookie for nothing beside it', async () => {
    const link = new URL(app.server.createLoginLink() ?? '');
    expect(link.pathname).toBe('/a/b/auth/link');
    const answer = await get(link.pathname + link.search, {});
    expect([answer.status, answer.headers.location]).toEqual([303, '/a/b/']);
    const [cookie = ''] = answer.headers['set-cookie'] ?? [];
    expect(cookie).toContain('; Path=/a/b;');
    expect((await get('/a/b/', { cookie: cookie.split(';')[0] ?? '' })).status).toBe(200);
    const again = await get(link.pathname + link.search, PAGE);
    expect(again.body).toContain('<form action="/a/b/auth/login" data-next="/a/b/">');
    expect((await get('/a/b/api/sessions', PAGE)).body).toContain('<form action="/a/b/auth/login">');
  });

  it('has Socket.IO below it', async () => {
    const sessionId = await new Client(app.url, token).createSession();
    for (const transport of ['websocket', 'polling']) {
      const path = '/a/b/socket.io';
      const socket = io(origin, { path, transports: [transport], auth: { token: TOKEN }, forceNew: true });
      const events = eventsOf(socket);
      expect(await ask(socket, 'join-session', sessionId)).toMatchObject({ ok: true });
      expect(await ask(socket, 'send-query', { sessionId, query: 'hi' })).toMatchObject({ ok: true });
      await events.until('agent_run_end');
      socket.close();
    }
  });

  it('asks for the same tokens below it, and lets in no other pages', async () => {
    for (const path of ['/a/b/api/sessions', '/a/b/', '/a/b/socket.io/socket.io.js']) {
      expect([path, (await get(path, {})).status]).toEqual([path, 401]);
    }
    const evil = { ...token, origin: 'http://evil.example' };
    expect((await get('/a/b/api/sessions', evil)).status).toBe(403);
    const link = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    expect((await get('/a/b/api/sessions', { ...token, ...link })).status).toBe(403);
    expect((await get('/a/b/', { ...token, ...link })).status).toBe(200);
  });

  it('takes no other from a header', async () => {
    expect((await get('/', { ...token, 'x-forwarded-prefix': '/other' })).body).toContain('"/a/b/api/docs"');
  });
});

describe('a server behind a trusted proxy', () => {
  let app: TestServer;
  let ui: string;

  beforeAll(async () => {
    ui = await mkdtemp(join(tmpdir(), 'agent-tars-ui-'));
    await writeFile(
      join(ui, 'index.html'),
      `<html><head><script defer src="/app.js"></script><link href='./app.css'><style>a{src:url(/f.woff)}</style>
       <script>const own = ' src="/kept"';</script></head><body><a href="//other.example/">x</a></body></html>`,
    );
    await writeFile(join(ui, 'app.js'), 'export const a = 1;');
    app = await TestServer.start({ config: { server: { trustProxy: true }, webui: { staticPath: ui } } });
  });
  afterAll(async () => {
    await app.stop();
    await rm(ui, { recursive: true });
  });

  const page = async (prefix: string, path = '/') => {
    const { body } = await raw(app.url, { path, headers: { 'x-forwarded-prefix': prefix } });
    return body;
  };

  it.each(['/x-1/y', '/x-1/y/', '/theirs, /x-1/y'])('takes the prefix %s from its header', async (prefix) => {
    for (const path of ['/', '/x-1/y/', '/x-1/y/sessions/abc', '/sessions/abc']) {
      const body = await page(prefix, path);
      expect(body).toContain('window.AGENT_BASE_URL = "/x-1/y"; window.AGENT_WEB_UI_CONFIG = {');
      expect(body).toContain('"base":"/x-1/y"}');
      expect(body).toContain('<script defer src="/x-1/y/app.js">');
      expect(body).toContain("href='/x-1/y/app.css'");
      expect(body).toContain('url(/x-1/y/f.woff)');
      expect(body).toContain(' src="/kept"');
      expect(body).toContain('<a href="//other.example/">');
    }
    expect(await page(prefix, '/x-1/y/app.js')).toBe('export const a = 1;');
    expect(await page(prefix, '/x-1/y/api/health')).toBe('{"status":"ok"}');
  });

  it('takes what a prefix like its own paths says for taken off', async () => {
    expect(await page('/api', '/api/health')).toBe('{"status":"ok"}');
    expect(await page('/api', '/')).toContain('"base":"/api"');
  });

  it.each(
    [
      '//evil.example',
      '/\\evil.example',
      'javascript:alert(1)',
      'https://evil.example/a',
      'a/b',
      '/',
      '/a/../b',
      '/a/.',
      '/a//b',
      '/a?b',
      '/a#b',
      '/%2e%2e/b',
      '/a"><script>alert(1)</script>',
      '/a b',
      '/a\tb',
      '/a;Path=/',
      '/ä',
      `/${'a'.repeat(10_000)}`,
    ].map((prefix) => [prefix.slice(0, 40), prefix]),
  )('ignores the prefix %s', async (_, prefix = '') => {
    const body = await page(prefix);
    expect(body).toContain('window.AGENT_BASE_URL = "";');
    expect(body).toContain('<script defer src="/app.js">');
  });
});

it('ignores the prefix that a header names where no proxy is trusted', async () => {
  const app = await TestServer.start();
  try {
    const path = '/x/api/health';
    expect((await raw(app.url, { path, headers: { 'x-forwarded-prefix': '/x' } })).status).toBe(404);
    const { body } = await raw(app.url, { path: '/', headers: { 'x-forwarded-prefix': '/x' } });
    expect(body).toContain('<a href="./api/docs">');
  } finally {
    await app.stop();
  }
});

it('has its public path in an application that hosts it too, and takes nothing else there', async () => {
  const host = await HostApp.start({
    config: { server: { publicPath: '/a/b' } },
    beforeListen: (app) => {
      app.use('/a/b/own', (_req: unknown, res: { end(text: string): void }) => res.end('of the host'));
    },
  });
  try {
    const client = new Client(host.url);
    for (const path of ['/a/b/api/health', '/api/health']) expect((await client.get(path)).status).toBe(200);
    for (const path of ['/', '/a/b', '/a/b/']) {
      expect((await client.get<string>(path)).body).toContain('<a href="/a/b/api/docs">');
    }
    expect((await client.get<string>('/a/b/own')).body).toBe('of the host');
    const socket = io(host.url, { path: '/a/b/socket.io', transports: ['websocket'], forceNew: true });
    expect(await ask(socket, 'leave-session', 'none')).toBeDefined();
    socket.close();
  } finally {
    await host.stop();
  }
});

it.each(['/api', '/socket.io', '/auth', '/agents'])(
  'does not start with the public path %s, which its own paths begin with',
  (publicPath) => {
    const basePath = publicPath === '/agents' ? '/agents/api' : '/api';
    expect(() => new AgentTARSServer({ server: { publicPath, basePath } })).toThrow(InvalidConfig);
  },
);
