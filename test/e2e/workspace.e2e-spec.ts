import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { TestServer } from '../support/test-server.js';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const MB = 1024 * 1024;
const MODIFIED = 1_700_000_000_000;

describe('the workspace', () => {
  let app: TestServer;
  let sessionId: string;

  const put = async (path: string, content: string | Buffer = path) => {
    const file = join(app.workspace, path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, content);
    await utimes(file, MODIFIED / 1_000, MODIFIED / 1_000);
  };
  const query = (values: Record<string, string>) => new URLSearchParams({ sessionId, ...values }).toString();
  const files = (path?: string, more: Record<string, string> = {}) =>
    app.get(`/api/sessions/workspace/files?${query({ ...(path !== undefined && { path }), ...more })}`);
  const search = async (q: string, more: Record<string, string> = {}) => {
    const { status, body } = await app.get(`/api/sessions/workspace/search?${query({ q, ...more })}`);
    expect(status).toBe(200);
    return body.items as { name: string; path: string; type: string; relativePath: string }[];
  };
  const validate = (paths: unknown) =>
    app.post(`/api/sessions/workspace/validate?sessionId=${sessionId}`, { paths });
  const rawUrl = (path: string) => `/api/sessions/workspace/raw/${sessionId}/${path}`;
  const raw = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(app.url + rawUrl(path), { method, headers });

  /** Without what fetch() adds of its own. */
  const plainly = async (path: string, headers: http.OutgoingHttpHeaders) => {
    const response = await begin(app.url + rawUrl(path), headers);
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    return { status: response.statusCode, text: Buffer.concat(parts).toString() };
  };

  beforeAll(async () => {
    app = await TestServer.start();
    sessionId = await app.createSession();
    await put('docs/guide.md', '# Guide\n');
    await put('docs/file 10.txt');
    await put('docs/file 9.txt');
    await put('docs/über "alles" 100%.txt', 'ü');
    await put('src/index.ts', 'export const one = 1;\n');
    await put(
      'src/deep/index.html',
      '<!doctype html><link rel=stylesheet href="style.css"><img src="dot.png">',
    );
    await put('src/deep/style.css', 'p { color: red }\n');
    await put('src/deep/dot.png', PNG);
    await put('empty.txt', '');
    await put('latin1.txt', Buffer.from('caf\xe9', 'latin1'));
    await put('Makefile', 'all:\n');
    await put('program.bin', Buffer.from([1, 0, 2, 255]));
    await put('.env', 'SECRET=1');
    await put('server.key', 'SECRET=1');
    await put('.git/config', 'SECRET=1');
    await symlink('docs/guide.md', join(app.workspace, 'link.md'));
    await symlink('src', join(app.workspace, 'code'));
    await symlink(app.directory, join(app.workspace, 'way-out'));
  });
  afterAll(() => app.stop());

  describe('files', () => {
    it('lists a directory: directories first, then by name, and nothing that is hidden', async () => {
      const { status, body } = await files();
      expect(status).toBe(200);
      expect(body).toMatchObject({ type: 'directory', path: '.' });
      expect(body.files.map(({ name }: { name: string }) => name)).toEqual([
        'code',
        'docs',
        'src',
        'empty.txt',
        'latin1.txt',
        'link.md',
        'Makefile',
        'note.txt',
        'program.bin',
      ]);
    });

    it('says of each entry what it is, how large, from when and where', async () => {
      const { body } = await files('docs');
      expect(body).toEqual({
        type: 'directory',
        path: 'docs',
        files: [
          { name: 'file 9.txt', isDirectory: false, size: 15, modified: MODIFIED, path: 'docs/file 9.txt' },
          { name: 'file 10.txt', isDirectory: false, size: 16, modified: MODIFIED, path: 'docs/file 10.txt' },
          { name: 'guide.md', isDirectory: false, size: 8, modified: MODIFIED, path: 'docs/guide.md' },
          expect.objectContaining({ name: 'über "alles" 100%.txt', size: 2 }),
        ],
      });
      const { body: root } = await files('/');
      expect(root.files).toContainEqual(
        expect.objectContaining({ name: 'code', isDirectory: true, path: 'code' }),
      );
    });

    it('takes the paths that it has given, those through links, and those of existing clients', async () => {
      for (const path of [
        'docs/guide.md',
        './docs//guide.md',
        '/docs/guide.md',
        join(app.workspace, 'docs/guide.md'),
      ]) {
        expect((await files(path)).body).toEqual({
          type: 'file',
          name: 'guide.md',
          size: 8,
          modified: MODIFIED,
          path: 'docs/guide.md',
        });
      }
      expect((await files('code/deep')).body).toMatchObject({ type: 'directory', path: 'src/deep' });
      expect((await files('link.md')).body).toMatchObject({ type: 'file', path: 'docs/guide.md' });
      expect((await files('/')).body).toEqual((await files()).body);
      expect((await files('')).body).toEqual((await files()).body);
    });

    it('gives the content when it is wanted: text as it stands, anything else in base64', async () => {
      const content = async (path: string) => (await files(path, { download: '1' })).body;
      expect(await content('docs/guide.md')).toMatchObject({
        content: '# Guide\n',
        encoding: 'utf8',
        size: 8,
      });
      expect(await content('empty.txt')).toMatchObject({ content: '', encoding: 'utf8' });
      const binary = { 'src/deep/dot.png': PNG, 'latin1.txt': Buffer.from('caf\xe9', 'latin1') };
      for (const [path, bytes] of Object.entries(binary)) {
        expect(await content(path)).toMatchObject({ content: bytes.toString('base64'), encoding: 'base64' });
      }
      expect((await files('docs', { download: '1' })).body).toMatchObject({ type: 'directory' });
      expect((await files('docs/guide.md', { download: '0' })).body).not.toHaveProperty('content');
    });

    it('gives 10 MB at most, and says where the rest is', async () => {
      await put('large file.bin', Buffer.alloc(10 * MB + 1));
      await put('largest.txt', Buffer.alloc(10 * MB, 'a'));
      try {
        const { status, body } = await files('large file.bin', { download: '1' });
        expect({ status, ...body }).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
        const url = /GET (\S+)$/.exec(body.error as string)?.[1] ?? '';
        expect(url).toBe(rawUrl('large%20file.bin'));
        expect((await (await fetch(app.url + url)).arrayBuffer()).byteLength).toBe(10 * MB + 1);
        expect((await files('large file.bin')).body).toMatchObject({ size: 10 * MB + 1 });
        expect((await files('largest.txt', { download: '1' })).body.content).toHaveLength(10 * MB);
      } finally {
        await rm(join(app.workspace, 'large file.bin'));
        await rm(join(app.workspace, 'largest.txt'));
      }
    });

    it.each([
      ['missing.txt', 404, 'FILE_NOT_FOUND', 'There is no "missing.txt" in the workspace.'],
      ['docs/guide.md/x', 404, 'FILE_NOT_FOUND', 'There is no "docs/guide.md/x" in the workspace.'],
      ['../x', 403, 'FORBIDDEN', '"../x" cannot be used: it lies outside the workspace.'],
      ['/etc/passwd', 403, 'FORBIDDEN', '"/etc/passwd" cannot be used: it lies outside the workspace.'],
      ['.env', 403, 'FORBIDDEN', '".env" cannot be used: hidden files and key files are off limits.'],
      ['/.env', 403, 'FORBIDDEN', '"./.env" cannot be used: hidden files and key files are off limits.'],
      [
        'way-out/data',
        403,
        'FORBIDDEN',
        '"way-out/data" cannot be used: a symbolic link in it leads out of the workspace, or nowhere.',
      ],
    ])('%s is answered with %i %s', async (path, status, code, error) => {
      const { status: answered, body } = await files(path);
      expect({ answered, body }).toEqual({ answered: status, body: { error, code } });
    });

    it('refuses a query string that makes no sense', async () => {
      const get = (more: string) => app.get(`/api/sessions/workspace/files?${more}`);
      expect((await get('')).body).toMatchObject({
        code: 'INVALID_INPUT',
        error: expect.stringMatching(/sessionId/),
      });
      expect((await get('sessionId=none')).body).toMatchObject({ code: 'SESSION_NOT_FOUND' });
      expect((await get(`sessionId=${sessionId}&path=a&path=b`)).body).toMatchObject({
        code: 'INVALID_INPUT',
      });
      expect((await get(`sessionId=${sessionId}&download=yes`)).body).toMatchObject({
        code: 'INVALID_INPUT',
      });
    });

    it('answers under /api/v1 too', async () => {
      const { body } = await app.get(`/api/v1/sessions/workspace/files?${query({ path: 'docs' })}`);
      expect(body).toMatchObject({ type: 'directory', path: 'docs' });
    });
  });

  describe('search', () => {
    const paths = async (q: string, more = {}) =>
      (await search(q, more)).map(({ relativePath }) => relativePath);

    beforeAll(async () => {
      await put('find/.gitignore', 'left-out/\n*.log\n!keep.log\n/only-here.txt\n# comment\n');
      await put('find/left-out/needle.txt');
      await put('find/needle');
      await put('find/a.log');
      await put('find/keep.log');
      await put('find/only-here.txt');
      await put('find/sub/only-here.txt');
      await put('find/sub/b.log');
      await put('find/sub/needle.txt');
      await put('find/sub/my-needle.txt');
      await put('find/needle-dir/other.txt');
      await put('find/n-e-e-d-l-e.md');
      await put('find/node_modules/needle/index.js');
      await put('find/.needle');
      await put('find/needle.pem');
    });
    afterAll(() => rm(join(app.workspace, 'find'), { recursive: true }));

    it('gives the best match first, and passes over what is ignored or hidden', async () => {
      expect(await paths('Needle')).toEqual([
        'find/needle', // the name itself
        'find/needle-dir', // the name begins so
        'find/sub/needle.txt',
        'find/sub/my-needle.txt', // it holds it
        'find/needle-dir/other.txt', // the path holds it
        'find/n-e-e-d-l-e.md', // its letters, in their order
      ]);
    });

    it('says of each what it is and where', async () => {
      expect((await search('sub/needle'))[0]).toEqual({
        name: 'needle.txt',
        type: 'file',
        path: join(app.workspace, 'find/sub/needle.txt'),
        relativePath: 'find/sub/needle.txt',
      });
    });

    it('heeds .gitignore of each directory, its exceptions included', async () => {
      expect(await paths('.log')).toEqual(['find/keep.log']);
      expect(await paths('only-here')).toEqual(['find/sub/only-here.txt']);
      expect(await paths('left-out')).toEqual([]);
    });

    it('gives files or directories alone', async () => {
      expect(await paths('needle', { type: 'directory' })).toEqual(['find/needle-dir']);
      expect(await paths('needle', { type: 'file' })).not.toContain('find/needle-dir');
    });

    it('gives the first entries when nothing is asked for', async () => {
      const first = await paths('');
      expect(first.slice(0, 3)).toEqual(['src', 'docs', 'find']);
      expect(first).toEqual(expect.arrayContaining(['note.txt', 'src/index.ts']));
      const { body } = await app.get(`/api/sessions/workspace/search?sessionId=${sessionId}`);
      expect(body.items).toHaveLength(first.length);
    });

    it('refuses what it does not know', async () => {
      const { status, body } = await app.get(
        `/api/sessions/workspace/search?${query({ q: 'x', type: 'links' })}`,
      );
      expect({ status, code: body.code }).toEqual({ status: 400, code: 'INVALID_INPUT' });
      const long = await app.get(`/api/sessions/workspace/search?${query({ q: 'x'.repeat(501) })}`);
      expect(long.status).toBe(400);
    });

    it('looks at 20,000 entries at most, gives 100, and lets others be answered meanwhile', async () => {
      // In the order of the walk: the first 20 directories are seen, the last is not.
      const large = join(app.workspace, 'large');
      for (let i = 0; i < 21; i++)
        await fill(join(large, `part-${String(i).padStart(2, '0')}`), 1_000, `f${i}-`);
      try {
        let over = false;
        const searching = search('f').finally(() => (over = true));
        const health = await app.get('/api/health');
        expect({ status: health.status, over }).toEqual({ status: 200, over: false });
        expect(await searching).toHaveLength(100);
        expect(await paths('f20-999')).toEqual([]);
        expect(await paths('f19-500')).toEqual(['large/part-19/f19-500']);
      } finally {
        rmSync(large, { recursive: true });
      }
    });

    it('lists 10,000 entries of a directory, and says that there are more', async () => {
      await fill(join(app.workspace, 'large'), 10_001, 'f-');
      try {
        const { body } = await files('large');
        expect({ ...body, files: body.files.length }).toEqual({
          type: 'directory',
          path: 'large',
          files: 10_000,
          truncated: true,
        });
      } finally {
        rmSync(join(app.workspace, 'large'), { recursive: true });
      }
    });
  });

  describe('validate', () => {
    it('answers for each path, in their order, whatever is wrong with one', async () => {
      const { status, body } = await validate([
        'docs',
        'docs/guide.md',
        'missing',
        '../outside',
        '.env',
        'a\0b',
        '/docs/guide.md',
        'way-out/data',
        'x'.repeat(5_000),
        'docs',
      ]);
      expect(status).toBe(200);
      expect(body.results).toEqual([
        { path: 'docs', exists: true, type: 'directory' },
        { path: 'docs/guide.md', exists: true, type: 'file' },
        { path: 'missing', exists: false },
        { path: '../outside', exists: false, error: expect.stringMatching(/outside the workspace/) },
        { path: '.env', exists: false, error: expect.stringMatching(/off limits/) },
        { path: 'a\0b', exists: false, error: expect.stringMatching(/character/) },
        { path: '/docs/guide.md', exists: true, type: 'file' },
        { path: 'way-out/data', exists: false, error: expect.stringMatching(/leads out/) },
        { path: 'x'.repeat(5_000), exists: false, error: expect.stringMatching(/too long/) },
        { path: 'docs', exists: true, type: 'directory' },
      ]);
    });

    it('takes 1,000 paths, and texts alone', async () => {
      expect((await validate([])).body).toEqual({ results: [] });
      const { body } = await validate(Array.from({ length: 1_000 }, (_, i) => `docs/${i}`));
      expect(body.results).toHaveLength(1_000);
      for (const paths of [Array.from({ length: 1_001 }, () => 'a'), 'docs', [1], [null], undefined]) {
        expect((await validate(paths)).body).toMatchObject({ code: 'INVALID_INPUT' });
      }
      const unknown = await app.post('/api/sessions/workspace/validate?sessionId=none', { paths: ['a'] });
      expect(unknown.body).toMatchObject({ code: 'SESSION_NOT_FOUND' });
    });
  });

  describe('raw', () => {
    it('gives a file as it is, and no power over the server', async () => {
      const response = await raw('src/deep/index.html');
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('style.css');
      const headers = Object.fromEntries(response.headers);
      expect(headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'content-disposition': `inline; filename="index.html"; filename*=UTF-8''index.html`,
        'cache-control': 'private, no-cache',
        'accept-ranges': 'bytes',
      });
      const policy = (headers['content-security-policy'] ?? '').split('; ');
      expect(policy[0]).toBe('sandbox allow-same-origin'); // no scripts, forms, windows or downloads
      expect(policy).toContain("default-src 'none'");
      expect(policy.join()).not.toMatch(/script|connect|unsafe-eval|https?:|\*/);
    });

    it.each([
      ['src/deep/style.css', 'text/css; charset=utf-8'],
      ['src/deep/dot.png', 'image/png'],
      ['src/index.ts', 'text/plain; charset=utf-8'],
      ['docs/guide.md', 'text/markdown; charset=utf-8'],
      ['Makefile', 'text/plain; charset=utf-8'],
      ['program.bin', 'application/octet-stream'],
    ])('calls %s %s', async (path, type) => {
      const response = await raw(path);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    });

    it('takes names of any kind, decoded once', async () => {
      const response = await raw(encodeURIComponent('docs/über "alles" 100%.txt'));
      expect(await response.text()).toBe('ü');
      expect(response.headers.get('content-disposition')).toBe(
        `inline; filename="_ber _alles_ 100_.txt"; filename*=UTF-8''%C3%BCber%20%22alles%22%20100%25.txt`,
      );
      expect((await raw('docs%2Fguide.md')).status).toBe(200);
      expect((await raw('docs%252Fguide.md')).status).toBe(404);
      expect((await raw('docs/%zz')).status).toBe(400);
    });

    it.each([
      ['a directory', 'src/deep', 404, /is a directory. Only files/],
      ['a directory with an index.html, with a slash', 'src/deep/', 404, /is a directory/],
      ['nothing', 'src/none', 404, /There is no/],
      ['a hidden file', '.env', 403, /off limits/],
      ['what lies outside', '..%2f..%2fetc/passwd', 403, /outside/],
    ])('refuses %s', async (_what, path, status, error) => {
      const response = await raw(path);
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toMatch(/^application\/json/);
      expect(await response.json()).toMatchObject({ error: expect.stringMatching(error) });
    });

    it('knows the session', async () => {
      const response = await fetch(`${app.url}/api/sessions/workspace/raw/none/note.txt`);
      expect(await response.json()).toMatchObject({ code: 'SESSION_NOT_FOUND' });
    });

    it('answers HEAD with the headers alone', async () => {
      const [head, get] = [await raw('docs/guide.md', {}, 'HEAD'), await raw('docs/guide.md')];
      const without = ({ headers }: Response) =>
        [...headers].filter(([name]) => !['date', 'connection', 'keep-alive', 'x-request-id'].includes(name));
      expect([head.status, await head.text()]).toEqual([200, '']);
      expect(without(head)).toEqual(without(get));
      expect(head.headers.get('content-length')).toBe('8');
    });

    it('says when nothing has changed', async () => {
      const { headers } = await raw('docs/guide.md');
      const [etag, modified] = [headers.get('etag') ?? '', headers.get('last-modified') ?? ''];
      expect(modified).toBe(new Date(MODIFIED).toUTCString());
      for (const condition of [{ 'if-none-match': etag }, { 'if-modified-since': modified }]) {
        expect(await plainly('docs/guide.md', condition)).toEqual({ status: 304, text: '' });
      }
      expect((await plainly('docs/guide.md', { 'if-none-match': '"other"' })).status).toBe(200);
      await put('docs/guide.md', '# Other\n');
      expect((await plainly('docs/guide.md', { 'if-none-match': etag })).status).toBe(200);
      await put('docs/guide.md', '# Guide\n');
    });

    it.each([
      ['bytes=0-0', 206, '#', 'bytes 0-0/8'],
      ['bytes=2-4', 206, 'Gui', 'bytes 2-4/8'],
      ['bytes=6-', 206, 'e\n', 'bytes 6-7/8'],
      ['bytes=6-999', 206, 'e\n', 'bytes 6-7/8'],
      ['bytes=-3', 206, 'de\n', 'bytes 5-7/8'],
      ['bytes=8-9', 416, '', 'bytes */8'],
      ['bytes=0-1,3-4', 200, '# Guide\n', null],
      ['lines=0-1', 200, '# Guide\n', null],
      ['bytes=nonsense', 200, '# Guide\n', null],
    ])('answers the range %s with %i', async (range, status, text, contentRange) => {
      const response = await raw('docs/guide.md', { range });
      expect([response.status, await response.text()]).toEqual([status, text]);
      expect(response.headers.get('content-range')).toBe(contentRange);
      expect(response.headers.get('content-length')).toBe(String(text.length));
    });

    it('gives a range of the file that the client knows, else the whole', async () => {
      const etag = (await raw('docs/guide.md')).headers.get('etag') ?? '';
      expect((await raw('docs/guide.md', { range: 'bytes=0-0', 'if-range': etag })).status).toBe(206);
      expect((await raw('docs/guide.md', { range: 'bytes=0-0', 'if-range': '"other"' })).status).toBe(200);
    });

    it('gives nothing of an empty file', async () => {
      const response = await raw('empty.txt');
      expect([response.status, await response.text()]).toEqual([200, '']);
      expect((await raw('empty.txt', { range: 'bytes=0-' })).status).toBe(416);
    });

    it.each(['script', 'worker', 'serviceworker'])('is not for a page to run: %s', async (destination) => {
      await put('code.js', 'alert(1)');
      const { status } = await plainly('code.js', { 'sec-fetch-dest': destination });
      expect(status).toBe(403);
      expect((await raw('code.js')).headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    });

    describe('of a large file', () => {
      const SIZE = 40 * MB;
      const path = () => join(app.workspace, 'movie.mp4');
      const open = () => {
        const target = new RegExp('movie\\.mp4');
        return readdirSync('/proc/self/fd').filter((fd) => target.test(linkOf(fd))).length;
      };

      beforeAll(() => put('movie.mp4', Buffer.alloc(SIZE, 'm')));
      afterAll(() => rm(path()));

      it('sends all of it, and parts of it', async () => {
        const whole = await raw('movie.mp4');
        expect(whole.headers.get('content-type')).toBe('video/mp4');
        expect((await whole.arrayBuffer()).byteLength).toBe(SIZE);
        const part = await raw('movie.mp4', { range: `bytes=${SIZE - 5}-` });
        expect(await part.text()).toBe('mmmmm');
        await closed(open);
      });

      it('lets go of it when the client leaves', async () => {
        const response = await begin(app.url + rawUrl('movie.mp4'));
        expect(open()).toBe(1);
        response.destroy();
        await closed(open);
      });

      it('cuts the connection when it becomes shorter, rather than let the client wait', async () => {
        const response = await begin(app.url + rawUrl('movie.mp4'));
        await truncate(path(), 10 * MB);
        await new Promise((resolve) => response.on('close', resolve).resume());
        expect(response.complete).toBe(false);
        await closed(open);
      });
    });
  });

  it('says so when the workspace is gone', async () => {
    const directory = join(app.directory, 'gone');
    await mkdir(directory);
    const other = await TestServer.start({ config: { workspace: directory } });
    try {
      const id = await other.createSession();
      await rm(directory, { recursive: true });
      const missing = {
        error: 'The workspace directory of this session does not exist.',
        code: 'FILE_NOT_FOUND',
      };
      expect((await other.get(`/api/sessions/workspace/files?sessionId=${id}`)).body).toEqual(missing);
      expect((await other.get(`/api/sessions/workspace/search?sessionId=${id}`)).body).toEqual(missing);
    } finally {
      await other.stop();
    }
  });
});

/** Resolves once the answer has begun; nothing of it is read yet. */
async function begin(url: string, headers: http.OutgoingHttpHeaders = {}): Promise<http.IncomingMessage> {
  const [response] = (await once(http.get(url, { headers }), 'response')) as [http.IncomingMessage];
  response.on('error', () => undefined); // told by 'close'
  return response;
}

/** What a descriptor of this process leads to. */
function linkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return ''; // closed meanwhile
  }
}

/** Resolves once nothing is open any more; the test's time limit is its end. */
async function closed(open: () => number): Promise<void> {
  while (open() > 0) await setImmediate();
}

/** Makes empty files, one by one: the thread pool would take several times as long. */
async function fill(directory: string, count: number, prefix: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  for (let i = 0; i < count; i++) {
    writeFileSync(join(directory, `${prefix}${i}`), '');
    if (i % 100 === 0) await setImmediate(); // the server lives in this process
  }
}
