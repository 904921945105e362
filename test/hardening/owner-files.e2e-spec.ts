import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnyEvent } from '../support/client.js';
import { ModelStub } from '../support/model-stub.js';
import { placed, run, ServerProcess } from '../support/process.js';

const SENTINEL = 'S3NT-owner-4d1c';
const OFF_LIMITS = /hidden files and key files are off limits/;
const READ_ONLY = /may be read but not changed/;
const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));

/** A tool's result, or what it was refused with. */
interface Outcome {
  readonly content: string;
  readonly error: string | undefined;
}

describe('what the owner runs', () => {
  let model: ModelStub;
  let top: string;
  let workspace: string;
  let server: ServerProcess | undefined;

  beforeAll(async () => {
    model = await ModelStub.start();
  });
  afterAll(() => model.stop());

  beforeEach(async () => {
    top = await realpath(await mkdtemp(join(tmpdir(), 'agent-tars-owner-')));
    workspace = join(top, 'ws');
    await mkdir(join(top, 'outside'));
    await put({ 'ws/notes/a.md': 'an honest file\n' });
  });
  afterEach(async () => {
    await server?.kill();
    server = undefined;
    await rm(top, { recursive: true, force: true });
  });

  const at = (path: string) => join(workspace, path);
  const proof = () => join(top, 'PWNED');
  /** A script that leaves a trace when it runs. */
  const hostile = () => `require('node:fs').writeFileSync(${JSON.stringify(proof())}, '');`;

  /** @param files texts by their path below the directory that holds the workspace */
  async function put(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(top, path, '..'), { recursive: true });
      await writeFile(join(top, path), text);
    }
  }

  async function start(
    args: readonly string[] = [],
    { data = join(top, 'data'), directory = workspace } = {},
  ): Promise<ServerProcess> {
    await server?.kill();
    server = await ServerProcess.start([...placed(data, directory, model.baseURL), ...args], {
      cwd: directory,
      env: { HOME: top },
    });
    return server;
  }

  /** Has the model call a tool once for each arguments. */
  async function call(tool: string, calls: readonly object[]): Promise<Outcome[]> {
    model.next(
      (reply) => {
        for (const args of calls) reply.toolCall(tool, args);
        reply.end();
      },
      (reply) => reply.text('done').end(),
    );
    const running = server as ServerProcess;
    const events: AnyEvent[] = await (await running.stream(await running.createSession(), 'go')).ended;
    return events
      .filter(({ type }) => type === 'tool_result')
      .map(({ content, error }) => ({
        content: JSON.stringify(content),
        error: error as string | undefined,
      }));
  }

  const errors = async (tool: string, calls: readonly object[]) =>
    (await call(tool, calls)).map(({ error }) => error);

  async function expectRefused(
    tool: string,
    paths: readonly string[],
    reason: RegExp,
    more = {},
  ): Promise<void> {
    const refused = await errors(
      tool,
      paths.map((path) => ({ path, ...more })),
    );
    expect(refused.map((error, i) => [tool, paths[i], error])).toEqual(
      paths.map((path) => [tool, path, expect.stringMatching(reason)]),
    );
  }

  const WRITE = { content: 'written-by-the-model' };
  const EDIT = { old_text: SENTINEL, new_text: 'written-by-the-model' };

  /** No tool, route or reference gives away or changes what is at the paths. */
  async function expectOffLimits(paths: readonly string[]): Promise<void> {
    await expectRefused('read_file', paths, OFF_LIMITS);
    await expectRefused('list_directory', paths, OFF_LIMITS);
    await expectRefused('search_files', paths, OFF_LIMITS, { query: 'a' });
    await expectRefused('write_file', paths, OFF_LIMITS, WRITE);
    await expectRefused('edit_file', paths, OFF_LIMITS, EDIT);
    await expectClosedRoutes(paths);
  }

  async function expectClosedRoutes(paths: readonly string[]): Promise<void> {
    const running = server as ServerProcess;
    const id = await running.createSession();
    const base = '/api/sessions/workspace';
    for (const path of paths) {
      const query = `sessionId=${id}&path=${encodeURIComponent(path)}`;
      const asked = [
        `${base}/files?${query}`,
        `${base}/files?${query}&download=1`,
        `${base}/raw/${id}/${path}`,
      ];
      for (const url of asked) expect([url, (await running.get(url)).status]).toEqual([url, 403]);
    }
    const checked = await running.post(`${base}/validate?sessionId=${id}`, { paths });
    expect(checked.body.results).toEqual(
      paths.map((path) => ({ path, exists: false, error: expect.stringMatching(OFF_LIMITS) })),
    );
    await running.query(id, paths.map((path) => `@file:"${path}"`).join(' '));
    await running.query(id, '@dir:.');
    const found = await running.get(`${base}/search?sessionId=${id}&q=`);
    const seen = JSON.stringify([await running.events(id), found.body]);
    expect(seen).toContain('an honest file');
    expect(seen).not.toContain(SENTINEL);
    for (const { relativePath } of found.body.items) expect(paths).not.toContain(relativePath);
    expect(JSON.stringify(await call('search_files', [{ query: SENTINEL }]))).toContain('Nothing found');
  }

  describe("the configuration's name", () => {
    const NAMES = [
      'agent-tars.config.ts',
      'agent-tars.config.json',
      'notes/agent-tars.config.mjs',
      'Agent-Tars.CONFIG.ts',
      'agent－tars․config.ts',
      'agent-tars.config.js\u200d',
    ];

    it('is nothing that a model can make, as a file or as a directory, at any depth and in any spelling', async () => {
      await start();
      const paths = NAMES.flatMap((name) => [
        name,
        `${name}/index.js`,
        `${name}/package.json`,
        `${name}/a/b.js`,
      ]);
      await expectRefused('write_file', paths, OFF_LIMITS, { content: hostile() });
      expect(await readdir(workspace, { recursive: true })).toEqual(['notes', 'notes/a.md']);
      await start();
      expect((await run(['token', 'list'], { cwd: workspace, env: { HOME: top } })).code).toBe(0);
      await expect(stat(proof())).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('runs nothing as a directory, wherever that came from', async () => {
      await put({
        'ws/agent-tars.config.ts/index.js': hostile(),
        'ws/agent-tars.config.mjs/package.json': '{ "main": "main.js" }',
        'ws/agent-tars.config.mjs/main.js': hostile(),
      });
      await start();
      expect((await run(['token', 'list'], { cwd: workspace, env: { HOME: top } })).code).toBe(0);
      await expectClosedRoutes(['agent-tars.config.ts', 'agent-tars.config.ts/index.js']);
      await expect(start(['--config', 'agent-tars.config.ts'])).rejects.toThrow('it is no regular file');
      await expect(stat(proof())).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });

  it('is off limits where --config names it, with what it imports, under whatever name', async () => {
    await put({
      'ws/server.config.mts': `import { text } from './conf/text'; export default { instructions: text }; // ${SENTINEL}`,
      'ws/conf/text.ts': `export const text = '${SENTINEL}';`,
      'ws/conf/more.yaml': `instructions: ${SENTINEL}`,
    });
    await symlink('../server.config.mts', at('notes/link.md'));
    await symlink('conf', at('linked'));
    await start(['--config', 'server.config.mts', '--config', at('conf/more.yaml')]);
    const there = ['server.config.mts', 'conf/text.ts', 'conf/more.yaml', 'notes/link.md', 'linked/text.ts'];
    await expectOffLimits([...there, at('server.config.mts')]);
    await expectRefused('write_file', ['SERVER.config.mts', 'Conf/Text.ts'], OFF_LIMITS, WRITE);
    // What the import would find first.
    await expectRefused('write_file', ['conf/text.js', 'conf/text/index.js'], OFF_LIMITS, WRITE);
    expect(await errors('write_file', [{ path: 'conf/other.ts', ...WRITE }])).toEqual([undefined]);
    expect(await readFile(at('server.config.mts'), 'utf8')).toContain(SENTINEL);
  });

  it('is off limits where it is a web UI, by its real path', async () => {
    await put({
      'ws/build/index.html': `<html><head></head><body>${SENTINEL}</body></html>`,
      'ws/build/app.js': `'${SENTINEL}'`,
      'conf.json': JSON.stringify({ webui: { staticPath: '../ui' } }),
    });
    await symlink(at('build'), join(top, 'ui'));
    await start(['--config', '../conf.json']);
    await expectOffLimits(['build/app.js', 'build/index.html']);
    await expectRefused('write_file', ['build/new.js', 'Build/new.js', 'build/a/b.js'], OFF_LIMITS, WRITE);
    const page = await (server as ServerProcess).get<string>('/');
    expect(page.body).toContain(SENTINEL);
    expect(page.headers.get('content-security-policy')).toContain("connect-src 'self'");
  });

  it('is read but not written where the web UI holds the workspace', async () => {
    await put({
      'index.html': '<html><head></head><body>mine</body></html>',
      'conf.json': JSON.stringify({ webui: { staticPath: '..' } }),
    });
    await start(['--config', '../conf.json']);
    await expectRefused('write_file', ['app.js', 'notes/a.md'], READ_ONLY, WRITE);
    expect((await call('read_file', [{ path: 'notes/a.md' }]))[0]?.content).toContain('an honest file');
  });

  it("is read but not written where it is the server's own package, run in its checkout", async () => {
    const probe = 'owner-files-probe';
    const places = ['bin', 'dist', 'dist/cli', 'node_modules', 'node_modules/express', 'src', 'scripts'];
    await start([], { directory: CHECKOUT });
    try {
      const paths = places.map((place) => `${place}/${probe}`);
      await expectRefused('write_file', paths, READ_ONLY, WRITE);
      for (const path of paths)
        await expect(stat(join(CHECKOUT, path))).rejects.toMatchObject({ code: 'ENOENT' });
    } finally {
      for (const place of places) await rm(join(CHECKOUT, place, probe), { force: true });
    }
    const same = { old_text: '"name"', new_text: '"name"' };
    await expectRefused('edit_file', ['package.json'], READ_ONLY, same);
    const read = ['README.md', 'package.json', 'src/main.ts', 'bin/agent-tars.js'].map((path) => ({ path }));
    expect(await errors('read_file', read)).toEqual(read.map(() => undefined));
    expect(await errors('list_directory', [{ path: '.' }, { path: 'src' }, { path: 'dist' }])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is read but not written in node_modules, at any depth and through links', async () => {
    await put({
      'ws/node_modules/pad/index.js': SENTINEL,
      'ws/notes/node_modules/pad/index.js': SENTINEL,
      'outside/node_modules/pad/index.js': SENTINEL,
    });
    await symlink('node_modules/pad', at('pad'));
    await symlink('../outside', at('out'));
    await start();
    const there = ['node_modules/pad/index.js', 'notes/node_modules/pad/index.js', 'pad/index.js'];
    await expectRefused('edit_file', there, READ_ONLY, EDIT);
    const made = [
      'notes/deep/node_modules/new/index.js',
      'NODE_MODULES/.bin',
      'node＿modules/x',
      'pad/new.js',
    ];
    await expectRefused('write_file', [...there, ...made.slice(0, 1), ...made.slice(2)], READ_ONLY, WRITE);
    await expectRefused('write_file', ['node_modules/.bin/tsc'], OFF_LIMITS, WRITE);
    await expectRefused('write_file', ['out/node_modules/pad/index.js'], /leads out of the workspace/, WRITE);
    expect(
      await errors(
        'read_file',
        there.map((path) => ({ path })),
      ),
    ).toEqual(there.map(() => undefined));
    const { body } = await (server as ServerProcess).get(
      `/api/sessions/workspace/files?sessionId=${await (server as ServerProcess).createSession()}&path=${there[0]}&download=1`,
    );
    expect(body.content).toBe(SENTINEL);
    expect(await readdir(at('notes'))).toEqual(['a.md', 'node_modules']);
    for (const path of there) expect(await readFile(at(path), 'utf8')).toBe(SENTINEL);
  });

  it('held, and holds: dot files, key files, the data directory and what links lead to outside', async () => {
    await put({ 'ws/state/x': SENTINEL, 'outside/x': SENTINEL });
    const hidden = [
      '.env',
      '.git/config',
      '.git/hooks/pre-commit',
      '.husky/pre-commit',
      '.vscode/tasks.json',
    ];
    const more = [
      '.envrc',
      '.npmrc',
      'notes/.git/config',
      'id_rsa',
      'server.pem',
      'state/x',
      'credentials.json',
    ];
    for (const path of [...hidden, ...more]) await put({ [`ws/${path}`]: SENTINEL });
    await symlink('../outside', at('out'));
    await symlink('.git', at('git'));
    await symlink('state/x', at('data.txt'));
    await start([], { data: at('state') });
    await expectOffLimits([...hidden, ...more, 'git/config', 'data.txt']);
    const made = [
      '.git/hooks/post-checkout',
      '.husky/new',
      '.vscode/new.json',
      '.direnv/x',
      'id_new',
      'state/tokens.json',
    ];
    await expectRefused('write_file', made, OFF_LIMITS, WRITE);
    for (const [tool, args] of [
      ['read_file', {}],
      ['write_file', WRITE],
      ['edit_file', EDIT],
    ] as const) {
      await expectRefused(tool, ['out/x', '../outside/x'], /leads out of|outside the workspace/, args);
    }
    for (const path of ['out/x', ...hidden, ...more]) expect(await readFile(at(path), 'utf8')).toBe(SENTINEL);
    expect(await readdir(join(top, 'outside'))).toEqual(['x']);
  });
});
