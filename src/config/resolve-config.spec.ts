import { describe, expect, it } from '@jest/globals';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConfigInput, InvalidConfig, resolveConfig } from './index.js';

const resolve = (input: ConfigInput = {}, env: Record<string, string> = {}) =>
  resolveConfig(input, { cwd: '/srv', env });

const problemsOf = (input: unknown, env: Record<string, string> = {}): string[] => {
  try {
    resolve(input as ConfigInput, env);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidConfig);
    return (error as Error).message.split('\n');
  }
  throw new Error('The configuration was taken.');
};

describe('the configuration', () => {
  it('has a default for everything', () => {
    const config = resolve();
    expect({ ...config }).toEqual({
      server: {
        port: 8888,
        host: '127.0.0.1',
        open: false,
        basePath: '/api',
        publicPath: '',
        insecureNoAuth: false,
        allowedHosts: [],
        allowedOrigins: [],
        storage: { type: 'sqlite', path: join(homedir(), '.agent-tars', 'agent-tars.db') },
        whenBusy: 'reject',
        exclusive: false,
        shared: false,
        keepAliveMs: 65_000,
        maxConcurrentRuns: 1000,
        maxQueued: 20,
        shutdownGraceMs: 10000,
        maxBodyBytes: 33554432,
        maxFrameBytes: 1_000_000,
        watchdogMs: 300_000,
        limits: {
          requestsPerMinute: 1_000_000,
          runsPerMinute: 100_000,
          connections: 20_000,
          sockets: 10_000,
          handshakes: 10_000,
          handshakesPerMinute: 10_000,
          strangers: 1_000,
          messagesPerMinute: 1_000_000,
          messageBytes: 33_554_432,
          stalledReaderMs: 60_000,
        },
        trustProxy: false,
        fetchImages: false,
        runtimeSettings: { schema: { type: 'object', properties: {} } },
      },
      workspace: '/srv',
      files: {
        visible: [],
        offLimits: [
          '',
          '/agent-tars.db',
          '/agent-tars.db-wal',
          '/agent-tars.db-shm',
          '/agent-tars.db-journal',
          '/agent-tars.db.guard',
          '/agent-tars.db.lock',
          '/tokens.json',
          '/auth-token',
          '/trusted-configs.json',
        ].map((path) => join(homedir(), '.agent-tars') + path),
        readOnly: expect.any(Array),
      },
      dataDir: join(homedir(), '.agent-tars'),
      models: [
        {
          provider: 'embedded',
          id: 'demo',
          displayName: 'Built-in demo',
          firstTokenTimeoutMs: 120000,
          idleTimeoutMs: 60000,
          maxAnswerChars: 4000000,
        },
      ],
      share: {},
      tools: [],
      agent: { name: 'Agent TARS', maxIterations: 50, toolTimeoutMs: 600000 },
      webui: { enabled: true },
      logLevel: 'warn',
      ignored: [],
      secrets: [],
    });
  });

  it('keeps what it is given', () => {
    const input: ConfigInput = {
      server: {
        port: 'auto',
        host: '::',
        insecureNoAuth: true,
        open: true,
        basePath: '/x/y',
        whenBusy: 'queue',
        exclusive: true,
        maxQueued: 0,
        fetchImages: true,
      },
      instructions: 'Be kind.',
      agent: { name: 'A', maxIterations: 3, toolTimeoutMs: 5 },
      share: { provider: 'https://share.example/up?token=x' },
      webui: { enabled: false },
      logLevel: 'silent',
    };
    expect(resolve(input)).toMatchObject(input);
  });

  it('begins relative paths at the working directory', () => {
    const config = resolve({ workspace: 'files', dataDir: '../data', webui: { staticPath: 'ui' } });
    expect(config).toMatchObject({
      workspace: '/srv/files',
      dataDir: '/data',
      webui: { staticPath: '/srv/ui' },
    });
    expect(config.server.storage).toEqual({ type: 'sqlite', path: '/data/agent-tars.db' });
    const own = resolve({ server: { storage: { type: 'sqlite', path: 'own.db', driver: 'libsql' } } });
    expect(own.server.storage).toEqual({ type: 'sqlite', path: '/srv/own.db', driver: 'libsql' });
    expect(resolve({ server: { storage: { type: 'memory' } } }).server.storage).toEqual({ type: 'memory' });
  });

  it('takes ~ for the home directory, at the beginning of a path', () => {
    const config = resolve({
      workspace: '~',
      dataDir: '~/data',
      server: { storage: { type: 'sqlite', path: '~/own.db' } },
      webui: { staticPath: '~/a/~/ui' },
    });
    expect(config).toMatchObject({
      workspace: homedir(),
      dataDir: join(homedir(), 'data'),
      server: { storage: { path: join(homedir(), 'own.db') } },
      webui: { staticPath: join(homedir(), 'a/~/ui') },
    });
    expect(resolve({ workspace: '~other', dataDir: 'a/~' })).toMatchObject({
      workspace: '/srv/~other',
      dataDir: '/srv/a/~',
    });
  });

  it('keeps the data directory and the database from the workspace, wherever they are', () => {
    const storage = { type: 'sqlite' as const, path: 'own.db' };
    expect(resolve({ dataDir: 'state', server: { storage } }).files).toMatchObject({
      visible: [],
      offLimits: [
        '/srv/state',
        '/srv/own.db',
        '/srv/own.db-wal',
        '/srv/own.db-shm',
        '/srv/own.db-journal',
        '/srv/own.db.guard',
        '/srv/own.db.lock',
        '/srv/state/tokens.json',
        '/srv/state/auth-token',
        '/srv/state/trusted-configs.json',
      ],
    });
    const memory = resolve({ dataDir: '/data', server: { storage: { type: 'memory' } } });
    expect(memory.files.offLimits).toEqual([
      ...['/data', '/data/tokens.json', '/data/auth-token', '/data/trusted-configs.json'],
    ]);
    expect(resolve({ files: { visible: ['.github'] } }).files.visible).toEqual(['.github']);
  });

  it('keeps what the next start runs from the workspace, wherever it is', () => {
    const { files } = resolveConfig(
      { webui: { staticPath: 'ui' } },
      { cwd: '/srv', env: {}, configFiles: ['/srv/conf.ts', '/srv/tools.ts'] },
    );
    expect(files.offLimits).toEqual(expect.arrayContaining(['/srv/conf.ts', '/srv/tools.ts', '/srv/ui']));
    const ownPackage = fileURLToPath(new URL('../../', import.meta.url));
    expect(files.readOnly).toEqual(
      expect.arrayContaining([
        ...['bin', 'dist', 'node_modules', 'package.json', 'src'].map((name) => join(ownPackage, name)),
        '/srv/ui',
        process.argv[1],
      ]),
    );
    expect(files.readOnly).not.toContain(ownPackage);
  });

  it('is frozen, to its depths, and leaves alone what it was made from', () => {
    const tools = [{ name: 'mine' }];
    const input: ConfigInput = { server: { port: 1 }, tools };
    const config = resolve(input);
    expect(() => Object.assign(config.server, { port: 2 })).toThrow(TypeError);
    expect(() => Object.assign(config.models[0], { id: 'x' })).toThrow(TypeError);
    expect(config.tools[0]).toBe(tools[0]);
    tools.push({ name: 'another' });
    Object.assign(tools[0] ?? {}, { changed: true });
    expect(input).toEqual({ server: { port: 1 }, tools });
  });
});

describe('the model', () => {
  const standard = (input: ConfigInput['model'], env: Record<string, string> = {}) =>
    resolve(input ? { model: input } : {}, env).models[0];

  it.each<[Record<string, string>, object]>([
    [{ ANTHROPIC_API_KEY: 'k' }, { provider: 'anthropic', id: 'claude-sonnet-4-5' }],
    [{ OPENAI_API_KEY: 'k' }, { provider: 'openai', id: 'gpt-5-mini' }],
    [{ GEMINI_API_KEY: 'k' }, { provider: 'google', id: 'gemini-2.5-flash' }],
    [{ GOOGLE_GENERATIVE_AI_API_KEY: 'k' }, { provider: 'google', id: 'gemini-2.5-flash' }],
    [{ OPENAI_API_KEY: 'k', ANTHROPIC_API_KEY: 'k' }, { provider: 'anthropic' }],
    [
      { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://x/v1' },
      { provider: 'openai', baseURL: 'http://x/v1' },
    ],
    [{ OPENAI_API_KEY: '' }, { provider: 'embedded' }],
    [{ OPENAI_BASE_URL: 'http://x/v1' }, { provider: 'embedded' }],
  ])('comes from the keys in the environment %j when none is configured', (env, model) => {
    expect(standard(undefined, env)).toMatchObject(model);
  });

  it('is the configured one, whatever keys there are', () => {
    const env = { OPENAI_API_KEY: 'k' };
    expect(standard({ provider: 'ollama', id: 'llama' }, env)).toMatchObject({
      provider: 'ollama',
      id: 'llama',
      displayName: 'llama',
      baseURL: 'http://127.0.0.1:11434/v1',
    });
    expect(standard({ provider: 'embedded' }, env)).toMatchObject({
      id: 'demo',
      displayName: 'Built-in demo',
    });
  });

  it('is still found where only its limits are configured', () => {
    expect(standard({ idleTimeoutMs: 5 }, { OPENAI_API_KEY: 'k' })).toMatchObject({
      provider: 'openai',
      idleTimeoutMs: 5,
      firstTokenTimeoutMs: 120_000,
    });
  });

  it('is OpenAI-compatible when only a base URL is given', () => {
    const model = standard({ id: 'm', baseURL: 'http://x/v1', displayName: 'Mine' });
    expect(model).toMatchObject({ provider: 'openai-compatible', id: 'm', displayName: 'Mine' });
  });

  it("takes its provider's key from the environment when it has none of its own", () => {
    expect(standard({ provider: 'openai' }, { OPENAI_API_KEY: 'sk-env' }).apiKey?.reveal()).toBe('sk-env');
    expect(standard({ provider: 'openai', apiKey: 'sk-own' }, { OPENAI_API_KEY: 'x' }).apiKey?.reveal()).toBe(
      'sk-own',
    );
    expect(standard({ provider: 'ollama', id: 'x' }, { OPENAI_API_KEY: 'x' }).apiKey).toBeUndefined();
  });

  it('reads a key in ALL_CAPS from the environment variable of that name', () => {
    const env = { MY_KEY: 'sk-env', sk_lower: 'no' };
    expect(standard({ provider: 'openai', apiKey: 'MY_KEY' }, env).apiKey?.reveal()).toBe('sk-env');
    expect(standard({ provider: 'openai', apiKey: 'sk_lower' }, env).apiKey?.reveal()).toBe('sk_lower');
  });

  it('is first in the list, and once', () => {
    const config = resolve({
      model: { provider: 'openai', id: 'a', apiKey: 'sk-a' },
      server: {
        models: [
          { provider: 'openai', id: 'b', apiKey: 'sk-b' },
          { provider: 'openai', id: 'a', apiKey: 'sk-c' },
        ],
      },
    });
    expect(config.models.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(config.secrets.map((secret) => secret.reveal())).toEqual(['sk-a', 'sk-b']);
  });

  it('shows its key nowhere', () => {
    const config = resolve({ model: { provider: 'openai', apiKey: 'sk-sentinel' } });
    expect(JSON.stringify(config)).not.toContain('sk-sentinel');
    expect(String(config.models[0].apiKey)).toBe('***');
  });
});

describe('the limits', () => {
  const STRICT = {
    requestsPerMinute: 600,
    runsPerMinute: 60,
    connections: 100,
    sockets: 20,
    handshakes: 20,
    handshakesPerMinute: 60,
    strangers: 200,
    stalledReaderMs: 60_000,
    messagesPerMinute: 600,
    messageBytes: 1_000_000,
  };

  it.each<ConfigInput['server']>([
    { host: '0.0.0.0', auth: true, maxBodyBytes: 2_000 },
    { trustProxy: true },
  ])('are strict where others than this machine may come: %j', (server) => {
    expect(resolve({ server }).server.limits).toEqual(STRICT);
    expect(resolve({ server: { ...server, limits: { sockets: 7 } } }).server.limits).toEqual({
      ...STRICT,
      sockets: 7,
    });
  });

  it('let a socket message on this machine be as large as a body', () => {
    expect(resolve({ server: { maxBodyBytes: 2_000 } }).server.limits.messageBytes).toBe(2_000);
  });
});

describe('the token', () => {
  const auth = (server: ConfigInput['server'], env: Record<string, string> = {}) =>
    resolve({ server }, env).server.auth;

  it('is asked for when it is configured, and shown nowhere', () => {
    const config = resolve({ server: { auth: { token: 'sentinel-of-16-chars' } } });
    expect(config.server.auth?.token?.reveal()).toBe('sentinel-of-16-chars');
    expect(config.secrets.map((secret) => secret.reveal())).toEqual(['sentinel-of-16-chars']);
    expect(JSON.stringify(config)).not.toContain('sentinel');
    expect(auth({})).toBeUndefined();
    expect(auth({ auth: true })).toEqual({});
    expect(auth({ auth: {} })).toEqual({});
    expect(auth({ auth: { token: undefined } })).toEqual({}); // a variable that is not set opens nothing
  });

  it('in ALL_CAPS is read from the environment variable of that name', () => {
    const env = { MY_TOKEN: 'from-the-environment' };
    expect(auth({ auth: { token: 'MY_TOKEN' } }, env)?.token?.reveal()).toBe('from-the-environment');
  });

  it("takes vLLM's usual key for what it is, not for the name of a variable", () => {
    const { models } = resolve({ model: { baseURL: 'http://127.0.0.1:8000/v1', id: 'm', apiKey: 'EMPTY' } });
    expect(models[0].apiKey?.reveal()).toBe('EMPTY');
  });

  it('may be missing on loopback addresses, and elsewhere where the user says so', () => {
    for (const host of ['127.0.0.1', '::1', 'localhost', 'LOCALHOST']) expect(auth({ host })).toBeUndefined();
    for (const host of ['0.0.0.0', '::', '127.0.0.2', '10.0.0.1', 'example.org', '::ffff:127.0.0.1']) {
      expect(problemsOf({ server: { host } })).toEqual([expect.stringContaining(`server.host is "${host}"`)]);
      expect(auth({ host, insecureNoAuth: true })).toBeUndefined();
      expect(auth({ host, auth: true })).toEqual({});
    }
  });
});

describe('a bad value', () => {
  it.each<[unknown, string]>([
    [
      { server: { port: 'abc' } },
      'server.port is "abc", but must be a whole number from 0 to 65535, or "auto".',
    ],
    [
      { server: { port: 65536 } },
      'server.port is 65536, but must be a whole number from 0 to 65535, or "auto".',
    ],
    [{ server: { port: -1 } }, 'server.port is -1, but must be a whole number from 0 to 65535, or "auto".'],
    [{ server: { port: 1.5 } }, 'server.port is 1.5, but must be a whole number from 0 to 65535, or "auto".'],
    [{ server: { host: '' } }, 'server.host is "", but must be a text that is not empty.'],
    [{ server: { open: 'yes' } }, 'server.open is "yes", but must be true or false.'],
    [{ server: { fetchImages: 'true' } }, 'server.fetchImages is "true", but must be true or false.'],
    [{ server: { basePath: 'api' } }, 'server.basePath is "api", but must be a path such as /api.'],
    [{ server: { basePath: '/' } }, 'server.basePath is "/", but must be a path such as /api.'],
    [{ server: { basePath: '/a/..' } }, 'server.basePath is "/a/..", but must be a path such as /api.'],
    [
      { server: { publicPath: '/agents/' } },
      'server.publicPath is "/agents/", but must be a path such as /agents, or empty.',
    ],
    [
      { server: { whenBusy: 'wait' } },
      'server.whenBusy is "wait", but must be one of reject, queue, interrupt.',
    ],
    [
      { server: { storage: { type: 'mysql' } } },
      'server.storage.type is "mysql", but must be { type: "sqlite", path } or { type: "memory" }.',
    ],
    [
      { server: { maxBodyBytes: 10 } },
      'server.maxBodyBytes is 10, but must be a whole number from 1024 to 1073741824 (bytes).',
    ],
    [{ server: { models: {} } }, 'server.models is {}, but must be a list of models.'],
    [
      { server: { runtimeSettings: { schema: { type: 'nope' } } } },
      'server.runtimeSettings.schema is {"type":"nope"}, but must be a JSON Schema of an object: { type: "object", properties }.',
    ],
    [
      { server: { auth: false } },
      'server.auth is ***, but must be true, or { token } with a token of your own; leave it out for none.',
    ],
    [
      { server: { auth: 'sentinel' } },
      'server.auth is ***, but must be true, or { token } with a token of your own; leave it out for none.',
    ],
    [
      { server: { auth: { token: 'fifteen-letters' } } },
      'server.auth.token is ***, but must be at least 16 letters, digits and signs, without a space.',
    ],
    [
      { server: { auth: { token: 'long enough, but not one word' } } },
      'server.auth.token is ***, but must be at least 16 letters, digits and signs, without a space.',
    ],
    [
      { server: { auth: { token: 'MY_TOKEN' } } },
      'server.auth.token names the environment variable MY_TOKEN, which is not set: set it, or give the token itself.',
    ],
    [{ server: { insecureNoAuth: 'yes' } }, 'server.insecureNoAuth is "yes", but must be true or false.'],
    [{ workspace: 7 }, 'workspace is 7, but must be a text.'],
    ...['', '/etc', '../x', 'a/../b', 'a//b', 'a\\b', 7].map((path): [unknown, string] => [
      { files: { visible: ['.github', path] } },
      `files.visible.1 is ${JSON.stringify(path)}, but must be a name such as .env.example, or a path in the workspace such as .github/workflows.`,
    ]),
    [{ files: { visible: '.env' } }, 'files.visible is ".env", but must be a list of names and paths.'],
    [{ files: [] }, 'files is [], but must be an object such as { visible: [".env.example"] }.'],
    [
      { model: 'gpt' },
      'model is "gpt", but must be an object such as { provider: "openai", id: "gpt-5-mini" }.',
    ],
    [
      { model: { provider: 'nope' } },
      'model.provider is "nope", but must be one of openai, openai-compatible, anthropic, google, ollama, embedded.',
    ],
    [
      { model: { apiKey: 'x' } },
      'model.provider is missing, but must be one of openai, openai-compatible, anthropic, google, ollama, embedded.',
    ],
    [{ model: { provider: 'ollama' } }, 'model.id is missing, but must name a model of ollama.'],
    [
      { model: { provider: 'openai-compatible', id: 'x' } },
      "model.baseURL is missing, but must be the endpoint's URL, such as http://127.0.0.1:8000/v1.",
    ],
    [
      { model: { provider: 'openai', apiKey: 'MY_KEY' } },
      'model.apiKey names the environment variable MY_KEY, which is not set: set it, or give the key itself.',
    ],
    [
      { share: { provider: 'ftp://x' } },
      'share.provider is "ftp://x", but must be a URL that starts with http:// or https:// and holds no user or password.',
    ],
    [
      { agent: { maxIterations: 0 } },
      'agent.maxIterations is 0, but must be a whole number from 1 to 10000.',
    ],
    [{ agent: [] }, 'agent is [], but must be an object.'],
    [{ tools: 'x' }, 'tools is "x", but must be a list of tools.'],
    [{ logLevel: 'loud' }, 'logLevel is "loud", but must be one of silent, error, warn, info, debug.'],
    [7, 'The configuration is 7, but must be an object.'],
  ])('is told in one line: %j', (input, line) => {
    expect(problemsOf(input)).toEqual([line]);
  });

  it('may contain itself, or be no JSON at all', () => {
    const loop: Record<string, unknown> = {};
    loop['again'] = loop;
    expect(problemsOf({ workspace: loop, model: loop, server: { port: 10n, open: { big: 1n } } })).toEqual([
      'server.port is 10, but must be a whole number from 0 to 65535, or "auto".',
      'server.open is {"big":1}, but must be true or false.',
      'workspace is an object that contains itself, but must be a text.',
      expect.stringContaining('model.again is not known'),
    ]);
  });

  it('is told together with every other one', () => {
    const keys = problemsOf({ server: { port: 'x', host: 7 }, workspace: 7, logLevel: 'x' }).map(
      (line) => line.split(' ')[0],
    );
    expect(keys).toEqual(['server.port', 'server.host', 'workspace', 'logLevel']);
    const models = [{ id: 'x' }, { provider: 'openai', apiKey: 'NOT_SET' }];
    expect(
      problemsOf({ model: { provider: 'ollama' }, server: { models } }).map((line) => line.split(' ')[0]),
    ).toEqual(['model.id', 'server.models.0.provider', 'server.models.1.apiKey']);
  });

  it('is not shown when it is, or holds, a secret', () => {
    const lines = [
      ...problemsOf({ model: { provider: 'openai', apiKey: 7_391_7391 } }),
      ...problemsOf({ server: { models: { provider: 'openai', apiKey: 'sentinel' } } }),
      ...problemsOf({ model: { provider: 'openai', baseURL: 'http://user:sentinel@host/v1' } }),
      ...problemsOf({ share: { provider: 'https://sentinel@host' } }),
      ...problemsOf({ model: { provider: 'openai', apiKey: 'SENTINEL0123456789' } }),
    ];
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line).not.toMatch(/73917391|sentinel/i);
    expect(lines[2]).toContain('"http://***@host/v1"');
  });
});
