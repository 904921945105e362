import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { resolveConfig } from '../../src/config/index.js';
import type { ModelInput } from '../../src/index.js';
import { joinedDeltas, types } from '../support/client.js';
import { expectDeltasJoin, expectNoGap } from '../support/expect-events.js';
import { Gate } from '../support/model-stub.js';
import {
  KEY,
  NOTE,
  ofType,
  type ProviderSetup,
  startAnthropic,
  startGoogle,
  startOllama,
  startOpenAI,
  startResponses,
  stored,
} from '../support/provider-setup.js';
import type { Play, ProviderReply, ProviderRequest } from '../support/provider-stub.js';

/** How each is set up, where it is asked and for a title, and which header holds the key. */
const PROVIDERS = {
  anthropic: {
    start: startAnthropic,
    path: '/v1/messages',
    titlePath: '/v1/messages',
    header: 'x-api-key',
    value: KEY,
  },
  google: {
    start: startGoogle,
    path: '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    titlePath: '/v1beta/models/gemini-2.5-flash:generateContent',
    header: 'x-goog-api-key',
    value: KEY,
  },
  openai: {
    start: startOpenAI,
    path: '/v1/chat/completions',
    titlePath: '/v1/chat/completions',
    header: 'authorization',
    value: `Bearer ${KEY}`,
  },
  ollama: {
    start: startOllama,
    path: '/v1/chat/completions',
    titlePath: '/v1/chat/completions',
    header: 'authorization',
    value: `Bearer ${KEY}`,
  },
  'openai (Responses API)': {
    start: startResponses,
    path: '/v1/responses',
    titlePath: undefined,
    header: 'authorization',
    value: `Bearer ${KEY}`,
  },
};
type ProviderName = keyof typeof PROVIDERS;

/** A setup whose scripts use only what every provider has. */
const start = async (name: ProviderName) => (await PROVIDERS[name].start()) as unknown as ProviderSetup;

describe.each(Object.keys(PROVIDERS) as ProviderName[])('the provider %s', (name) => {
  let setup: ProviderSetup;
  let app: ProviderSetup['app'];

  beforeAll(async () => {
    setup = await start(name);
    app = setup.app;
  });
  afterAll(() => setup.stop());

  it('streams each delta as it comes, and they join to the message', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    setup.provider.next(async (reply) => {
      reply.text('Grüß', ' dich');
      await gate.opened;
      reply.text(' 👋🏽!').end();
    });
    const reader = await app.stream(sessionId);
    await reader.until(({ content }) => content === ' dich');
    gate.open(); // what comes after it cannot have been waited for
    const events = await reader.ended;
    const deltas = ofType(events, 'assistant_streaming_message').map(({ content }) => content);
    expect(deltas).toEqual(['Grüß', ' dich', ' 👋🏽!', '']);
    expect([...joinedDeltas(events).values()]).toEqual(['Grüß dich 👋🏽!']);
    expect(types(stored(events))).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(stored(events)[2]).toMatchObject({ content: 'Grüß dich 👋🏽!', finishReason: 'stop' });
    expectDeltasJoin(events);
    expectNoGap(events);
  });

  it('shows its thinking, streamed and whole, before what it says', async () => {
    const { events } = await setup.ask([(reply) => reply.thinking('Let me', ' see…').text('Yes.').end()]);
    const thinking = ofType(events, 'assistant_streaming_thinking_message');
    expect(thinking.map(({ content }) => content)).toEqual(['Let me', ' see…', '']);
    expect(types(stored(events)).slice(2, 4)).toEqual(['assistant_thinking_message', 'assistant_message']);
    expect(stored(events)[2]).toMatchObject({
      content: 'Let me see…',
      thinkingDurationMs: expect.any(Number),
    });
    expect(stored(events)[3]).toMatchObject({ content: 'Yes.' });
    expectDeltasJoin(events);
  });

  it('counts what its answers took, step by step and over the session', async () => {
    const { sessionId, events } = await setup.ask([
      (reply) => reply.toolCall('call_1', 'list_directory', {}).end(),
      (reply) => reply.text('One file.').end(),
    ]);
    const usage = ofType(events, 'assistant_message').map((event) => event['usage']);
    expect(usage).toEqual([
      { inputTokens: 11, outputTokens: 5 },
      { inputTokens: 11, outputTokens: 5 },
    ]);
    expect(events.at(-1)).toMatchObject({ iterations: 2, usage: { inputTokens: 22, outputTokens: 10 } });
    const { body } = await app.get(`/api/sessions/details?sessionId=${sessionId}`);
    expect(body.session.usage).toEqual({ inputTokens: 22, outputTokens: 10 });
  });

  it('calls a tool, is told what came out, and goes on', async () => {
    const { events, requests } = await setup.ask([
      (reply) => reply.text('I look.').toolCall('call_1', 'read_file', { path: 'note.txt' }).end(),
      (reply) => reply.text('Done.').end(),
    ]);
    expect(types(stored(events))).toEqual([
      ...['user_message', 'agent_run_start', 'assistant_message', 'tool_call', 'tool_result'],
      ...['assistant_message', 'agent_run_end'],
    ]);
    const [message, call, result] = stored(events).slice(2);
    const toolCallId = call?.['toolCallId'];
    expect(message).toMatchObject({ content: 'I look.', finishReason: 'tool-calls' });
    expect(message?.['toolCalls']).toEqual([
      { id: toolCallId, type: 'function', function: { name: 'read_file', arguments: '{"path":"note.txt"}' } },
    ]);
    expect(call).toMatchObject({ name: 'read_file', arguments: { path: 'note.txt' } });
    expect(result).toMatchObject({ toolCallId, content: [{ type: 'text', text: NOTE }] });
    const args = ofType(events, 'assistant_streaming_tool_call').map((event) => event['arguments']);
    expect(args.join('')).toBe('{"path":"note.txt"}');
    expect(requests).toHaveLength(2);
    expect(JSON.stringify(requests[1]?.body)).toContain('sentinel-7391');
  });

  it('streams the arguments of a call that has none', async () => {
    const { events } = await setup.ask([
      (reply) => reply.toolCall('call_1', 'list_directory', {}).end(),
      (reply) => reply.text('Done.').end(),
    ]);
    const calls = ofType(events, 'assistant_streaming_tool_call');
    expect(calls.map((event) => event['arguments']).join('')).toBe('{}');
    expect(ofType(events, 'tool_call')).toMatchObject([{ arguments: {} }]);
  });

  it('is given the key in its own header, at its own path', async () => {
    const { header, path, value } = PROVIDERS[name];
    const { requests } = await setup.ask([(reply) => reply.text('ok').end()]);
    const { headers, body, path: asked } = requests[0] as ProviderRequest;
    expect(asked).toBe(path);
    expect(headers[header]).toBe(value);
    const elsewhere = Object.entries(headers).filter(([key]) => key !== header);
    expect(JSON.stringify([elsewhere, asked, body])).not.toContain(KEY);
  });

  it('never has its key shown, whatever it echoes', async () => {
    const asked = [
      await setup.ask([(reply) => reply.fail(401, `invalid key ${KEY}`)]),
      await setup.ask([(reply) => reply.fail(400, `your headers were: ${KEY}`)]),
      await setup.ask([(reply) => reply.text('Half').error(`the key ${KEY} has expired`)]),
    ];
    const seen: unknown[] = [];
    for (const { sessionId, events, raw } of asked) {
      expect(ofType(events, 'system')).toMatchObject([{ message: expect.stringContaining('***') }]);
      const details = await app.get(`/api/sessions/details?sessionId=${sessionId}`);
      const runs = await app.get(`/api/runs?sessionId=${sessionId}`);
      seen.push(raw, await app.events(sessionId), details.body, runs.body);
    }
    seen.push((await app.get('/api/agent/options')).body, (await app.get('/api/models')).body);
    expect(JSON.stringify(seen)).not.toContain(KEY);
  });

  it('fails with MODEL_AUTH, asked once, when it refuses the key', async () => {
    const { sessionId, events, requests } = await setup.ask([(reply) => reply.fail(401, 'no such key')]);
    expect(requests).toHaveLength(1);
    const [error] = ofType(events, 'system');
    expect(error).toMatchObject({ level: 'error', details: { code: 'MODEL_AUTH', providerStatus: 401 } });
    expect(error?.['message']).toMatch(/refused the key \(401\): no such key\. Check model\.apiKey\.$/);
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'error' });
    const { body } = await app.get(`/api/runs?sessionId=${sessionId}`);
    expect(body.runs).toMatchObject([{ status: 'failed', error: { code: 'MODEL_AUTH' } }]);
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'error' });
  });

  it('is asked again when it is overloaded, and fails with MODEL_ERROR when it stays so', async () => {
    const overloaded = name === 'anthropic' ? 529 : 503;
    const fail: Play<ProviderReply> = (reply) => reply.fail(overloaded, 'too busy', { 'retry-after': '0' });
    const { events, requests } = await setup.ask([fail, fail, fail]);
    expect(requests).toHaveLength(3);
    expect(types(events)).toEqual(['user_message', 'agent_run_start', 'system', 'agent_run_end']);
    expect(events[2]).toMatchObject({ details: { code: 'MODEL_ERROR', providerStatus: overloaded } });
    expect(events[2]?.['message']).toContain(`answered ${overloaded}: too busy.`);
    expect(events[3]).toMatchObject({ status: 'error', usage: { inputTokens: 0, outputTokens: 0 } });
  });

  it('fails with MODEL_ERROR when it reports an error in the middle, and keeps what had come', async () => {
    const { events, requests } = await setup.ask([(reply) => reply.text('Half an').error('I am overloaded')]);
    expect(requests).toHaveLength(1);
    expect(types(stored(events))).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'system',
      'agent_run_end',
    ]);
    const [message, error, end] = stored(events).slice(2);
    expect(message).toMatchObject({ content: 'Half an', finishReason: 'error' });
    expect(error).toMatchObject({ level: 'error', details: { code: 'MODEL_ERROR' } });
    expect(error?.['message']).toContain('I am overloaded');
    expect(end).toMatchObject({ status: 'error' });
    expectDeltasJoin(events);
  });

  it.each<[string, Play<ProviderReply>]>([
    ['the connection breaks', (reply) => reply.cut()],
    ['the connection ends in order', (reply) => reply.hangUp()],
  ])('says that its answer was cut off when %s before its end', async (_how, leave) => {
    const sessionId = await app.createSession();
    const arrived = new Gate();
    setup.provider.next(async (reply, request) => {
      reply.text('Half an');
      await arrived.opened;
      await leave(reply, request);
    });
    const reader = await app.stream(sessionId);
    await reader.until('assistant_streaming_message');
    arrived.open();
    const events = await reader.ended;
    expect(stored(events).at(-3)).toMatchObject({ content: 'Half an', finishReason: 'error' });
    expect(stored(events).at(-2)).toMatchObject({
      message: expect.stringMatching(/^The answer of .* was cut off before its end\. Ask again\.$/),
      details: { code: 'MODEL_ERROR' },
    });
  });

  it('has its connection closed when the run is aborted in the middle of its answer', async () => {
    const sessionId = await app.createSession();
    const asked = setup.provider.request();
    setup.provider.next((reply) => void reply.text('Once', ' upon'));
    const reader = await app.stream(sessionId);
    await reader.until(({ content }) => content === ' upon');
    expect((await app.post('/api/sessions/abort', { sessionId })).body).toEqual({ success: true });
    await (
      await asked
    ).closed;
    const events = await reader.ended;
    expect(stored(events).at(-2)).toMatchObject({ content: 'Once upon', finishReason: 'abort' });
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
    expect(ofType(events, 'system')).toEqual([]);
  });

  it('has its connection closed when the run is aborted before it says anything', async () => {
    const sessionId = await app.createSession();
    const asked = setup.provider.request();
    setup.provider.next(() => undefined);
    const reader = await app.stream(sessionId);
    const { closed } = await asked;
    await app.post('/api/sessions/abort', { sessionId });
    await closed;
    expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
  });
});

describe.each(['anthropic', 'google', 'openai', 'ollama'] as const)('a title by the provider %s', (name) => {
  let setup: ProviderSetup;

  beforeAll(async () => {
    setup = await start(name);
  });
  afterAll(() => setup.stop());

  const summary = async () => {
    const sessionId = await setup.app.createSession();
    const messages = [{ role: 'user', content: 'How do I bake bread?' }];
    return setup.app.post('/api/sessions/generate-summary', { sessionId, messages });
  };

  it('is asked for without a stream', async () => {
    setup.provider.next((reply) => reply.whole('"Baking Bread at Home for Total Beginners."'));
    const { status, body } = await summary();
    expect(status).toBe(200);
    expect(body).toEqual({ summary: 'Baking Bread at Home for Total' });
    const { path, body: request, headers } = setup.provider.lastRequest;
    expect(path).toBe(PROVIDERS[name].titlePath);
    expect(headers[PROVIDERS[name].header]).toBe(PROVIDERS[name].value);
    expect(request.stream).toBeFalsy();
    expect(JSON.stringify(request)).toContain('How do I bake bread?');
  });

  it('fails with the code of what went wrong', async () => {
    setup.provider.next((reply) => reply.fail(401, `who is ${KEY}?`));
    const { status, body } = await summary();
    expect(status).toBe(502);
    expect(body).toMatchObject({ code: 'MODEL_AUTH', error: expect.stringContaining('refused the key') });
    expect(JSON.stringify(body)).not.toContain(KEY);
  });
});

describe('the configuration of a provider', () => {
  const configured = (model: ModelInput) =>
    resolveConfig({ model }, { cwd: '/', env: { OPENAI_API_KEY: 'sk-from-env' } }).models[0];

  it('points ollama at its usual place', () => {
    expect(configured({ provider: 'ollama', id: 'qwen3' })).toMatchObject({
      baseURL: 'http://127.0.0.1:11434/v1',
    });
  });

  it('gives ollama no key of somebody else', () => {
    expect(configured({ provider: 'ollama', id: 'qwen3' }).apiKey).toBeUndefined();
    expect(configured({ provider: 'openai', id: 'gpt-5-mini' }).apiKey?.reveal()).toBe('sk-from-env');
  });

  it('sends no authorization header without a key', async () => {
    const setup = await startOllama({ apiKey: undefined });
    const { requests } = await setup.ask([(reply) => reply.text('ok').end()]);
    expect(requests[0]?.path).toBe('/v1/chat/completions');
    expect(requests[0]?.headers['authorization']).toBeUndefined();
    await setup.stop();
  });
});
