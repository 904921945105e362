import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentTARSServer, InvalidConfig } from '../../src/index.js';
import { TestServer } from '../support/test-server.js';

describe('another web UI', () => {
  let app: TestServer;
  let ui: string;

  beforeAll(async () => {
    ui = await mkdtemp(join(tmpdir(), 'agent-tars-ui-'));
    await writeFile(join(ui, 'index.html'), '<html><head><title>x</title></head><body>mine</body></html>');
    await writeFile(join(ui, 'app.js'), 'export const a = 1;');
    await writeFile(join(ui, '.env'), 'SECRET=1');
    const agent = { name: '</script><b>$&' };
    app = await TestServer.start({ config: { agent, webui: { staticPath: ui } } });
  });
  afterAll(async () => {
    await app.stop();
    await rm(ui, { recursive: true });
  });

  it.each(['/', '/some/page', '/sessions/abc', '/apiary'])('is served at %s', async (path) => {
    const { status, headers, body } = await app.get<string>(path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(body).toContain('mine');
  });

  it('is told where the API is, before </head> and safely', async () => {
    const { body } = await app.get<string>('/');
    expect(body).toContain('<script>window.AGENT_BASE_URL = ""; window.AGENT_WEB_UI_CONFIG = {"title":');
    expect(body).toMatch(/<\/script><\/head><body>/);
    expect(body).toContain('\\u003c/script\\u003e\\u003cb\\u003e$\\u0026');
  });

  it('has its files served, but no hidden ones', async () => {
    expect((await app.get<string>('/app.js')).body).toBe('export const a = 1;');
    expect((await app.get<string>('/.env')).body).not.toContain('SECRET');
  });

  it('may talk to this server alone, and may not be framed', async () => {
    for (const path of ['/', '/some/page', '/app.js']) {
      expect((await app.get<string>(path)).headers.get('content-security-policy')).toBe(
        "connect-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'",
      );
    }
  });

  it('leaves the API alone', async () => {
    expect((await app.get('/api/sessions')).status).toBe(200);
    expect((await app.get('/api/v1/health')).body).toEqual({ status: 'ok' });
    expect(await app.get('/api/nothing')).toMatchObject({ status: 404, body: { code: 'ROUTE_NOT_FOUND' } });
    const id = await app.createSession();
    expect((await app.query(id)).status).toBe(200);
  });

  it('must be there, or the server does not start', async () => {
    const server = new AgentTARSServer({
      server: { port: 0, storage: { type: 'memory' } },
      webui: { staticPath: join(ui, 'missing') },
      logLevel: 'silent',
    });
    await expect(server.start()).rejects.toThrow(InvalidConfig);
  });
});
