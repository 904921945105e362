import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../support/client.js';
import { Gate, ModelStub } from '../support/model-stub.js';
import { run, ServerProcess } from '../support/process.js';
import { raw } from '../support/raw.js';
import { ask, next } from '../support/sockets.js';

/** A home of its own for each test, so that the default data directory is its own too. */
let home: string;
const started: ServerProcess[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'agent-tars-auth-cli-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.kill()));
  await rm(home, { recursive: true, force: true });
});

const options = (env: NodeJS.ProcessEnv = {}) => ({ cwd: home, env: { HOME: home, ...env } });
const token = (...args: string[]) => run(['token', ...args], options());

async function serve(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
  const server = await ServerProcess.start(args, options(env));
  started.push(server);
  return server;
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const data = (...names: string[]) => join(home, '.agent-tars', ...names);
const statusFor = async (server: ServerProcess, secret: string) =>
  (await raw(server.url, { headers: bearer(secret) })).status;

/** The token that a command printed: all of what it printed. */
function printed({ code, stdout }: { code: number | null; stdout: string }): string {
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^tars_[\w-]{43}\n$/)]);
  return stdout.trim();
}

const linkOf = (server: ServerProcess) =>
  server.greeting
    .map((line) => /^ {2}Log in +(\S+) \(once, within 10 minutes\)$/.exec(line)?.[1])
    .find(Boolean) ?? '';

describe('agent-tars token', () => {
  it('makes, lists, replaces and ends tokens', async () => {
    expect(await token('list')).toEqual({
      code: 0,
      stdout: 'There are no tokens yet: "agent-tars token create" makes one.\n',
      stderr: '',
    });
    const created = await token('create', '--name', 'ci', '--scope', 'read,admin', '--expires', '30d');
    const secret = printed(created);
    expect(created.stderr).toMatch(
      /^This is the token "ci" \(id [0-9a-f]{10}, read, admin, expires: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)\. It is shown this once\.\n$/,
    );
    const other = printed(await token('create'));
    const { stdout } = await token('list');
    const [head, first = '', second, ...more] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^ID +NAME +SCOPES +CREATED +EXPIRES$/);
    expect(first).toMatch(/^[0-9a-f]{10} +ci +read,admin +\d{4}-.* UTC +\d{4}-.* UTC$/);
    expect(second).toMatch(/^[0-9a-f]{10} +token-[0-9a-f]{6} +query +\d{4}-.* UTC +never$/);
    expect(more).toEqual([]);
    const stored = await readFile(data('tokens.json'), 'utf8');
    for (const each of [secret, other])
      for (const text of [stdout, stored]) expect(text).not.toContain(each.slice(5));

    const id = first.split(' ')[0] ?? '';
    const rotated = await token('rotate', 'ci', '--expires', 'never');
    expect(printed(rotated)).not.toBe(secret);
    expect(rotated.stderr).toContain(
      `"ci" (id ${id}, read, admin, expires: never); the one before has ended.`,
    );
    expect(await token('revoke', id)).toEqual({
      code: 0,
      stdout: `Revoked "ci" (id ${id}, read, admin, expires: never).\n`,
      stderr: '',
    });
    expect((await token('list')).stdout).not.toContain(' ci ');
  });

  it('keeps them where the owner alone can read them', async () => {
    await token('create');
    expect((await stat(data())).mode & 0o777).toBe(0o700);
    expect((await stat(data('tokens.json'))).mode & 0o777).toBe(0o600);
    expect(await readdir(data())).toEqual(['tokens.json']);
  });

  it('finds the data directory as serve does', async () => {
    const in_ = async (directory: string) =>
      JSON.parse(await readFile(join(home, directory, 'tokens.json'), 'utf8')).tokens.length;
    await writeFile(
      join(home, 'agent-tars.config.json'),
      '{"dataDir":"from-file","server":{"port":"not checked"}}',
    );
    await token('create');
    await run(['token', 'create'], options({ AGENT_TARS_DATA_DIR: 'from-env' }));
    await run(['token', 'create', '--data-dir', 'from-flag'], options({ AGENT_TARS_DATA_DIR: 'from-env' }));
    await writeFile(join(home, 'other.json'), '{"dataDir":"from-other"}');
    await token('create', '--config', 'other.json');
    expect([
      await in_('from-file'),
      await in_('from-env'),
      await in_('from-flag'),
      await in_('from-other'),
    ]).toEqual([1, 1, 1, 1]);
  });

  it('says in one line what is wrong, and changes nothing', async () => {
    printed(await token('create', '--name', 'one'));
    const before = await readFile(data('tokens.json'), 'utf8');
    const cases: [args: string[], line: string][] = [
      [
        ['create', '--name', 'one'],
        'The name "one" is taken: choose another, or revoke or rotate that token.',
      ],
      [
        ['create', '--scope', 'read,write'],
        '--scope is "read,write", but must be one of read, query, admin, or several with commas between them.',
      ],
      [
        ['create', '--expires', 'soon'],
        '--expires is "soon", but must be a time such as 30d, 12h, 90m or 60s (at most 3650d), or never.',
      ],
      [['revoke', 'none'], 'There is no token "none": "agent-tars token list" shows those that there are.'],
      [['rotate', 'none'], 'There is no token "none": "agent-tars token list" shows those that there are.'],
      [
        ['list', '--config', 'none.json'],
        `The configuration file ${join(home, 'none.json')} cannot be used: there is no such file.`,
      ],
    ];
    const outcomes = await Promise.all(cases.map(([args]) => token(...args)));
    expect(outcomes).toEqual(cases.map(([, line]) => ({ code: 1, stdout: '', stderr: `${line}\n` })));
    expect(await readFile(data('tokens.json'), 'utf8')).toBe(before);
    await writeFile(data('tokens.json'), '{');
    const says = `${data('tokens.json')} cannot be read (it is not what agent-tars has written). Mend it, or delete it with all its tokens.\n`;
    const broken = [
      await token('list'),
      await token('create'),
      await run(['serve', '--auth', '--port', '0'], options()),
    ];
    expect(broken).toEqual(broken.map(() => ({ code: 1, stdout: '', stderr: says })));
  });
});

describe('agent-tars serve --auth', () => {
  it("makes the owner's token at its first start, and prints a link at each", async () => {
    const server = await serve(['--auth']);
    expect(server.greeting).toEqual([
      expect.stringMatching(/^Agent TARS Server /),
      `  URL        ${server.url}`,
      expect.stringMatching(
        /^ {2}Log in {5}http:\/\/127\.0\.0\.1:\d+\/auth\/link\?code=[\w-]{32} \(once, within 10 minutes\)$/,
      ),
      `  Token      in ${data('auth-token')}`,
      '  Model      Built-in demo (embedded)',
      `  Workspace  ${home}`,
      `  Data       ${data()}`,
    ]);
    const secret = (await readFile(data('auth-token'), 'utf8')).trim();
    expect((await stat(data('auth-token'))).mode & 0o777).toBe(0o600);
    expect(await statusFor(server, secret)).toBe(200);
    expect(server.greeting.join()).not.toContain(secret);
    expect((await server.get('/api/sessions')).status).toBe(401);
    const [answer, again] = [
      await fetch(linkOf(server), { redirect: 'manual' }),
      await fetch(linkOf(server)),
    ];
    expect([answer.status, again.status]).toEqual([303, 401]);
    const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect((await fetch(server.url, { headers: { cookie } })).status).toBe(200);
    expect(await server.kill('SIGTERM')).toBe(0);

    const restarted = await serve(['--auth']);
    expect(await readFile(data('auth-token'), 'utf8')).toBe(`${secret}\n`);
    expect(await statusFor(restarted, secret)).toBe(200);
    expect((await fetch(restarted.url, { headers: { cookie } })).status).toBe(200);
    expect(linkOf(restarted)).not.toBe(linkOf(server));
    const old = new URL(linkOf(server));
    expect((await fetch(restarted.url + old.pathname + old.search)).status).toBe(401);
    expect((await fetch(linkOf(restarted), { redirect: 'manual' })).status).toBe(303);
  });

  it('keeps to the token of the environment, and makes none of its own', async () => {
    const server = await serve(['--auth'], { AGENT_TARS_TOKEN: 'of-the-environment-7391' });
    expect(await statusFor(server, 'of-the-environment-7391')).toBe(200);
    expect(server.greeting.join('\n')).not.toMatch(/7391|Token/);
    expect((await fetch(linkOf(server), { redirect: 'manual' })).status).toBe(303);
    expect(await readdir(data())).not.toContain('auth-token');
    const short = await run(['serve', '--port', '0'], options({ AGENT_TARS_TOKEN: 'short-7391' }));
    expect([short.code, short.stderr]).toEqual([
      1,
      'server.auth.token is ***, but must be at least 16 letters, digits and signs, without a space.\n',
    ]);
  });

  it('sees at once what the other commands do, and lets runs go on', async () => {
    const model = await ModelStub.start();
    const { provider, id, baseURL, apiKey } = model.config;
    const server = await serve([
      ...['--auth', '--model.provider', provider, '--model.id', id],
      ...['--model.baseURL', baseURL, '--model.apiKey', apiKey],
    ]);
    try {
      const secret = printed(await token('create', '--name', 'one'));
      const client = new Client(server.url, bearer(secret));
      const sessionId = await client.createSession();
      const gate = new Gate();
      model.next(async (reply) => {
        reply.text('half');
        await gate.opened;
        reply.text(' and half').end();
      });
      const follow = async (by: Client) => {
        const [stream, socket] = [await by.follow(sessionId), await by.socket()];
        expect(await ask(socket, 'join-session', sessionId)).toEqual({ ok: true });
        await stream.until('replay_end');
        return { stream, gone: next<string>(socket, 'disconnect') };
      };
      const first = await follow(client);
      const query = await client.stream(sessionId, 'go');
      await query.until('assistant_streaming_message');

      const second = printed(await token('rotate', 'one'));
      await Promise.all([first.stream.ended, query.ended]);
      expect(await first.gone).toBe('io server disconnect');
      expect(await statusFor(server, secret)).toBe(401);

      const again = new Client(server.url, bearer(second));
      expect((await again.status(sessionId)).isProcessing).toBe(true);
      const { stream, gone } = await follow(again);
      gate.open();
      await stream.until('agent_run_end');
      await token('revoke', 'one');
      await Promise.all([stream.ended, gone]);
      expect(await statusFor(server, second)).toBe(401);

      const short = printed(await token('create', '--name', 'short', '--expires', '4s', '--scope', 'read'));
      const last = await follow(new Client(server.url, bearer(short)));
      await Promise.all([last.stream.ended, last.gone]);
      expect((await token('list')).stdout).toMatch(/ short .*\(expired\)\n/);

      const owner = new Client(server.url, bearer((await readFile(data('auth-token'), 'utf8')).trim()));
      const { runs } = (await owner.get(`/api/runs?sessionId=${sessionId}`)).body;
      expect(runs.map(({ status }: { status: string }) => status)).toEqual(['completed']);
    } finally {
      await model.stop();
    }
  });
});

it('an embedded server that was stopped keeps no process alive for its tokens', async () => {
  const built = (path: string) => JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);
  const script = `
    import { AgentTARSServer } from ${built('index.js')};
    import { createToken } from ${built('auth/token-commands.js')};
    // Longer than a timer takes: Node would fire at once, and warn.
    await createToken('data', { name: 'long', scopes: ['read'], expiresAt: Date.now() + 60 * 86_400_000 });
    const config = { dataDir: 'data', model: { provider: 'embedded' }, server: { port: 0, auth: true } };
    const server = new AgentTARSServer(config);
    for (let i = 0; i < 2; i++) {
      await server.start();
      console.log((await fetch(server.createLoginLink(), { redirect: 'manual' })).status);
      await server.stop();
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: home });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  const [code] = (await once(child, 'close')) as [number];
  expect([code, output]).toEqual([0, '303\n303\n']);
});
