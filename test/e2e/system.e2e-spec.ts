import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Gate } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('the server, asked about itself', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({
      config: {
        instructions: 'Always be kind.',
        agent: { name: 'Kind Agent', maxIterations: 7, toolTimeoutMs: 4_000 },
        server: {
          models: [
            { provider: 'openai', id: 'gpt-second', apiKey: 'sk-second-sentinel', displayName: 'Second' },
            { provider: 'embedded' },
          ],
        },
      },
    });
  });
  afterAll(() => app.stop());

  it('is alive', async () => {
    const { status, body } = await app.get('/api/health');
    expect([status, body]).toEqual([200, { status: 'ok' }]);
  });

  it('is ready', async () => {
    const { status, body } = await app.get('/api/ready');
    expect([status, body]).toEqual([200, { status: 'ready' }]);
  });

  it('tells its version', async () => {
    const { status, body } = await app.get('/api/version');
    expect(status).toBe(200);
    expect(body).toEqual({ version, buildTime: expect.any(String), gitHash: expect.any(String) });
  });

  it('lists its models, the default one first, and nothing of them but their names', async () => {
    const { status, body } = await app.get('/api/models');
    expect(status).toBe(200);
    expect(body).toEqual({
      models: [
        { id: 'scripted', provider: 'openai-compatible', displayName: 'scripted' },
        { id: 'gpt-second', provider: 'openai', displayName: 'Second' },
        { id: 'demo', provider: 'embedded', displayName: 'Built-in demo' },
      ],
    });
  });

  it('shows how the agent is set up, with the key masked', async () => {
    const { status, body } = await app.get('/api/agent/options');
    expect(status).toBe(200);
    const { tools, ...options } = body.options;
    expect(options).toEqual({
      name: 'Kind Agent',
      model: {
        id: 'scripted',
        provider: 'openai-compatible',
        displayName: 'scripted',
        baseURL: app.model.baseURL,
        apiKey: '***',
      },
      workspace: app.workspace,
      instructions: 'Always be kind.',
      maxIterations: 7,
      toolTimeoutMs: 4_000,
    });
    const names = tools.map(({ name }: { name: string }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['list_directory', 'read_file', 'search_files', 'write_file', 'edit_file']),
    );
    for (const tool of tools) expect(Object.keys(tool)).toEqual(['name', 'description']);
  });

  it.each([
    '/',
    '/api/health',
    '/api/ready',
    '/api/version',
    '/api/models',
    '/api/agent/options',
    '/api/runtime-settings',
    '/api/share/config',
    '/api/sessions',
    '/api/sessions/events/latest',
  ])('gives no key away at %s, nor below /api/v1', async (path) => {
    await app.query(await app.createSession(), 'hello');
    for (const address of [path, path.replace('/api', '/api/v1')]) {
      const response = await fetch(app.url + address);
      expect(response.status).toBe(200);
      const seen = (await response.text()) + JSON.stringify([...response.headers]);
      expect(seen).not.toMatch(/sk-test-sentinel|sk-second-sentinel/);
    }
  });

  it('does not say what it is made with', async () => {
    const { headers } = await app.get('/api/health');
    expect(headers.get('x-powered-by')).toBeNull();
  });
});

describe('a server that is about to stop', () => {
  it('says that it is not ready, takes no query, and lets the run under way finish', async () => {
    const app = await TestServer.start({ config: { server: { shutdownGraceMs: 20_000 } } });
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text('almost');
      await gate.opened;
      reply.text(' done').end();
    });
    const reader = await app.stream(sessionId);
    await reader.until('assistant_streaming_message');
    const stopped = app.stop();
    let ready = await app.get('/api/ready');
    while (ready.status === 200) ready = await app.get('/api/ready');
    expect(ready.status).toBe(503);
    expect(ready.body).toMatchObject({ code: 'DRAINING', error: expect.stringContaining('about to stop') });
    expect(ready.headers.get('retry-after')).toBe('5');
    const refused = await app.query(await app.createSession());
    expect([refused.status, refused.body.code]).toEqual([503, 'DRAINING']);
    expect((await app.get('/api/health')).status).toBe(200);
    gate.open();
    const events = await reader.ended;
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    await stopped;
  });
});

describe('runtime settings', () => {
  const schema = {
    type: 'object',
    properties: {
      mode: { type: 'string', enum: ['fast', 'careful'], default: 'fast' },
      depth: { type: 'integer', minimum: 1, maximum: 5 },
    },
    additionalProperties: false,
  };
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ config: { server: { runtimeSettings: { schema } } } });
  });
  afterAll(() => app.stop());

  const read = async (query = '') => (await app.get(`/api/runtime-settings${query}`)).body;

  it('are described by their schema, with the defaults as values', async () => {
    expect(await read()).toEqual({ schema, currentValues: { mode: 'fast' } });
    expect(await read(`?sessionId=${await app.createSession()}`)).toEqual({
      schema,
      currentValues: { mode: 'fast' },
    });
  });

  it('are set for one session, and kept', async () => {
    const [sessionId, untouched] = [await app.createSession(), await app.createSession()];
    const settings = { mode: 'careful', depth: 3 };
    const { status, body } = await app.post('/api/runtime-settings', {
      sessionId,
      runtimeSettings: settings,
    });
    expect(status).toBe(200);
    expect(body).toEqual({ session: expect.objectContaining({ id: sessionId }), runtimeSettings: settings });
    expect(body.session.metadata.runtimeSettings).toEqual(settings);
    app = await app.restart();
    expect((await read(`?sessionId=${sessionId}`)).currentValues).toEqual(settings);
    expect((await read(`?sessionId=${untouched}`)).currentValues).toEqual({ mode: 'fast' });
  });

  it('are part of what the next run is asked with', async () => {
    const sessionId = await app.createSession({ runtimeSettings: { mode: 'careful' } });
    await app.query(sessionId);
    const [start] = await app.events(sessionId, '&types=agent_run_start');
    expect(start).toMatchObject({ runOptions: { runtimeSettings: { mode: 'careful' } } });
  });

  it.each([
    ['a value that is not one of those allowed', { mode: 'reckless' }, /mode/],
    ['a value out of range', { depth: 6 }, /depth/],
    ['a wrong type', { depth: 'deep' }, /depth/],
    ['an unknown key', { colour: 'red' }, /colour/],
  ])('are refused with %s, and stay as they were', async (_what, runtimeSettings, named) => {
    const sessionId = await app.createSession({ runtimeSettings: { mode: 'careful' } });
    const { status, body } = await app.post('/api/runtime-settings', { sessionId, runtimeSettings });
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'INVALID_INPUT', error: expect.stringMatching(named) });
    expect((await read(`?sessionId=${sessionId}`)).currentValues).toEqual({ mode: 'careful' });
    const created = await app.post('/api/sessions/create', { runtimeSettings });
    expect([created.status, created.body.code]).toEqual([400, 'INVALID_INPUT']);
  });

  it('of an id that is no session are the defaults, and cannot be set', async () => {
    expect(await read('?sessionId=nope')).toEqual({ schema, currentValues: { mode: 'fast' } });
    const { status, body } = await app.post('/api/runtime-settings', {
      sessionId: 'nope',
      runtimeSettings: {},
    });
    expect([status, body.code]).toEqual([404, 'SESSION_NOT_FOUND']);
  });

  it('are an empty object where none are configured', async () => {
    const plain = await TestServer.start();
    try {
      const { body } = await plain.get('/api/runtime-settings');
      expect(body).toEqual({ schema: { type: 'object', properties: {} }, currentValues: {} });
    } finally {
      await plain.stop();
    }
  });
});

describe('the page at /', () => {
  it('shows the model, the workspace and the sessions, and links to the API documentation', async () => {
    const app = await TestServer.start();
    try {
      const sessionId = await app.createSession({ name: 'My first session' });
      const response = await fetch(app.url);
      const page = await response.text();
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(page).toContain('<title>Agent TARS Server</title>');
      expect(page).toContain('scripted (openai-compatible)');
      expect(page).toContain(app.workspace);
      expect(page).toContain(`<a href="./api/sessions/events?sessionId=${sessionId}">My first session</a>`);
      expect(page).toContain('<a href="./api/docs">');
      const docs = await fetch(`${app.url}/api/docs`);
      expect(docs.status).toBe(200);
    } finally {
      await app.stop();
    }
  });

  it('says that there is no session yet', async () => {
    const app = await TestServer.start();
    try {
      expect(await (await fetch(app.url)).text()).toContain('There are none yet.');
    } finally {
      await app.stop();
    }
  });

  it('escapes what users have named, and may run no script', async () => {
    const app = await TestServer.start();
    try {
      await app.createSession({ name: `<script>alert("1")</script>` });
      await app.createSession({ name: `"><img src=x onerror='alert(2)'>` });
      const response = await fetch(app.url);
      const page = await response.text();
      expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;');
      expect(page).toContain('&quot;&gt;&lt;img src=x onerror=&#39;alert(2)&#39;&gt;');
      expect(page).not.toMatch(/<script|<img/i);
      expect(response.headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'self' 'sha256-[^']+'; (?!.*script-src).*frame-ancestors 'none'$/,
      );
    } finally {
      await app.stop();
    }
  });

  it('is not served headless: only the API is', async () => {
    const app = await TestServer.start({ config: { webui: { enabled: false } } });
    try {
      const { status, headers, body } = await app.get('/');
      expect(status).toBe(404);
      expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(body).toEqual({
        error: 'There is no GET /. GET /api/docs lists all that there is.',
        code: 'ROUTE_NOT_FOUND',
      });
      expect((await app.get('/api/health')).status).toBe(200);
    } finally {
      await app.stop();
    }
  });
});

describe('a base path of its own', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ config: { server: { basePath: '/tars/agent' } } });
  });
  afterAll(() => app.stop());

  it.each(['/tars/agent', '/tars/agent/v1'])('has every route below %s', async (base) => {
    expect((await app.get(`${base}/health`)).body).toEqual({ status: 'ok' });
    const { status, body } = await app.post(`${base}/sessions/create`);
    expect(status).toBe(201);
    const { sessionId } = body;
    const answer = await app.post(`${base}/sessions/query`, { sessionId, query: 'hello' });
    expect(answer.body.result.content).toBe('Hello there!');
    expect((await app.get(`${base}/sessions/events?sessionId=${sessionId}`)).body.lastSeq).toBe(4);
  });

  it.each(['/api/health', '/health', '/tars/health', '/tars/agents/health', '/tars/agent', '/tars/agent/v1'])(
    'has nothing at %s',
    async (path) => {
      const { status, body } = await app.get(path);
      expect([status, body.code]).toEqual([404, 'ROUTE_NOT_FOUND']);
      expect(body.error).toContain('GET /tars/agent/docs');
    },
  );

  it('is where the page links to', async () => {
    const { body } = await app.post('/tars/agent/sessions/create', { name: 'based' });
    const page = await (await fetch(app.url)).text();
    expect(page).toContain('<a href="./tars/agent/docs">');
    expect(page).toContain(`<a href="./tars/agent/sessions/events?sessionId=${body.sessionId}">based</a>`);
  });
});
