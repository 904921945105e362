import { afterEach, describe, expect, it } from '@jest/globals';
import { AttackSetup } from '../support/attack-setup.js';
import type { AnyEvent } from '../support/client.js';
import { SENTINEL_KEY as KEY } from '../support/leaks.js';
import type { Reply } from '../support/model-stub.js';

const endpoint = { provider: 'openai-compatible', baseURL: 'http://127.0.0.1:9/v1' } as const;

/** The client's own reading of answers and frames looks for {@link KEY}. */
describe('what is masked', () => {
  let attack: AttackSetup;

  afterEach(() => attack.stop());

  const start = async (...keys: string[]) => {
    const models = keys.map((apiKey, i) => ({ ...endpoint, id: `m${i}`, apiKey }));
    const ollama = { provider: 'ollama', id: 'qwen3', apiKey: 'ollama' } as const;
    attack = await AttackSetup.start({ config: { server: { models: [ollama, ...models] } } });
    return attack;
  };
  const stored = async (sessionId: string) =>
    (await attack.server.events(sessionId)) as unknown as AnyEvent[];

  it('is no ordinary word that stands for a key that nobody needs', async () => {
    const { server, model } = await start('none', 'Empty', 'lm-studio', 'sk-no-key-required', 'dummy');
    const words = 'ollama and none, EMPTY or empty, lm-studio, sk-no-key-required and a dummy';
    const sessionId = await server.createSession({ name: words });
    model.next((reply) => reply.text(...words.split(/(?<= )/)).end());
    const { body } = await server.query(sessionId, words);
    expect(body.result.content).toBe(words);
    expect((await stored(sessionId))[0]?.['content']).toBe(words);
    await server.post('/api/sessions/model', { sessionId, model: { provider: 'ollama', id: 'qwen3' } });
    await server.query(sessionId, words);
    const starts = (await stored(sessionId)).filter(({ type }) => type === 'agent_run_start');
    expect(starts.at(-1)).toMatchObject({ provider: 'ollama', model: 'qwen3' });
    const { session } = (await server.get(`/api/sessions/details?sessionId=${sessionId}`)).body;
    expect(session).toMatchObject({ name: words, metadata: { modelConfig: { provider: 'ollama' } } });
    await attack.requireUnharmed();
  });

  it('changes nothing but what somebody wrote, also where a key is a word of the protocol', async () => {
    const words = [
      'assistant_message',
      'list_directory',
      'agent_run_end',
      'sessionId',
      'scripted',
      'arguments',
      'image_url',
    ];
    const { server, model } = await start(...words, 'openai-compatible', 'tool-calls');
    const sessionId = await server.createSession({ name: 'an assistant_message', tags: ['sessionId'] });
    model.next(
      (reply) => reply.text('the ', 'arguments').toolCall('list_directory', { path: '.' }).end(),
      (reply) => reply.text('done').end(),
    );
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
    const query = [{ type: 'text', text: `my ${words.join(', ')}` }, image];
    const frames = await (await server.stream(sessionId, query)).ended;
    const events = await stored(sessionId);
    expect(events.map(({ type }) => type)).toEqual([
      ...['user_message', 'agent_run_start', 'assistant_message', 'tool_call', 'tool_result'],
      ...['assistant_message', 'agent_run_end'],
    ]);
    expect(frames.filter(({ seq }) => seq !== undefined)).toEqual(events);
    expect(events[0]).toMatchObject({
      sessionId,
      content: [{ text: `my ${words.map(() => '***').join(', ')}` }, image],
    });
    expect(events[1]).toMatchObject({ provider: 'openai-compatible', model: 'scripted' });
    expect(events[2]).toMatchObject({ content: 'the ***', finishReason: 'tool-calls' });
    expect(events[3]).toMatchObject({ name: 'list_directory', tool: { name: 'list_directory' } });
    expect(events[4]).not.toHaveProperty('error');
    expect((await server.post('/api/sessions/share', { sessionId })).status).toBe(200);
    const { sessions } = (await server.get('/api/sessions')).body;
    expect(sessions).toContainEqual(
      expect.objectContaining({ id: sessionId, name: 'an ***', tags: ['***'] }),
    );
    await attack.requireUnharmed();
  });

  it('stays JSON where a key seems to stand across an escape', async () => {
    const { server, model } = await start('nabcdefgh', 'ud83dude00', '"quoted"key');
    const sessionId = await server.createSession({
      name: 'a\nabcdefgh',
      agentOptions: { instructions: '\nabcdefgh' },
    });
    const args = { path: 'a\nabcdefgh', '"quoted"key': '"quoted"key' };
    model.next(
      (reply) => reply.text('it is\nabcdefgh').toolCall('read_file', args).end(),
      (reply) => reply.text('done').end(),
    );
    const [first, second] = await Promise.all([
      server.query(sessionId, 'about\nabcdefgh'),
      server.query(sessionId, 'then\nabcdefgh', { whenBusy: 'queue' }),
    ]);
    expect([first.status, second.status]).toEqual([200, 200]);
    const events = await stored(sessionId);
    expect(events[0]?.['content']).toBe('about\nabcdefgh');
    expect(events.find(({ type }) => type === 'assistant_message')?.['content']).toBe('it is\nabcdefgh');
    expect(events.find(({ type }) => type === 'tool_call')?.['arguments']).toEqual({
      path: 'a\nabcdefgh',
      '"quoted"key': '***',
    });
    await attack.requireUnharmed();
  });

  it('is a key in the name and the id of a call, live and stored, and in arguments that escape it', async () => {
    const { server, model } = await start();
    const sessionId = await server.createSession();
    const escaped = `{"path":"\\u0073${KEY.slice(1)}"}`;
    model.next((reply) => {
      call(reply, `call_${KEY}`, `tool_${KEY}`, '{}', 0);
      call(reply, 'call_2', 'read_file', escaped, 1);
      reply.end('tool_calls');
    });
    const frames = await (await server.stream(sessionId)).ended;
    const live = frames.filter(({ type }) => type === 'assistant_streaming_tool_call');
    expect(live.map(({ toolName }) => toolName)).toContain('tool_***');
    const events = await stored(sessionId);
    const calls = events.filter(({ type }) => type === 'tool_call');
    expect(calls).toMatchObject([{ name: 'tool_***' }, { name: 'read_file', arguments: { path: '***' } }]);
    expect(new Set(live.map(({ toolCallId }) => toolCallId))).toEqual(
      new Set(calls.map(({ toolCallId }) => toolCallId)),
    );
    const message = events.find(({ type }) => type === 'assistant_message');
    const [, second] = message?.['toolCalls'] as { function: { arguments: string } }[];
    expect(second?.function.arguments).toBe('{"path":"***"}');
    await attack.requireUnharmed();
  });

  it('is a key in the title of a conversation, which counts as a run', async () => {
    attack = await AttackSetup.start({ config: { server: { limits: { runsPerMinute: 4 } } } });
    const { server, model } = attack; // the setup has asked once
    const sessionId = await server.createSession();
    const messages = [{ role: 'user', content: 'hi' }];
    const title = () => server.post('/api/sessions/generate-summary', { sessionId, messages });
    model.next(
      (reply) => reply.whole(`The ${KEY} of it`),
      (reply) => reply.whole('x'.repeat(900_000)),
    );
    expect((await title()).body).toEqual({ summary: 'The *** of it' });
    expect((await title()).body).toEqual({ summary: 'x'.repeat(200) });
    expect((await server.query(sessionId)).status).toBe(200);
    expect((await title()).status).toBe(429);
    expect((await server.query(sessionId)).status).toBe(429);
    await attack.requireUnharmed();
  });
});

function call(reply: Reply, id: string, name: string, args: string, index: number): void {
  const delta = { tool_calls: [{ index, id, function: { name, arguments: args } }] };
  reply.garbage(`data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`);
}
