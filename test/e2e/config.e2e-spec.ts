import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ModelStub } from '../support/model-stub.js';
import { run, ServerProcess } from '../support/process.js';

/** A working directory of its own for each test; the data stay in it too, unless a test says otherwise. */
let cwd: string;
let model: ModelStub;
const started: ServerProcess[] = [];

beforeAll(async () => {
  model = await ModelStub.start();
});
afterAll(() => model.stop());

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'agent-tars-config-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.kill()));
  await rm(cwd, { recursive: true, force: true });
});

async function start(
  args: readonly string[] = [],
  { env = {}, configuredPort = false }: { env?: NodeJS.ProcessEnv; configuredPort?: boolean } = {},
): Promise<ServerProcess> {
  const server = await ServerProcess.start(args, { cwd, env: { HOME: cwd, ...env }, configuredPort });
  started.push(server);
  return server;
}

/** Runs `agent-tars serve` where it is expected to stop at once. */
const refused = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  run(['serve', '--port', '0', ...args], { cwd, env: { HOME: cwd, ...env } });

const write = (name: string, text: string | object) =>
  writeFile(join(cwd, name), typeof text === 'string' ? text : JSON.stringify(text));

const shown = (server: ServerProcess, label: string) =>
  server.greeting.map((line) => new RegExp(`^  ${label} +(.*)$`).exec(line)?.[1]).find(Boolean);

describe('the configuration file', () => {
  it('is found in the working directory, in each of its forms', async () => {
    // A value that is refused tells soonest that the file was read.
    const files: Readonly<Record<string, string>> = {
      ts: `import type { Server } from 'node:http';
           interface Level { readonly logLevel: string }
           const level: Level = { logLevel: 'from ts' satisfies string };
           export type { Server };
           export default { ...level };`,
      js: `export default { logLevel: 'from js' };`,
      mjs: `const logLevel = await Promise.resolve('from mjs'); export default { logLevel };`,
      json: '{ "logLevel": "from json" }',
      yaml: 'logLevel: from yaml # a comment\n',
    };
    const lines = Object.entries(files).map(async ([extension, text]) => {
      const directory = join(cwd, extension);
      await mkdir(directory);
      await writeFile(join(directory, `agent-tars.config.${extension}`), text);
      return (await run(['serve'], { cwd: directory })).stderr;
    });
    const allowed = 'but must be one of silent, error, warn, info, debug.\n';
    expect(await Promise.all(lines)).toEqual(
      Object.keys(files).map((extension) => `logLevel is "from ${extension}", ${allowed}`),
    );
  });

  it('can be named, more than once: later ones win, key by key', async () => {
    await write('agent-tars.config.json', { logLevel: 'not read' });
    await write('one.json', { agent: { name: 'one', maxIterations: 11 }, instructions: 'from one' });
    await write(
      'two.ts',
      `export default { agent: { name: 'two' }, server: { storage: { type: 'memory' } } };`,
    );
    await write('empty.yaml', '# nothing yet\n');
    const files = ['one.json', join(cwd, 'two.ts'), 'empty.yaml'].flatMap((file) => ['--config', file]);
    const server = await start(files);
    expect((await server.get('/api/agent/options')).body.options).toMatchObject({
      name: 'two',
      maxIterations: 11,
      instructions: 'from one',
    });
    expect(shown(server, 'Data')).toBe('in memory, gone at the end');
    await expect(stat(join(cwd, '.agent-tars'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('stops the start with one line when it cannot be used', async () => {
    const cases: [name: string, text: string | undefined, reason: string][] = [
      ['missing.ts', undefined, 'there is no such file'],
      ['broken.json', '{"server": ', 'JSON'],
      ['broken.yaml', 'server: [1', 'line'],
      ['broken.ts', 'export default {\n  server: ,\n};', 'broken.ts:2:'],
      ['throws.mjs', 'throw new Error("the reason");', 'the reason'],
      ['list.json', '[]', 'it must give one object (export default { … })'],
      ['function.js', 'export default () => ({});', 'it must give one object (export default { … })'],
    ];
    const outcomes = cases.map(async ([name, text, reason]) => {
      if (text !== undefined) await write(name, text);
      const { code, stdout, stderr } = await refused(['--config', name]);
      const [line = '', ...more] = stderr.trimEnd().split('\n');
      expect([name, code, stdout, more]).toEqual([name, 1, '', []]);
      expect(line).toContain(`The configuration file ${join(cwd, name)} cannot be used: `);
      expect(line).toContain(reason);
    });
    await Promise.all(outcomes);
  });
});

describe('what wins', () => {
  it('is the flag over the environment over the file over the default, and only where it is given', async () => {
    const at = (name: string) => join(cwd, name);
    await Promise.all([mkdir(at('file-space')), mkdir(at('env-space'))]);
    const file = {
      server: { port: 'auto', host: 'localhost' },
      workspace: 'file-space',
      dataDir: 'file-data',
      model: {
        provider: 'openai-compatible',
        id: 'file-model',
        baseURL: model.baseURL,
        displayName: 'Named in the file',
      },
    };
    await write('agent-tars.config.ts', `export default ${JSON.stringify(file)};`);
    const server = await start(['--model.id', 'flag-model'], {
      env: { AGENT_TARS_WORKSPACE: 'env-space', AGENT_TARS_MODEL_ID: 'env-model' },
    });
    const { options } = (await server.get('/api/agent/options')).body;
    expect(options.model).toMatchObject({ id: 'flag-model', displayName: 'Named in the file' });
    expect(shown(server, 'Model')).toBe('Named in the file (openai-compatible)');
    expect(shown(server, 'Workspace')).toBe(at('env-space'));
    expect(shown(server, 'Data')).toBe(at('file-data'));
    expect((await stat(at('file-data/agent-tars.db'))).isFile()).toBe(true);
    expect(options.maxIterations).toBe(50); // nobody said otherwise
  });

  it('is the environment, for every key that has a variable; a key in ALL_CAPS names another one', async () => {
    const port = await freePort();
    const server = await start([], {
      configuredPort: true,
      env: {
        AGENT_TARS_PORT: String(port),
        AGENT_TARS_HOST: 'localhost',
        AGENT_TARS_DATA_DIR: join(cwd, 'env-data'),
        AGENT_TARS_WORKSPACE: cwd,
        AGENT_TARS_MODEL_PROVIDER: 'openai-compatible',
        AGENT_TARS_MODEL_ID: 'env-model',
        AGENT_TARS_MODEL_API_KEY: 'MY_MODEL_KEY',
        AGENT_TARS_MODEL_BASE_URL: model.baseURL,
        AGENT_TARS_SHARE_PROVIDER: 'https://share.example/upload',
        AGENT_TARS_LOG_LEVEL: 'error',
        MY_MODEL_KEY: 'sk-named-sentinel',
      },
    });
    expect(new URL(server.url).port).toBe(String(port));
    expect(shown(server, 'Data')).toBe(join(cwd, 'env-data'));
    expect((await server.get('/api/share/config')).body.shareProvider).toBe('https://share.example/upload');
    expect((await server.query(await server.createSession())).body.result.content).toBe('Hello there!');
    expect(model.lastRequest.body.model).toBe('env-model');
    expect(model.lastRequest.headers.authorization).toBe('Bearer sk-named-sentinel');
    expect((await server.get('/api/agent/options')).body.options.model.apiKey).toBe('***');
    expect(server.greeting.join()).not.toContain('sentinel');
  });

  it('is every flag that is given', async () => {
    await write('agent-tars.config.json', {
      webui: { enabled: true },
      share: { provider: 'https://file.example' },
    });
    const server = await start([
      ...['--host', '127.0.0.1', '--headless', '--server.exclusive', '--log-level', 'silent'],
      ...['--data-dir', 'flag-data', '--workspace', '.', '--share.provider', 'https://flag.example/up'],
      ...[
        '--model.provider',
        'openai-compatible',
        '--model.id',
        'flag-model',
        '--model.apiKey',
        'sk-flag-sentinel',
      ],
      ...['--model.baseURL', model.baseURL],
    ]);
    expect((await server.get('/')).status).toBe(404);
    expect((await server.get('/api/share/config')).body.shareProvider).toBe('https://flag.example/up');
    expect((await server.query(await server.createSession())).status).toBe(200);
    expect(model.lastRequest.body.model).toBe('flag-model');
    expect(model.lastRequest.headers.authorization).toBe('Bearer sk-flag-sentinel');
    expect(shown(server, 'Data')).toBe(join(cwd, 'flag-data'));
  });
});

describe('a bad value', () => {
  const PROVIDERS = 'openai, openai-compatible, anthropic, google, ollama, embedded';

  it('stops the start with one line that names the key, the value and what is allowed', async () => {
    const cases: [args: string[], env: NodeJS.ProcessEnv, line: string][] = [
      [['--port', 'abc'], {}, 'server.port is "abc", but must be a whole number from 0 to 65535, or "auto".'],
      [
        [],
        { AGENT_TARS_LOG_LEVEL: 'loud' },
        'logLevel is "loud", but must be one of silent, error, warn, info, debug.',
      ],
      [['--model.provider', 'nope'], {}, `model.provider is "nope", but must be one of ${PROVIDERS}.`],
      [['--model.provider', 'ollama'], {}, 'model.id is missing, but must name a model of ollama.'],
      [
        ['--model.provider', 'openai', '--model.apiKey', 'MY_MODEL_KEY'],
        {},
        'model.apiKey names the environment variable MY_MODEL_KEY, which is not set: set it, or give the key itself.',
      ],
    ];
    const outcomes = await Promise.all(cases.map(([args, env]) => refused(args, env)));
    expect(outcomes).toEqual(cases.map(([, , line]) => ({ code: 1, stdout: '', stderr: `${line}\n` })));
  });

  it('is told together with every other one, from whatever source', async () => {
    await write('agent-tars.config.json', {
      server: { open: 'yes', models: {} },
      workspace: 7,
      webui: [],
      model: 'gpt',
    });
    const { code, stdout, stderr } = await refused(['--port', '99999'], { AGENT_TARS_LOG_LEVEL: 'loud' });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trimEnd().split('\n').sort()).toEqual([
      'logLevel is "loud", but must be one of silent, error, warn, info, debug.',
      'model is "gpt", but must be an object such as { provider: "openai", id: "gpt-5-mini" }.',
      'server.models is {}, but must be a list of models.',
      'server.open is "yes", but must be true or false.',
      'server.port is 99999, but must be a whole number from 0 to 65535, or "auto".',
      'webui is [], but must be an object.',
      'workspace is 7, but must be a text.',
    ]);
  });

  it('is not printed when it is a secret, nor are those beside it', async () => {
    await write('agent-tars.config.json', {
      model: { apiKey: ['sk-sentinel'], baseURL: 'http://user:sk-sentinel@host/v1' },
      server: { models: { provider: 'openai', apiKey: 'sk-sentinel' } },
    });
    const { code, stderr } = await refused(['--log-level', 'loud'], { OPENAI_API_KEY: 'sk-sentinel' });
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toHaveLength(4);
    expect(stderr).not.toContain('sentinel');
    expect(stderr).toContain('model.apiKey is ***');
  });

  it('is told before anything is made', async () => {
    await refused(['--port', 'abc', '--data-dir', 'never']);
    await expect(stat(join(cwd, 'never'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('can be a flag that does not exist', async () => {
    const { code, stdout, stderr } = await refused(['--prot', '80']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain("unknown option '--prot'");
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('the port', () => {
  it('that is taken is an error that says so', async () => {
    const holder = net.createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    try {
      const { code, stdout, stderr } = await run(['serve', '--port', String(port)], {
        cwd,
        env: { HOME: cwd },
      });
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toBe(
        `Port ${port} is taken on 127.0.0.1. Stop what listens there, choose another with --port, or take any with --port auto.\n`,
      );
    } finally {
      holder.close();
    }
  });

  it('is the next free one with --port auto', async () => {
    const holder = net.createServer();
    // Where 8888 is taken by somebody else, there is nothing to hold.
    await new Promise((resolve) =>
      holder.once('error', resolve).listen(8888, '127.0.0.1', () => resolve(undefined)),
    );
    try {
      const server = await start(['--port', 'auto']);
      const port = Number(new URL(server.url).port);
      expect(port).toBeGreaterThan(8888);
      expect(port).toBeLessThanOrEqual(8988);
      expect((await server.get('/api/health')).status).toBe(200);
    } finally {
      holder.close();
    }
  });
});

describe('the greeting', () => {
  it('is five lines: what this is, its address, the model, the workspace, the data', async () => {
    const server = await start();
    expect(server.greeting).toEqual([
      expect.stringMatching(/^Agent TARS Server \d+\.\d+\.\d+$/),
      `  URL        ${server.url}`,
      '  Model      Built-in demo (embedded)',
      `  Workspace  ${cwd}`,
      `  Data       ${join(cwd, '.agent-tars')}`,
    ]);
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    // and with nothing configured, the built-in demo answers
    const { status, body } = await server.query(await server.createSession(), 'what is 12 * (3 + 4)?');
    expect([status, body.result.content]).toEqual([200, '12 * (3 + 4) = 84']);
    expect(await server.kill('SIGTERM')).toBe(0);
  });

  it('is left out with --quiet', async () => {
    const port = await freePort();
    const output: string[] = [];
    const server = ServerProcess.spawn(['--quiet', '--port', String(port)], { cwd, env: { HOME: cwd } });
    for (const stream of [server.stdout, server.stderr])
      stream?.on('data', (data) => output.push(String(data)));
    try {
      await answers(`http://127.0.0.1:${port}/api/health`);
    } finally {
      server.kill('SIGTERM');
      await once(server, 'close');
    }
    expect(output.join('')).toBe('');
  });
});

describe('the command', () => {
  it('tells its version', async () => {
    const { version } = JSON.parse(
      await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as {
      version: string;
    };
    for (const flag of ['--version', '-V', '-v']) {
      expect([flag, await run([flag], { cwd })]).toEqual([
        flag,
        { code: 0, stdout: `${version}\n`, stderr: '' },
      ]);
    }
  });

  it('explains itself', async () => {
    const [all, serve] = await Promise.all([run(['--help'], { cwd }), run(['serve', '--help'], { cwd })]);
    expect([all.code, serve.code]).toEqual([0, 0]);
    expect(all.stdout).toMatch(/agent-tars[^]*serve/);
    const flags = [...serve.stdout.matchAll(/^ {2}(?:-\w, )?(--[\w.-]+)/gm)].map(([, flag]) => flag);
    expect(flags).toEqual(
      expect.arrayContaining([
        ...[
          '--port',
          '--host',
          '--open',
          '--auth',
          '--insecure-no-auth',
          '--headless',
          '--config',
          '--data-dir',
          '--workspace',
          '--model.provider',
        ],
        ...[
          '--model.id',
          '--model.apiKey',
          '--model.baseURL',
          '--share.provider',
          '--server.exclusive',
          '--log-level',
        ],
        ...['--debug', '--quiet', '--help'],
      ]),
    );
  });

  it('refuses a command that it does not have, and shows its help without one', async () => {
    const [unknown, none] = await Promise.all([run(['launch'], { cwd }), run([], { cwd })]);
    expect([unknown.code, unknown.stderr]).toEqual([1, "error: unknown command 'launch'\n"]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('serve');
  });
});

describe('the model', () => {
  it('is found by the key of a provider in the environment', async () => {
    const server = await start([], {
      env: { OPENAI_API_KEY: 'sk-openai-sentinel', OPENAI_BASE_URL: model.baseURL },
    });
    expect(shown(server, 'Model')).toBe('gpt-5-mini (openai)');
    expect((await server.query(await server.createSession(), 'hi')).body.result.content).toBe('Hello there!');
    expect(model.lastRequest.body.model).toBe('gpt-5-mini');
    expect(model.lastRequest.headers.authorization).toBe('Bearer sk-openai-sentinel');
  });
});

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when the address answers: a quiet server says nothing that could be waited for. */
async function answers(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(url).catch(() => undefined); // nobody listens yet
    if (response?.ok) return;
    await setTimeout(20); // asking without a pause would take the processor from the server that starts
  }
}
