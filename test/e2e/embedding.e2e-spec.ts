import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Inject, Injectable, Module, Param } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Request, Response } from 'express';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type Agent,
  AgentTARSServer,
  type AgentTarsConfig,
  type RunContext,
  CannotListen,
  defineTool,
  DomainError,
  EventBus,
  EventLog,
  type Extensions,
  QueryModule,
  QueryService,
  SessionsModule,
  SessionsService,
  ToolError,
} from '../../src/index.js';
import { type AnyEvent, Client, types } from '../support/client.js';
import { expectNoGap } from '../support/expect-events.js';
import { abortNow } from '../support/inside.js';
import { Gate } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

describe('an embedded server', () => {
  let directory: string;
  const servers: AgentTARSServer[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-embed-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  function create(config: AgentTarsConfig = {}, extensions: Extensions = {}): AgentTARSServer {
    const server = new AgentTARSServer(
      {
        dataDir: directory,
        workspace: directory,
        logLevel: 'silent',
        model: { provider: 'embedded' },
        ...config,
        server: { port: 0, shutdownGraceMs: 0, storage: { type: 'memory' }, ...config.server },
      },
      extensions,
    );
    servers.push(server);
    return server;
  }

  const sameFile = (name: string): AgentTarsConfig => ({
    server: { shared: true, storage: { type: 'sqlite', path: join(directory, name) } },
  });

  it('takes middleware before it starts, which then answers beside the API', async () => {
    const server = create();
    const app = server.getApp();
    const seen: string[] = [];
    app.use((req: Request, _res: Response, next: () => void) => {
      seen.push(req.path);
      next();
    });
    app.use('/custom-endpoint', (_req: Request, res: Response) => {
      res.json({ message: 'Hello from custom endpoint!' });
    });
    app.get('/api/mine', (_req: Request, res: Response) => void res.json({ mine: true }));
    app.use('/broken', () => {
      throw new Error('a secret of the middleware');
    });
    await server.start();
    expect(server.getApp()).toBe(app);
    const client = new Client(server.url);
    expect(await client.get('/custom-endpoint')).toMatchObject({
      status: 200,
      body: { message: 'Hello from custom endpoint!' },
    });
    expect((await client.get('/api/mine')).body).toEqual({ mine: true });
    const sessionId = await client.createSession();
    expect((await client.query(sessionId, '1 + 1')).body.result.content).toBe('1 + 1 = 2');
    expect(seen).toEqual(['/custom-endpoint', '/api/mine', '/api/sessions/create', '/api/sessions/query']);
    const broken = await client.get('/broken');
    expect(broken.status).toBe(500);
    expect(JSON.stringify(broken.body)).not.toContain('secret');
    expect((await client.get('/nowhere')).status).toBe(404);
  });

  it('takes routes after it has started too, before its own, until it stops and after it starts again', async () => {
    const server = create();
    const app = server.getApp();
    app.get('/early', (_req: Request, res: Response) => void res.json({ at: 'early' }));
    await server.start();
    app.use('/api/late', (_req: Request, res: Response) => void res.json({ at: 'late' }));
    app.route('/api/health').post((_req: Request, res: Response) => void res.json({ at: 'own path' }));
    app.get('/late', (_req: Request, _res: Response, next: () => void) => next());
    app.get('/late', () => {
      throw new Error('a secret of the route');
    });
    const check = async () => {
      const client = new Client(server.url);
      expect((await client.get('/early')).body).toEqual({ at: 'early' });
      expect((await client.get('/api/late')).body).toEqual({ at: 'late' });
      expect((await client.post('/api/health', {})).body).toEqual({ at: 'own path' });
      expect(await client.get('/late')).toMatchObject({ status: 500, body: { code: 'INTERNAL' } });
      expect((await client.get('/nowhere')).body).toMatchObject({ code: 'ROUTE_NOT_FOUND' });
      expect((await client.query(await client.createSession(), '1 + 1')).status).toBe(200);
    };
    await check();
    await server.stop();
    await server.start();
    await check();
  });

  it("leaves to an embedder's page what it loads, and keeps the policy of its own answers", async () => {
    const server = create();
    const app = server.getApp();
    app.get('/page', (_req: Request, res: Response) => void res.send('<script src="/page.js"></script>'));
    app.get('/broken', () => {
      throw new Error('broken');
    });
    app.use('/strict', (_req: Request, res: Response, next: () => void) => {
      res.setHeader('content-security-policy', 'script-src example.com');
      next();
    });
    await server.start();
    app.get('/late', (_req: Request, res: Response) => void res.send('<img src="/late.png">'));
    const headers = async (path: string, init?: RequestInit) =>
      (await fetch(server.url + path, init)).headers;
    const policy = async (path: string, init?: RequestInit) =>
      (await headers(path, init)).get('content-security-policy');
    for (const path of ['/page', '/late']) {
      expect(await policy(path)).toBeNull();
      expect((await headers(path)).get('x-frame-options')).toBe('DENY');
    }
    expect(await policy('/strict')).toBe('script-src example.com');
    for (const path of ['/api/health', '/nowhere', '/broken', '/socket.io/?EIO=4&transport=polling']) {
      expect(await policy(path)).toMatch(/^default-src 'none'/);
    }
    expect(await policy('/page', { headers: { origin: 'http://evil.example' } })).toMatch(
      /^default-src 'none'/,
    );
  });

  it('refuses a second start', async () => {
    const server = create();
    await server.start();
    await expect(server.start()).rejects.toThrow('The server has been started already.');
    expect((await new Client(server.url).get('/api/health')).status).toBe(200);
  });

  it('refuses a second start while the first is under way', async () => {
    const server = create();
    const first = server.start();
    const second = server.start();
    await expect(second).rejects.toThrow('The server has been started already.');
    await first;
    expect((await new Client(server.url).get('/api/health')).status).toBe(200);
  });

  it('has no address before it starts and after it stops', async () => {
    const server = create();
    expect(() => server.url).toThrow('The server has not been started.');
    await server.start();
    const { url, port } = server;
    expect(url).toBe(`http://127.0.0.1:${port}`);
    await server.stop();
    expect(() => server.port).toThrow('The server has not been started.');
    await expect(fetch(url)).rejects.toThrow();
  });

  it('can be stopped twice, at once too, and before it has started', async () => {
    const server = create();
    await server.stop();
    await server.start();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
  });

  it('starts and stops again after a stop that failed', async () => {
    /** Makes the next stop fail. */
    @Injectable()
    class Failing {
      constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

      onModuleDestroy(): void {
        if (!fails) return;
        const { httpAdapter } = this.host;
        const close = httpAdapter.close.bind(httpAdapter);
        httpAdapter.close = () => {
          httpAdapter.close = close;
          return Promise.reject(new Error('I will not.'));
        };
      }
    }
    @Module({ providers: [Failing] })
    class FailingModule {}
    let fails = true;
    const server = create({}, { imports: [FailingModule] });
    await server.start();
    const { url } = server;
    const both = await Promise.allSettled([server.stop(), server.stop()]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(fetch(url)).rejects.toThrow();
    fails = false;
    await server.stop();
    await server.start();
    expect((await new Client(server.url).get('/api/health')).status).toBe(200);
    await server.stop();
  });

  it('that is stopped while it starts does not stay', async () => {
    const server = create();
    const started = server.start().catch(() => undefined);
    await server.stop();
    await started;
    expect(() => server.url).toThrow('The server has not been started.');
  });

  it('can be started again after it was stopped, with what it had stored', async () => {
    const server = create(sameFile('again.db'));
    server.getApp().get('/mine', (_req: Request, res: Response) => void res.json({ mine: true }));
    await server.start();
    const sessionId = await new Client(server.url).createSession();
    await server.stop();
    await server.start();
    const client = new Client(server.url);
    expect((await client.get('/mine')).body).toEqual({ mine: true });
    const { status, body } = await client.query(sessionId, '1 + 1');
    expect({ status, content: body.result?.content }).toEqual({ status: 200, content: '1 + 1 = 2' });
  });

  it('whose port is taken says so, and can be started when it is free', async () => {
    const first = create();
    await first.start();
    const second = create({ server: { port: first.port } });
    const failed = second.start();
    await expect(failed).rejects.toThrow(CannotListen);
    await expect(failed).rejects.toThrow(`Port ${first.port} is taken on 127.0.0.1.`);
    await first.stop();
    await second.start();
    const client = new Client(second.url);
    expect((await client.query(await client.createSession(), '1 + 1')).status).toBe(200);
  });

  it('ends the streams that are open when it stops', async () => {
    const server = create();
    await server.start();
    const client = new Client(server.url);
    const stream = await client.follow(await client.createSession());
    await stream.until('replay_end');
    await server.stop();
    expect(types(await stream.ended)).toEqual(['replay_end']);
  });

  it('lives beside others in one process, each with its own sessions', async () => {
    const all = Array.from({ length: 3 }, () => create());
    await Promise.all(all.map((server) => server.start()));
    const clients = all.map(({ url }) => new Client(url));
    const ids = await Promise.all(clients.map((client) => client.createSession()));
    for (const [i, client] of clients.entries()) {
      const { body } = await client.get('/api/sessions');
      expect((body.sessions as { id: string }[]).map(({ id }) => id)).toEqual([ids[i]]);
    }
    await all[0]?.stop();
    const second = clients[1] as Client;
    expect((await second.query(ids[1] as string, '1 + 1')).status).toBe(200);
  });

  it('can share its SQLite file with another in the process, from a first start of both at once', async () => {
    const [first, second] = [create(sameFile('shared.db')), create(sameFile('shared.db'))];
    await Promise.all([first.start(), second.start()]);
    const [one, two] = [new Client(first.url), new Client(second.url)];
    const sessions = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? one : two).createSession()),
    );
    const answers = await Promise.all(sessions.map((id, i) => (i % 2 ? two : one).query(id, '1 + 1')));
    expect(answers.map(({ status }) => status)).toEqual(sessions.map(() => 200));
    for (const id of sessions) {
      expectNoGap((await one.events(id)) as never);
      expect(await one.events(id)).toEqual(await two.events(id));
    }
  });
});

describe('two servers of one process on one SQLite file', () => {
  it("leave each other's runs alone, whoever starts or stops", async () => {
    const first = await TestServer.start({ config: { server: { shared: true } } });
    const gate = new Gate();
    first.model.next(async (reply) => {
      reply.text('Half');
      await gate.opened;
      reply.text(' and half').end();
    });
    const sessionId = await first.createSession();
    const reader = await first.stream(sessionId);
    await reader.until('assistant_streaming_message');
    const second = new AgentTARSServer({
      dataDir: join(first.directory, 'data'),
      workspace: first.workspace,
      logLevel: 'silent',
      model: first.model.config,
      server: { port: 0, shared: true },
    });
    await second.start();
    const other = new Client(second.url);
    expect(await other.status(sessionId)).toMatchObject({ isProcessing: true });
    expect(await other.query(sessionId)).toMatchObject({ status: 409, body: { code: 'SESSION_BUSY' } });
    await second.stop();
    gate.open();
    const events = await reader.ended;
    expect(events.at(-2)).toMatchObject({ content: 'Half and half', finishReason: 'stop' });
    expect(events.at(-1)).toMatchObject({ status: 'completed' });
    await first.stop();
  });
});

describe('an extension module', () => {
  @Injectable()
  class Reporter {
    constructor(
      private readonly sessions: SessionsService,
      private readonly queries: QueryService,
      private readonly log: EventLog,
      readonly bus: EventBus,
    ) {}

    async report(query: string): Promise<object> {
      const { id } = await this.sessions.create({ name: 'made by an extension' });
      const heard: string[] = [];
      const subscription = this.bus.of(id).subscribe(({ event }) => heard.push(event.type));
      const { result } = await this.queries.ask({ sessionId: id, query });
      subscription.unsubscribe();
      return { id, answer: result.content, stored: types(await this.log.read(id)), heard };
    }
  }

  @Controller('reports')
  class ReportsController {
    constructor(private readonly reporter: Reporter) {}

    @Get('forbidden')
    forbidden(): never {
      throw new DomainError('FORBIDDEN', 'Not this one.');
    }

    @Get(':query')
    report(@Param('query') query: string): Promise<object> {
      return this.reporter.report(query);
    }
  }

  @Module({
    imports: [SessionsModule, QueryModule],
    controllers: [ReportsController],
    providers: [Reporter],
  })
  class ReportsModule {}

  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ extensions: { imports: [ReportsModule] } });
  });
  afterAll(() => app.stop());

  it('injects the services of the server and adds routes of its own', async () => {
    const { status, body } = await app.get('/api/reports/hello');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      answer: 'Hello there!',
      stored: ['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end'],
      heard: expect.arrayContaining(['assistant_streaming_message', 'agent_run_end']),
    });
    const { body: details } = await app.get(`/api/sessions/details?sessionId=${String(body.id)}`);
    expect(details.session.name).toBe('made by an extension');
  });

  it("has its errors answered as the server's own", async () => {
    expect(await app.get('/api/reports/forbidden')).toMatchObject({
      status: 403,
      body: { error: 'Not this one.', code: 'FORBIDDEN' },
    });
  });

  it('shares the services with the server: what it asks is seen by who listens', async () => {
    const sessionId = await app.createSession();
    expect((await app.get(`/api/v1/reports/hello`)).status).toBe(200);
    expect((await app.query(sessionId)).status).toBe(200);
  });
});

describe("an agent of one's own", () => {
  /** Does what the user's message says. */
  @Injectable()
  class ObedientAgent implements Agent {
    static readonly deaf = new Gate();
    static asked = new Gate();

    async run({ log, usage, signal, runId }: RunContext): Promise<void> {
      const messages = (await log.history(['user_message'])).flatMap((event) =>
        event.type === 'user_message' ? [event.content as string] : [],
      );
      usage.iterations = 1;
      switch (messages.at(-1)) {
        case 'say nothing':
          return;
        case 'be aborted once it is stored':
          log.openMessage().addText('All of it.');
          await log.closeMessage({ finishReason: 'stop' });
          abortNow(app, runId);
          return;
        case 'be aborted before it is stored':
          log.openMessage().addText('All of it.');
          log.deferFinalMessage({ finishReason: 'stop' });
          abortNow(app, runId);
          return;
        case 'forget to close': {
          log.openMessage().addText('never closed');
          return;
        }
        case 'end with what is no JSON':
          log.openMessage().addText('lost');
          log.deferFinalMessage({ finishReason: 1n as never });
          return;
        case 'fail as a domain':
          throw new DomainError('MODEL_ERROR', 'My oracle is silent.');
        case 'fail as code':
          throw new Error('a secret of the code');
        case 'wait for the end':
          log.openMessage().addText('I wait');
          ObedientAgent.asked.open();
          await new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(new Error('aborted'))),
          );
          return;
        case 'be deaf':
          log.openMessage().addText('I hear nothing');
          ObedientAgent.asked.open();
          await ObedientAgent.deaf.opened;
          log.openMessage().addText('too late');
          await log.closeMessage({ finishReason: 'stop' });
          return;
        default: {
          const message = log.openMessage();
          message.addThinking('Let me count.');
          for (const [i, text] of messages.entries()) message.addText(`${i + 1}: ${text}\n`);
          await log.closeMessage({ finishReason: 'stop' });
        }
      }
    }
  }

  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ extensions: { agent: ObedientAgent } });
  });
  afterAll(() => app.stop());

  it('answers in place of the tool loop, on every stream, without the model', async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId, 'one');
    const events = await (await app.stream(sessionId, 'two')).ended;
    expect(types(events.filter(({ seq }) => seq !== undefined))).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_thinking_message',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(events.find(({ type }) => type === 'assistant_message')?.['content']).toBe('1: one\n2: two\n');
    expect(events.at(-1)).toMatchObject({ status: 'completed', iterations: 1 });
    expect(app.model.requests).toHaveLength(0);
  });

  it.each(['be aborted once it is stored', 'be aborted before it is stored'])(
    'whose answer is whole has no empty one behind it: %s',
    async (query) => {
      const sessionId = await app.createSession();
      const { body } = await app.query(sessionId, query);
      expect(body.result).toMatchObject({ content: 'All of it.', finishReason: 'stop' });
      const messages = (await app.events(sessionId)).filter(({ type }) => type === 'assistant_message');
      expect(messages).toMatchObject([{ content: 'All of it.', finishReason: 'stop' }]);
      expect((await app.events(sessionId)).at(-1)).toMatchObject({ status: 'aborted' });
    },
  );

  it('that says nothing has completed all the same', async () => {
    const sessionId = await app.createSession();
    const { status, body } = await app.query(sessionId, 'say nothing');
    expect((await app.events(sessionId)).at(-1)).toMatchObject({
      type: 'agent_run_end',
      status: 'completed',
    });
    expect(body.code).not.toBe('DRAINING');
    expect(status).not.toBe(503);
  });

  it('that forgets to close its message has it stored as it is', async () => {
    const sessionId = await app.createSession();
    const { status, body } = await app.query(sessionId, 'forget to close');
    expect(status).toBe(200);
    expect(body.result).toMatchObject({ content: 'never closed' });
    expect(body.result.finishReason).not.toBe('error');
  });

  it('whose last message cannot be stored leaves no session busy', async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId, 'end with what is no JSON');
    const stored = types(await app.events(sessionId));
    expect(stored).toEqual(['user_message', 'agent_run_start', 'agent_run_end']);
    expect((await app.query(sessionId, 'go on')).status).toBe(200);
  });

  it('that throws a DomainError fails its run with it', async () => {
    const sessionId = await app.createSession();
    expect(await app.query(sessionId, 'fail as a domain')).toMatchObject({
      status: 502,
      body: { code: 'MODEL_ERROR', error: 'My oracle is silent.' },
    });
    expect((await app.events(sessionId)).at(-1)).toMatchObject({ status: 'error' });
    expect((await app.query(sessionId, 'go on')).status).toBe(200);
  });

  it('that throws anything else fails its run without its words', async () => {
    const sessionId = await app.createSession();
    const { status, body } = await app.query(sessionId, 'fail as code');
    expect(status).toBe(500);
    expect(body.code).toBe('INTERNAL');
    expect(JSON.stringify([body, await app.events(sessionId)])).not.toContain('secret');
  });

  it('is aborted through its signal', async () => {
    const sessionId = await app.createSession();
    ObedientAgent.asked = new Gate();
    const waiting = app.query(sessionId, 'wait for the end');
    await ObedientAgent.asked.opened;
    expect((await app.post('/api/sessions/abort', { sessionId })).body).toEqual({ success: true });
    expect((await waiting).body.result).toMatchObject({ content: 'I wait', finishReason: 'abort' });
  });

  it('that ignores its signal is aborted too, and writes nothing afterwards', async () => {
    const sessionId = await app.createSession();
    ObedientAgent.asked = new Gate();
    const waiting = app.query(sessionId, 'be deaf');
    await ObedientAgent.asked.opened;
    const { body } = await app.post('/api/sessions/abort', { sessionId }); // the agent is still at work
    expect(body).toEqual({ success: true });
    const before = await app.events(sessionId);
    ObedientAgent.deaf.open();
    await waiting;
    await app.query(sessionId, 'go on');
    const events = await app.events(sessionId);
    expect(events.slice(0, before.length)).toEqual(before);
    expect(JSON.stringify(events)).not.toContain('too late');
  });
});

describe("tools of one's own", () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const results: Record<string, () => unknown> = {
    text: () => 'plain text',
    parts: () => [{ type: 'text', name: 'STDOUT', text: 'part' }],
    json: () => ({ found: [1, 2] }),
    number: () => 42,
    nothing: () => undefined,
    null: () => null,
    circle: () => circle,
    bigint: () => 10n,
    error: () => {
      throw new ToolError('Try another way.');
    },
    text_thrown: () => {
      throw 'just a text'; // eslint-disable-line @typescript-eslint/only-throw-error -- some code does
    },
    endless: () => new Promise(() => undefined),
  };
  const seen: unknown[] = [];

  const tools = [
    defineTool({
      name: 'add',
      description: 'Adds two numbers.',
      parameters: z.object({ a: z.number(), b: z.number().default(1) }),
      execute: async ({ a, b }, context) => {
        seen.push(context);
        return `${a + b}`;
      },
    }),
    {
      name: 'give',
      description: 'Gives a result of a kind.',
      parameters: {
        type: 'object',
        properties: { kind: { type: 'string', enum: Object.keys(results) } },
        required: ['kind'],
        additionalProperties: false,
      },
      execute: async ({ kind }: { kind: string }) => results[kind]?.(),
    },
    defineTool({
      name: 'read_file',
      description: 'In the place of the built-in one.',
      parameters: z.object({ path: z.string() }),
      execute: async ({ path }) => `my own ${path}`,
    }),
  ];

  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ config: { tools: tools, agent: { toolTimeoutMs: 300 } } });
  });
  afterAll(() => app.stop());

  async function call(name: string, args: object): Promise<{ result: AnyEvent; told: string }> {
    const sessionId = await app.createSession();
    app.model.answer = (reply, { body: { messages } }) => {
      if (messages.at(-1)?.role === 'tool') reply.text('Done.').end();
      else reply.toolCall(name, args).end();
    };
    const { status, body } = await app.query(sessionId);
    expect({ status, content: body.result?.content }).toEqual({ status: 200, content: 'Done.' });
    const events = (await app.events(sessionId)) as unknown as AnyEvent[];
    expect(types(events)).toEqual([
      ...['user_message', 'agent_run_start', 'assistant_message', 'tool_call', 'tool_result'],
      ...['assistant_message', 'agent_run_end'],
    ]);
    return {
      result: events[4] as AnyEvent,
      told: app.model.lastRequest.body.messages.at(-1)?.content as string,
    };
  }

  it('are offered to the model beside the built-in ones, with their schemas', async () => {
    app.model.next((reply) => reply.text('Thanks.').end());
    await app.query(await app.createSession());
    const offered = app.model.lastRequest.body.tools as unknown as {
      function: { name: string; description: string; parameters: Record<string, unknown> };
    }[];
    const names = offered.map((tool) => tool.function.name);
    expect(names).toEqual(
      expect.arrayContaining(['list_directory', 'write_file', 'add', 'give', 'read_file']),
    );
    expect(new Set(names).size).toBe(names.length);
    const add = offered.find((tool) => tool.function.name === 'add')?.function;
    expect(add).toMatchObject({
      description: 'Adds two numbers.',
      parameters: {
        type: 'object',
        properties: { a: { type: 'number' }, b: { type: 'number', default: 1 } },
        required: ['a'],
      },
    });
    const give = offered.find((tool) => tool.function.name === 'give')?.function;
    expect(give?.parameters).toMatchObject({ type: 'object', required: ['kind'] });
  });

  it('are given checked arguments, with defaults, and their surroundings', async () => {
    const { result, told } = await call('add', { a: 2 });
    expect(result).toMatchObject({ name: 'add', content: '3' });
    expect(result['error']).toBeUndefined();
    expect(told).toBe('3');
    expect(seen.at(-1)).toMatchObject({ workspace: app.workspace, signal: expect.any(AbortSignal) });
  });

  it.each([
    ['add', { a: 'two' }, /arguments of add are wrong/],
    ['give', {}, /arguments of give are wrong/],
    ['give', { kind: 'gold' }, /arguments of give are wrong/],
    ['give', { kind: 'text', more: true }, /arguments of give are wrong/],
  ])('are not called with wrong arguments: %s %j', async (name, args, error) => {
    const { result, told } = await call(name, args);
    expect(result['error']).toMatch(error);
    expect(told).toMatch(error);
  });

  it('can take the place of a built-in one', async () => {
    expect((await call('read_file', { path: 'note.txt' })).result['content']).toBe('my own note.txt');
  });

  it.each([
    ['text', 'plain text', 'plain text'],
    ['parts', [{ type: 'text', name: 'STDOUT', text: 'part' }], 'STDOUT:\npart'],
    ['json', { found: [1, 2] }, '{"found":[1,2]}'],
    ['number', 42, '42'],
    ['null', null, 'null'],
  ])('may give %s', async (kind, content, read) => {
    const { result, told } = await call('give', { kind });
    expect(result['content']).toEqual(content);
    expect(told).toBe(read);
  });

  it('may give nothing: the event has a content all the same', async () => {
    const { result } = await call('give', { kind: 'nothing' });
    expect(result).toHaveProperty('content');
    expect(result['error']).toBeUndefined();
  });

  it.each(['circle', 'bigint'])(
    'that give what is no JSON (%s) have failed, and the loop goes on',
    async (kind) => {
      const { result, told } = await call('give', { kind });
      expect(result['error']).toEqual(expect.any(String));
      expect(told).toBe(result['error']);
    },
  );

  it.each([
    ['error', 'Try another way.'],
    ['text_thrown', 'just a text'],
    ['endless', 'The tool did not answer within 300 ms.'],
  ])('that fail (%s) tell the model why', async (kind, error) => {
    const { result, told } = await call('give', { kind });
    expect(result['error']).toBe(error);
    expect(told).toBe(error);
  });

  it.each([
    ['a tool without a name', { description: 'x', parameters: {}, execute: () => 1 }],
    ['a tool without execute', { name: 'x', description: 'x', parameters: {} }],
    [
      'a tool whose name no model takes',
      { name: 'two words', description: 'x', parameters: {}, execute: () => 1 },
    ],
    ['a text', 'read_file'],
    ['null', null],
  ])('are refused at the start when they make no sense: %s', async (_what, tool) => {
    const start = async () => {
      const server = new AgentTARSServer({
        tools: [tool] as never,
        logLevel: 'silent',
        server: { port: 0, storage: { type: 'memory' } },
        model: { provider: 'embedded' },
      });
      await server.start();
      await server.stop();
    };
    await expect(start()).rejects.toThrow(/tools/);
  });
});
