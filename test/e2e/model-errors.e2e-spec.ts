import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type AnyEvent, type EventReader, types } from '../support/client.js';
import { expectDeltasJoin, expectValidConversation } from '../support/expect-events.js';
import { Gate, lastUserText, type ModelRequest, type Reply, type Script } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

const KEY = 'sk-test-sentinel';

type FailingScript = (reply: Reply, request: ModelRequest, client: EventReader) => void | Promise<void>;

describe('a model that fails', () => {
  let app: TestServer;
  /** What the model does, by what it is asked. */
  const scripts = new Map<string, Script>();
  const requestsFor = (query: string) =>
    app.model.requests.filter((request) => lastUserText(request) === query);

  beforeAll(async () => {
    app = await TestServer.start();
    const original = app.model.answer;
    app.model.answer = (reply, request) => (scripts.get(lastUserText(request)) ?? original)(reply, request);
  });
  afterAll(() => app.stop());

  /** Asks while the model does this, and holds what came of it against what is promised for every failure. */
  async function failing(what: string, script: FailingScript) {
    const sessionId = await app.createSession();
    await app.query(sessionId, 'my number is 8842');
    const follower = await app.follow(sessionId, 4);
    await follower.until('replay_end');
    const [failure, goOn] = [`fail with ${what}`, `go on after ${what}`];
    scripts.set(failure, (reply, request) => script(reply, request, follower));

    const answer = await app.query(sessionId, failure);
    await follower.until('agent_run_end');
    follower.leave();
    const events = follower.events.slice(1);
    const state = await app.status(sessionId);
    const run = await app.get(`/api/runs/${String(events[0]?.['runId'])}`);

    const { status, body } = answer as { status: number; body: Record<string, any> }; // eslint-disable-line @typescript-eslint/no-explicit-any -- tests read what they expect of an answer
    expect(status).toBe(502);
    expect(body).toEqual({
      error: expect.stringMatching(/^\S.*\S$/s),
      code: expect.stringMatching(/^MODEL_/),
      details: expect.objectContaining({ runId: events[0]?.['runId'] }),
    });
    expect(types(events).slice(0, 2)).toEqual(['user_message', 'agent_run_start']);
    expect(events.at(-2)).toMatchObject({
      type: 'system',
      level: 'error',
      message: body['error'],
      details: { code: body['code'] },
    });
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'error' });
    expect(state).toEqual({ isProcessing: false, state: 'error' });
    expect(run.body.run).toMatchObject({
      status: 'failed',
      error: { code: body['code'], message: body['error'] },
    });

    const next = await app.query(sessionId, goOn);
    expect(next.status).toBe(200);
    const [told] = requestsFor(goOn);
    expectValidConversation(told as ModelRequest);
    expect(JSON.stringify(told?.body.messages)).toContain('8842');
    expect(JSON.stringify(told?.body.messages)).toContain(failure);
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });

    const all = JSON.stringify([body, events, state, run.body, next.body, await app.events(sessionId)]);
    expect(all).not.toContain(KEY);
    expect(all).not.toMatch(/node_modules|\bat \S+ \(/);
    return {
      code: body['code'] as string,
      error: body['error'] as string,
      requests: requestsFor(failure).length,
      events,
      told: told as ModelRequest,
    };
  }

  const echo = ({ headers }: ModelRequest) => `I was sent ${String(headers.authorization)} by you`;

  const failures: [string, string, number, RegExp, FailingScript][] = [
    [
      '401',
      'MODEL_AUTH',
      1,
      /refused the key \(401\).*model\.apiKey/,
      (reply, request) => reply.fail(401, echo(request)),
    ],
    ['403', 'MODEL_AUTH', 1, /refused the key \(403\)/, (reply, request) => reply.fail(403, echo(request))],
    ['400', 'MODEL_ERROR', 1, /answered 400/, (reply, request) => reply.fail(400, echo(request))],
    ['404', 'MODEL_ERROR', 1, /answered 404: no such model/, (reply) => reply.fail(404, 'no such model')],
    ['413', 'MODEL_ERROR', 1, /answered 413/, (reply) => reply.fail(413)],
    [
      '429 and Retry-After: 3600',
      'MODEL_RATE_LIMITED',
      1,
      /3600 s/,
      (reply) => reply.fail(429, 'slow down', { 'retry-after': '3600' }),
    ],
    [
      '429 and Retry-After: 0 always',
      'MODEL_RATE_LIMITED',
      3,
      /429/,
      (reply) => reply.fail(429, 'slow down', { 'retry-after': '0' }),
    ],
    ['429', 'MODEL_RATE_LIMITED', 3, /limits the rate/, (reply, request) => reply.fail(429, echo(request))],
    ['500', 'MODEL_ERROR', 3, /answered 500/, (reply, request) => reply.fail(500, echo(request))],
    [
      '503 and Retry-After: 0',
      'MODEL_ERROR',
      3,
      /answered 503/,
      (reply) => reply.fail(503, 'busy', { 'retry-after': '0' }),
    ],
    [
      '500 and no JSON',
      'MODEL_ERROR',
      3,
      /answered 500/,
      (reply, request) => reply.raw(500, 'text/plain', echo(request)),
    ],
    [
      'HTML and 200',
      'MODEL_ERROR',
      1,
      /instead of a stream/,
      (reply, request) => reply.raw(200, 'text/html', `<h1>${echo(request)}</h1>`),
    ],
    [
      'an error as JSON and 200',
      'MODEL_ERROR',
      3,
      /answered 502: I was sent/,
      (reply, request) =>
        reply.raw(200, 'application/json', JSON.stringify({ error: { message: echo(request), code: 502 } })),
    ],
    [
      '429 and no money left',
      'MODEL_ERROR',
      1,
      /no money left \(429\): I was sent/,
      (reply, request) =>
        reply.raw(
          429,
          'application/json',
          JSON.stringify({ error: { message: echo(request), type: 'insufficient_quota' } }),
        ),
    ],
    [
      'no money left in the stream',
      'MODEL_ERROR',
      1,
      /no money left: I was sent/,
      (reply, request) =>
        void reply
          .garbage(
            `data: ${JSON.stringify({ error: { message: echo(request), code: 'insufficient_quota' } })}\n\n`,
          )
          .end(),
    ],
    [
      'a list of errors',
      'MODEL_ERROR',
      1,
      /answered 400: I was sent/,
      (reply, request) =>
        reply.raw(400, 'application/json', JSON.stringify([{ error: { message: echo(request) } }])),
    ],
    [
      'JSON and 200',
      'MODEL_ERROR',
      1,
      /instead of a stream/,
      (reply) => reply.raw(200, 'application/json', '{"ok":true}'),
    ],
    ['an empty body', 'MODEL_ERROR', 3, /./, (reply) => reply.raw(200, 'text/event-stream', '')],
    [
      'an empty stream',
      'MODEL_ERROR',
      3,
      /./,
      (reply) => reply.raw(200, 'text/event-stream', 'data: [DONE]\n\n'),
    ],
    [
      'a chunk that is no JSON',
      'MODEL_ERROR',
      3,
      /cannot be understood/,
      (reply, request) => void reply.garbage(`data: {"x": ${echo(request)}\n\n`).end(),
    ],
    [
      'a chunk of another shape',
      'MODEL_ERROR',
      3,
      /cannot be understood/,
      (reply, request) => void reply.garbage(`data: {"choices": "${echo(request)}"}\n\n`).end(),
    ],
    [
      'an error in the stream',
      'MODEL_ERROR',
      3,
      /reported an error \(500\): I was sent/,
      (reply, request) =>
        void reply
          .garbage(`data: ${JSON.stringify({ error: { message: echo(request), code: 500 } })}\n\n`)
          .end(),
    ],
    ['a broken connection', 'MODEL_ERROR', 3, /./, (reply) => reply.cut()],
    [
      'a connection that breaks after the headers',
      'MODEL_ERROR',
      3,
      /./,
      (reply) => reply.garbage(': hello\n\n').cut(),
    ],
  ];
  /** They all wait before they ask again: so they do it together, begun by the first test that asks. */
  let outcomes: Map<string, Promise<Awaited<ReturnType<typeof failing>>>> | undefined;

  it.each(failures)('with %s gives %s after %i request(s)', async (what, code, requests, error) => {
    outcomes ??= new Map(failures.map(([name, , , , script]) => [name, failing(name, script)]));
    for (const outcome of outcomes.values()) outcome.catch(() => undefined); // told by its own test
    const failed = await outcomes.get(what);
    expect(failed).toMatchObject({ code, requests, error: expect.stringMatching(error) });
    expect(types(failed?.events ?? [])).toEqual([
      'user_message',
      'agent_run_start',
      'system',
      'agent_run_end',
    ]);
  });

  it('keeps the text that had come, marked, and does not ask again', async () => {
    const { code, requests, events, told } = await failing('a cut', async (reply, _request, client) => {
      reply.text('Half', ' an', ' answer');
      await client.until(({ content }) => content === ' answer');
      reply.cut();
    });
    expect({ code, requests }).toEqual({ code: 'MODEL_ERROR', requests: 1 });
    const message = events.find(({ type }) => type === 'assistant_message');
    expect(message).toMatchObject({ content: 'Half an answer', finishReason: 'error' });
    expect(told.body.messages.map(({ content }) => content)).toContain('Half an answer');
    expectDeltasJoin(events);
  });

  it('keeps the text that had come before a chunk that is no JSON', async () => {
    const { requests, events } = await failing(
      'half and half',
      (reply) => void reply.text('Half').garbage('data: {"choices":[{\n\n').end(),
    );
    expect(requests).toBe(1);
    expect(events.at(-3)).toMatchObject({
      type: 'assistant_message',
      content: 'Half',
      finishReason: 'error',
    });
  });

  it('keeps the thoughts that had come', async () => {
    const { events } = await failing('a cut thought', async (reply, _request, client) => {
      reply.thinking('I think', ' so');
      await client.until(({ content }) => content === ' so');
      reply.cut();
    });
    const thought = events.find(({ type }) => type === 'assistant_thinking_message');
    expect(thought).toMatchObject({ content: 'I think so' });
  });

  it('in the middle of a tool call runs no tool', async () => {
    const { requests, events } = await failing('a cut tool call', async (reply, _request, client) => {
      const fn = { name: 'read_file', arguments: '{"path":' };
      const delta = { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: fn }] };
      reply.garbage(`data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`);
      await client.until('assistant_streaming_tool_call');
      reply.cut();
    });
    expect(requests).toBe(1);
    expect(types(events)).not.toContain('tool_call');
  });

  it('in a later step leaves the tools that ran with their results', async () => {
    let step = 0;
    const { events } = await failing('a later step', (reply) =>
      ++step === 1
        ? reply.text('I look.').toolCall('read_file', { path: 'note.txt' }).end()
        : reply.fail(400),
    );
    const stored = events.filter(({ seq }) => seq !== undefined);
    expect(types(stored)).toEqual([
      ...['user_message', 'agent_run_start', 'assistant_message', 'tool_call', 'tool_result'],
      ...['system', 'agent_run_end'],
    ]);
    expect(events.at(-1)).toMatchObject({ iterations: 2, usage: { inputTokens: 7, outputTokens: 3 } });
  });

  it.each<[string, Script]>([
    ['a 500', (reply) => reply.fail(500)],
    ['a 429 with Retry-After: 0', (reply) => reply.fail(429, 'slow down', { 'retry-after': '0' })],
    [
      'a 503 with Retry-After as a date',
      (reply) => reply.fail(503, 'busy', { 'retry-after': new Date(0).toUTCString() }),
    ],
    ['a broken connection', (reply) => reply.cut()],
    ['an empty stream', (reply) => reply.raw(200, 'text/event-stream', '')],
  ])('is asked again after %s, and its one answer stands', async (_what, fail) => {
    const sessionId = await app.createSession();
    const first = app.model.requests.length;
    app.model.next(fail);
    const events = await (await app.stream(sessionId)).ended;
    expect(app.model.requests.slice(first)).toHaveLength(2);
    expect(types(events.filter(({ seq }) => seq !== undefined))).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(events.at(-1)).toMatchObject({ status: 'completed', iterations: 1 });
    expectDeltasJoin(events);
  });

  it('can be aborted while it waits to ask again', async () => {
    const sessionId = await app.createSession();
    const answered = new Gate();
    scripts.set('be limited', (reply) => {
      reply.fail(429, 'slow down', { 'retry-after': '15' });
      answered.open();
    });
    const waiting = app.query(sessionId, 'be limited');
    await answered.opened;
    expect((await app.post('/api/sessions/abort', { sessionId })).body).toEqual({ success: true });
    expect(requestsFor('be limited')).toHaveLength(1);
    expect((await waiting).body.result).toMatchObject({ finishReason: 'abort' });
  });

  it('with an empty answer has answered: it is asked once, and nothing of an earlier turn is given out', async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId, 'say something');
    scripts.set('say nothing', (reply) => reply.end('stop'));
    const { status, body } = await app.query(sessionId, 'say nothing');
    expect(requestsFor('say nothing')).toHaveLength(1);
    expect(status).toBe(200);
    expect(body.result).toMatchObject({ content: '', finishReason: 'stop' });
    expect((await app.events(sessionId)).at(-1)).toMatchObject({ status: 'completed', iterations: 1 });
    await app.query(sessionId, 'go on');
    expectValidConversation(app.model.lastRequest);
  });

  it('with an answer cut by its length says so', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.text('as far as').end('length'));
    const { body } = await app.query(sessionId);
    expect(body.result).toMatchObject({ content: 'as far as', finishReason: 'length' });
  });

  it("by using the same tool call id in every turn is given each turn's own result", async () => {
    const sessionId = await app.createSession();
    const call =
      (path: string): Script =>
      (reply) => {
        const fn = { name: 'read_file', arguments: JSON.stringify({ path }) };
        const delta = { tool_calls: [{ index: 0, id: 'call_0', type: 'function', function: fn }] };
        reply.garbage(`data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`).end('tool_calls');
      };
    app.model.next(call('note.txt'), (reply) => reply.text('one').end());
    await app.query(sessionId, 'read the note');
    app.model.next(call('missing.txt'), (reply) => reply.text('two').end());
    await app.query(sessionId, 'read another');
    await app.query(sessionId, 'what did you read?');
    const results = app.model.lastRequest.body.messages.filter(({ role }) => role === 'tool');
    expect(results).toHaveLength(2);
    expect(JSON.stringify(results[0])).toContain('sentinel-7391');
    expect(JSON.stringify(results[1])).toContain('missing.txt');
  });
});

describe('a model that falls silent', () => {
  let app: TestServer;
  let held: Gate;

  beforeAll(async () => {
    app = await TestServer.start();
    const slow = { ...app.model.config, firstTokenTimeoutMs: 500, idleTimeoutMs: 500 };
    const hasty = { ...app.model.config, id: 'hasty', firstTokenTimeoutMs: 60 };
    app = await app.restart({ model: slow, server: { models: [hasty] } });
  });
  afterEach(() => held.open());
  afterAll(() => app.stop());

  it.each<[string, RegExp, Script]>([
    ['before its headers', /did not begin to answer within 500 ms.*firstTokenTimeoutMs/, () => held.opened],
    [
      'before its first token',
      /did not begin to answer within 500 ms/,
      (reply) => (reply.garbage(': hello\n\n'), held.opened),
    ],
    [
      'between two tokens',
      /fell silent for 500 ms.*idleTimeoutMs/,
      (reply) => (reply.text('Half', ' an'), held.opened),
    ],
  ])('%s gives MODEL_TIMEOUT, once, and its connection is closed', async (when, error, script) => {
    held = new Gate();
    const sessionId = await app.createSession();
    const first = app.model.requests.length;
    app.model.next(script);
    const { status, body } = await app.query(sessionId);
    expect(status).toBe(502);
    expect(body).toMatchObject({ code: 'MODEL_TIMEOUT', error: expect.stringMatching(error) });
    expect(body.details.runId).toEqual(expect.any(String));
    await app.model.requests[first]?.closed;
    expect(app.model.requests.slice(first)).toHaveLength(1);
    const events = (await app.events(sessionId)) as unknown as AnyEvent[];
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'error' });
    const message = events.find(({ type }) => type === 'assistant_message');
    if (when === 'between two tokens')
      expect(message).toMatchObject({ content: 'Half an', finishReason: 'error' });
    else expect(message).toBeUndefined();
    expect((await app.query(sessionId, 'go on')).status).toBe(200);
    expectValidConversation(app.model.lastRequest);
  });

  it('is not kept alive for ever by the comments of its connection', async () => {
    held = new Gate();
    const sessionId = await app.createSession();
    const model = { provider: 'openai-compatible', id: 'hasty' };
    await app.post('/api/sessions/model', { sessionId, model });
    app.model.next((reply) => {
      const beat = setInterval(() => reply.garbage(': ping\n\n'), 20);
      void held.opened.then(() => clearInterval(beat));
    });
    const { body } = await app.query(sessionId);
    expect(body.code).toBe('MODEL_TIMEOUT');
  });

  it('may take longer than that in all, as long as something comes', async () => {
    held = new Gate();
    const sessionId = await app.createSession();
    app.model.next(async (reply) => {
      for (let i = 0; i < 8; i++) {
        reply.text(`${i}`);
        await new Promise((resolve) => setTimeout(resolve, 80)); // what is tested is the passing of time
      }
      reply.end();
    });
    const { status, body } = await app.query(sessionId);
    expect(status).toBe(200);
    expect(body.result.content).toBe('01234567');
  });
});
