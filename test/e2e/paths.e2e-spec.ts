import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnyEvent, Answer, Wire } from '../support/client.js';
import { layMines, type Minefield, payloads, SECRET_NAME, SENTINEL } from '../support/path-payloads.js';
import { TestServer } from '../support/test-server.js';

/** What nothing that leaves the server may hold. */
const LEAKS = [SENTINEL, SECRET_NAME, 'root:x:0:0', 'PATH=', 'SQLite format 3'];
const REFUSED = [400, 403, 404, 431];
const WRITTEN = 'written-by-the-model';
const REFERENCES_AT_ONCE = 50;

describe('paths that lead out, or at what is hidden', () => {
  let field: Minefield;
  let app: TestServer;
  let sessionId: string;
  let paths: string[];
  let before: Record<string, string>;
  /** Everything that the server has said. */
  const said: string[] = [];

  beforeAll(async () => {
    field = await layMines(await realpath(await mkdtemp(join(tmpdir(), 'agent-tars-paths-'))));
    const { workspace, dataDir } = field;
    app = await TestServer.start({ config: { workspace, dataDir } });
    sessionId = await app.createSession();
    paths = payloads(field);
    before = await fingerprints(field);
  });
  afterAll(async () => {
    await app.stop();
    await rm(field.top, { recursive: true, force: true });
  });

  it('are more than a hundred, no two alike', () => {
    expect(paths.length).toBeGreaterThan(100);
    expect(new Set(paths).size).toBe(paths.length);
  });

  it('are told from honest ones: those are answered at every door', async () => {
    const file = '/api/sessions/workspace/files';
    expect((await app.get(`${file}?sessionId=${sessionId}&path=docs/a.txt&download=1`)).body).toMatchObject({
      content: 'an honest file\n',
    });
    const root = (await app.get(`${file}?sessionId=${sessionId}`)).body;
    expect(root.files.map(({ name }: { name: string }) => name)).toEqual(['docs']);
    const found = await app.get(`/api/sessions/workspace/search?sessionId=${sessionId}&q=`);
    expect(found.body.items.map(({ relativePath }: { relativePath: string }) => relativePath)).toEqual([
      'docs',
      'docs/a.txt',
      'docs/b.txt',
    ]);
    expect(await rawSocket(`/api/sessions/workspace/raw/${sessionId}/docs/a.txt`)).toMatchObject({
      status: 200,
    });
    const [result] = await callTool('read_file', [{ path: 'docs/a.txt' }]);
    expect(JSON.stringify(result)).toContain('an honest file');
    const [nothing] = await callTool('search_files', [{ query: SENTINEL.slice(0, 4) }]);
    expect(JSON.stringify(nothing)).toContain('Nothing found');
  });

  it.each(['', '&download=1'])('GET files%s refuses them', async (more) => {
    for (const path of paths) {
      const url = `/api/sessions/workspace/files?sessionId=${sessionId}&path=${encodeURIComponent(path)}${more}`;
      expectRefused(path, await answerOf(app.get(url)));
    }
  });

  it('GET files refuses them as they are, over a raw socket', async () => {
    for (const path of paths.filter(fitsRequestLine)) {
      if (path.includes('&')) continue; // begins another parameter
      const answer = await rawSocket(`/api/sessions/workspace/files?sessionId=${sessionId}&path=${path}`);
      said.push(answer.text);
      expectOneOf(path, answer.status, REFUSED);
    }
  });

  it('GET search finds nothing by them that it should not', async () => {
    for (const q of paths) {
      const url = `/api/sessions/workspace/search?sessionId=${sessionId}&q=${encodeURIComponent(q)}`;
      const { status, body } = await answerOf(app.get(url));
      if (status === 400) continue; // too long
      expect(status).toBe(200);
      for (const { relativePath } of body.items) expect(relativePath).toMatch(/^docs(\/[ab]\.txt)?$/);
    }
  });

  it('POST validate says of each that it is not there', async () => {
    const url = `/api/sessions/workspace/validate?sessionId=${sessionId}`;
    const { status, body } = await answerOf(app.post(url, { paths }));
    expect(status).toBe(200);
    expect(body.results.map(({ path, exists }: { path: string; exists: boolean }) => [path, exists])).toEqual(
      paths.map((path) => [path, false]),
    );
  });

  it.each([
    ['as they are', (path: string) => path],
    ['encoded', encodeURIComponent],
    ['encoded, with the dots', (path: string) => encodeURIComponent(path).replaceAll('.', '%2e')],
    ['encoded twice', (path: string) => encodeURIComponent(encodeURIComponent(path))],
  ])('GET raw refuses them %s, over a raw socket', async (_how, encode) => {
    for (const path of paths.map(encode).filter(fitsRequestLine)) {
      const answer = await rawSocket(`/api/sessions/workspace/raw/${sessionId}/${path}`);
      said.push(answer.text);
      expectOneOf(path, answer.status, REFUSED);
    }
  });

  it.each(['file', 'dir'])('@%s: reads nothing through them', async (kind) => {
    for (let i = 0; i < paths.length; i += REFERENCES_AT_ONCE) {
      const references = paths
        .slice(i, i + REFERENCES_AT_ONCE)
        .map((path) => (/["\n]/.test(path) ? `@${kind}:${path}` : `@${kind}:"${path}" @${kind}:${path}`));
      const events = await run(references.join(' and '));
      const context = events.find(({ type }) => type === 'environment_input')?.['content'] as string;
      expect(context).toMatch(/^<note>/);
      // A path that a blank, or a line's end, cuts short may name an honest file.
      const read = [...context.matchAll(/<(?:file|directory) path="([^"]*)">/g)].map(([, path]) => path);
      for (const path of read) expect(['docs/a.txt', 'docs']).toContain(path);
    }
  });

  it.each([
    ['read_file', (path: string) => ({ path })],
    ['list_directory', (path: string) => ({ path })],
    ['search_files', (path: string) => ({ path, query: SENTINEL.slice(0, 4) })],
    ['edit_file', (path: string) => ({ path, old_text: SENTINEL.slice(0, 4), new_text: WRITTEN })],
  ])('the tool %s refuses them', async (tool, argumentsFor) => {
    const results = await callTool(tool, paths.map(argumentsFor));
    expect(results.map(({ error }, i) => [paths[i], error])).toEqual(
      paths.map((path) => [path, expect.stringMatching(/cannot be used|There is no|is no/)]),
    );
  });

  it('the tool write_file writes inside, or not at all', async () => {
    const results = await callTool(
      'write_file',
      paths.map((path) => ({ path, content: WRITTEN })),
    );
    const written = results.flatMap(({ content, error }) =>
      error === undefined ? [JSON.stringify(content)] : [],
    );
    for (const text of written) expect(text).toMatch(/Wrote 20 bytes to [^/.]/);
    // Names that are odd, but no more than that.
    expect(written.length).toBeGreaterThan(10);
    expect(written.length).toBeLessThan(paths.length / 3);
  });

  it('have changed nothing, and made nothing, outside or among what is hidden', async () => {
    expect(await fingerprints(field)).toEqual(before);
  });

  it('have given nothing away, in no answer, event, page or row', async () => {
    const { body: sessions } = await app.get('/api/sessions');
    for (const { id } of sessions.sessions) {
      said.push(JSON.stringify(await app.events(id)));
      const { body } = await app.post('/api/sessions/share', { sessionId: id, upload: false });
      said.push(body.html);
    }
    for (const { body } of app.model.requests) said.push(JSON.stringify(body));
    for (const name of await readdir(field.dataDir)) {
      if (!name.startsWith('agent-tars.db')) continue;
      const bytes = await readFile(join(field.dataDir, name));
      said.push(bytes.toString('latin1').replaceAll(LEAKS.at(-1) ?? '', ''));
    }
    expect(said.length).toBeGreaterThan(paths.length * 5);
    for (const leak of LEAKS) {
      const where = said.find((text) => text.includes(leak));
      expect(where && { leak, around: around(where, leak) }).toBeUndefined();
    }
    expect((await app.get('/api/health')).status).toBe(200);
  });

  async function answerOf(asked: Promise<Answer<Wire>>): Promise<Answer<Wire>> {
    const answer = await asked;
    said.push(JSON.stringify(answer.body));
    return answer;
  }

  function expectRefused(path: string, { status, body }: Answer<Wire>): void {
    expectOneOf(path, status, REFUSED);
    expectOneOf(path, body.code, ['INVALID_INPUT', 'FORBIDDEN', 'FILE_NOT_FOUND']);
    // Not the absolute path that the file system's own message would hold.
    const shown = (body.error as string).replace(JSON.stringify(path).slice(1, -1), '');
    if (!path.includes(field.top)) expect(shown).not.toContain(field.top);
  }

  /** A run in a session of its own. */
  async function run(query: string): Promise<AnyEvent[]> {
    const events = await (await app.stream(await app.createSession(), query)).ended;
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    said.push(JSON.stringify(events));
    return events;
  }

  /** Has the model call a tool once for each arguments, no more of them in one answer than the server takes. */
  async function callTool(name: string, calls: readonly object[]) {
    for (let at = 0; at < calls.length; at += 100) {
      app.model.next((reply) => {
        for (const call of calls.slice(at, at + 100)) reply.toolCall(name, call);
        reply.end();
      });
    }
    app.model.next((reply) => reply.text('done').end());
    const results = (await run(`use ${name}`)).filter(({ type }) => type === 'tool_result');
    expect(results).toHaveLength(calls.length);
    return results as (AnyEvent & { readonly content: unknown; readonly error?: string })[];
  }

  /** A request that no client has touched. */
  function rawSocket(target: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      const socket = net.connect(app.server.port, '127.0.0.1', () =>
        socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
      );
      socket.on('data', (part) => parts.push(part));
      socket.on('error', reject);
      socket.on('close', () => {
        const text = Buffer.concat(parts).toString();
        resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text });
      });
    });
  }
});

function expectOneOf<T>(path: string, value: T, allowed: readonly T[]): void {
  expect({ path, value, isOne: allowed.includes(value) }).toEqual({ path, value, isOne: true });
}

/** A request line ends at a line's end; what follows would be another request. */
const fitsRequestLine = (path: string): boolean => !/[\r\n]/.test(path);

const around = (text: string, part: string): string =>
  text.slice(Math.max(0, text.indexOf(part) - 200)).slice(0, 400);

/** A digest of every file that must not be touched, by its path; links by where they lead. */
async function fingerprints({ top, workspace, dataDir }: Minefield): Promise<Record<string, string>> {
  const entries = await readdir(top, { recursive: true, withFileTypes: true });
  const result: Record<string, string> = {};
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const shown = path.slice(top.length + 1);
    const isInside = path.startsWith(`${workspace}/`);
    if (path.startsWith(`${dataDir}/agent-tars.db`)) continue;
    if (entry.isDirectory()) {
      if (!isInside) result[shown] = 'a directory';
    } else if (entry.isSymbolicLink()) {
      result[shown] = await readlink(path);
    } else {
      const bytes = await readFile(path);
      const isHidden = /(^|\/)\./.test(shown) || path.startsWith(dataDir) || bytes.includes(SENTINEL);
      if (!isInside || isHidden) result[shown] = createHash('sha256').update(bytes).digest('hex');
    }
  }
  return result;
}
