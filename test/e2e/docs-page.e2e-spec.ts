import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ApiDocument } from '../support/api-document.js';
import { ServerProcess } from '../support/process.js';
import { TestServer } from '../support/test-server.js';

describe('the documentation page', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
  });
  afterAll(() => app.stop());

  it('loads its own files only, and no inline script', async () => {
    const { status, headers, body } = await app.get<string>('/api/docs');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('content-security-policy')).toContain("script-src 'self';");
    expect(body).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|javascript:/i);
    const types: Record<string, string> = { js: 'text/javascript', css: 'text/css', png: 'image/png' };
    const files = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '');
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const file of files) {
      const asset = await app.get<string>(new URL(file, `${app.url}/api/docs`).pathname);
      expect([file, asset.status]).toEqual([file, 200]);
      expect(asset.headers.get('content-type')).toContain(types[file.split('.').at(-1) ?? '']);
      expect(asset.body.length).toBeGreaterThan(0);
    }
  });

  it('gives away no other file', async () => {
    for (const name of [
      'package.json',
      'index.html',
      '..%2fpackage.json',
      'constructor',
      'swagger-ui-bundle.js.map',
    ]) {
      const { status, body } = await app.get<{ code: string }>(`/api/docs/${name}`);
      expect([name, status, body.code]).toEqual([name, 404, 'ROUTE_NOT_FOUND']);
    }
  });

  it('answers under the versioned prefix too', async () => {
    const [plain, versioned] = await Promise.all([
      app.get<ApiDocument>('/api/docs/openapi.json'),
      app.get<ApiDocument>('/api/v1/docs/openapi.json'),
    ]);
    expect(versioned).toMatchObject({ status: 200, body: { ...plain.body, servers: [{ url: '../../..' }] } });
    expect(plain.body).toMatchObject({ servers: [{ url: '../..' }] }); // from where the document lies
    expect((await app.get('/api/v1/docs')).status).toBe(200);
  });

  it("is each server's own when several live in one process", async () => {
    const other = await TestServer.start({
      config: { agent: { name: 'Second' }, server: { basePath: '/agents/two' } },
    });
    try {
      const [{ body: first }, { body: second }] = await Promise.all([
        app.get<ApiDocument>('/api/docs/openapi.json'),
        other.get<ApiDocument>('/agents/two/docs/openapi.json'),
      ]);
      expect(Object.keys(first.paths)).toContain('/api/sessions/create');
      expect(Object.keys(second.paths)).toContain('/agents/two/sessions/create');
      expect(second.components).toEqual(first.components);
      expect(second.info.title).toBe('Second Server');
      expect((await other.get('/agents/two/docs')).body).toContain('src="../../agents/two/docs/init.js"');
    } finally {
      await other.stop();
    }
  });
});

it('costs nothing before the document is asked for', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'agent-tars-test-'));
  const seen = join(directory, 'seen.txt');
  await writeFile(
    join(directory, 'hooks.mjs'),
    `import { appendFileSync } from 'node:fs';
     export function load(url, context, next) {
       if (url.includes('/@nestjs/swagger/')) appendFileSync(${JSON.stringify(seen)}, url + '\\n');
       return next(url, context);
     }`,
  );
  await writeFile(
    join(directory, 'register.mjs'),
    `import { register } from 'node:module'; register('./hooks.mjs', import.meta.url);`,
  );
  const NODE_OPTIONS = `--import ${pathToFileURL(join(directory, 'register.mjs')).href}`;
  const server = await ServerProcess.start(['--data-dir', directory, '--workspace', directory], {
    cwd: directory,
    env: { NODE_OPTIONS },
  });
  try {
    expect((await server.get('/api/health')).status).toBe(200);
    expect((await server.get('/api/docs')).status).toBe(200);
    expect(existsSync(seen)).toBe(false);
    expect((await server.get('/api/docs/openapi.json')).status).toBe(200);
    expect(await readFile(seen, 'utf8')).toContain('/@nestjs/swagger/');
  } finally {
    await server.kill();
    await rm(directory, { recursive: true, force: true });
  }
});
