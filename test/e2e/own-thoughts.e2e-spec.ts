import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelInput } from '../../src/index.js';
import { ofType, type ProviderSetup, startAnthropic, stored } from '../support/provider-setup.js';
import { AnthropicReply, ChatReply, GoogleReply } from '../support/provider-replies.js';
import {
  PROVIDER_RULES,
  type ProviderRule,
  refusesForeignThoughts,
  refusesLongIds,
  refusesUnsignedCalls,
} from '../support/provider-rules.js';
import {
  type ProviderReply,
  type ProviderRequest,
  ProviderStub,
  signatureOf,
} from '../support/provider-stub.js';
import { TestServer } from '../support/test-server.js';

/** Models, and the beginning of the ids that they give their calls. */
const IDS = {
  kimi: 'functions.read_file:',
  claude: 'toolu_',
  mistral: 'a1B2c3D4',
  gemini: 'call_',
  deepseek: 'call_00_',
  'gpt-oss': 'call ',
} as const;
type Id = keyof typeof IDS;

/** Rules of the chat models, by the model that is asked. */
const CHAT_RULES: Readonly<Record<string, ProviderRule | undefined>> = {
  kimi: PROVIDER_RULES['kimi'],
  deepseek: PROVIDER_RULES['deepseek'],
  mistral: refusesLongIds,
  'gpt-oss': PROVIDER_RULES['openai'],
};

describe('what one model wrote', () => {
  let app: TestServer;
  let chat: ProviderStub<ChatReply>;
  let anthropic: ProviderStub<AnthropicReply>;
  let google: ProviderStub<GoogleReply>;

  beforeAll(async () => {
    chat = await ProviderStub.start(ChatReply);
    anthropic = await ProviderStub.start(AnthropicReply);
    google = await ProviderStub.start(GoogleReply);
    chat.rule = (body: { model: string; messages: unknown }) => CHAT_RULES[body.model]?.(body);
    anthropic.rule = refusesForeignThoughts;
    google.rule = refusesUnsignedCalls;
    const models = (Object.keys(IDS) as Id[]).map((id): ModelInput => ({
      ...modelOf(id),
      apiKey: 'key-of-models',
    }));
    app = await TestServer.start({ config: { server: { models } } });
  });
  afterAll(async () => {
    await app.stop();
    await Promise.all([chat.stop(), anthropic.stop(), google.stop()]);
  });

  function modelOf(id: Id) {
    if (id === 'claude') return { provider: 'anthropic' as const, id, baseURL: `${anthropic.origin}/v1` };
    if (id === 'gemini')
      return { provider: 'google' as const, id: 'gemini-3-pro', baseURL: `${google.origin}/v1beta` };
    return { provider: 'openai-compatible' as const, id, baseURL: `${chat.origin}/v1` };
  }

  const stubOf = (id: Id): ProviderStub<ProviderReply> =>
    (id === 'claude' ? anthropic : id === 'gemini' ? google : chat) as unknown as ProviderStub<ProviderReply>;

  /** A query in which the model thinks, calls a tool, and answers. @returns its requests */
  async function ask(sessionId: string, id: Id, round = '1'): Promise<ProviderRequest[]> {
    const { provider, id: name } = modelOf(id);
    await app.post('/api/sessions/model', { sessionId, model: { provider, id: name } });
    const stub = stubOf(id);
    const before = stub.requests.length;
    const thinks = id === 'mistral' || id === 'gpt-oss' ? [] : [`${id} thinks ${round}`];
    const tool = id === 'gpt-oss' ? 'read_file<|channel|>commentary' : 'read_file';
    stub.next(
      (reply) =>
        (thinks.length > 0 ? reply.thinking(...thinks) : reply)
          .text(`${id} looks.`)
          .toolCall(`${IDS[id]}${round.length}`, tool, { path: 'note.txt' })
          .end(),
      (reply) => (thinks.length > 0 ? reply.thinking(`${id} knows ${round}`) : reply).text('Done.').end(),
    );
    const events = await (await app.stream(sessionId, `hello ${id} ${round}`)).ended;
    expect(ofType(events, 'system')).toEqual([]);
    expect([id, events.at(-1)?.['status']]).toEqual([id, 'completed']);
    return stub.requests.slice(before);
  }

  const ring = Object.keys(IDS) as Id[];

  it('makes the session unusable for no other, before and after a restart, and goes back to itself alone', async () => {
    const sessionId = await app.createSession();
    for (const id of ring) await ask(sessionId, id, '1');
    app = await app.restart();
    for (const id of ring) {
      const [first] = await ask(sessionId, id, '22');
      const sent = JSON.stringify(first?.body);
      for (const other of ring) {
        expect(`${other}: ${sent.includes(`${other} thinks`)}`).toBe(
          `${other}: ${other === id && id !== 'mistral' && id !== 'gpt-oss'}`,
        );
      }
    }
    const own = async (id: Id) => JSON.stringify((await ask(sessionId, id, '333'))[0]?.body);
    for (const id of ['kimi', 'deepseek'] as const) {
      const sent = await own(id);
      for (const words of ['thinks 1', 'knows 1', 'thinks 22', 'knows 22']) {
        expect(sent).toContain(`"reasoning_content":"${id} ${words}"`);
      }
    }
    expect(await own('claude')).toContain(signatureOf('claude knows 22'));
    expect(await own('gemini')).toContain(signatureOf('read_file'));
  });

  it.each(['kimi', 'claude', 'gemini'] as const)(
    'is the same in the next query of %s, with a restart between and without',
    async (id) => {
      const requests: unknown[] = [];
      for (const restarts of [false, true]) {
        const sessionId = await app.createSession();
        await ask(sessionId, id);
        if (restarts) app = await app.restart();
        const [next, last] = await ask(sessionId, id, '22');
        requests.push([next?.body, last?.body]);
      }
      expect(requests[1]).toEqual(requests[0]);
    },
  );

  it('holds in the next query what its own run had sent', async () => {
    const sessionId = await app.createSession();
    const [, second] = await ask(sessionId, 'claude');
    const [third] = await ask(sessionId, 'claude', '22');
    const ofRun = second?.body.messages as unknown[];
    expect(third?.body.messages.slice(0, ofRun.length)).toEqual(ofRun);
    expect(ofRun).toHaveLength(3);
  });

  it('is signed in nothing that a client is sent', async () => {
    const sessionId = await app.createSession();
    await ask(sessionId, 'claude');
    const reader = await app.follow(sessionId, 0);
    await reader.until((event) => event.type === 'agent_run_end');
    const texts = [
      JSON.stringify(await app.events(sessionId)),
      JSON.stringify(await app.get(`/api/sessions/details?sessionId=${sessionId}`)),
      JSON.stringify((await app.post('/api/sessions/share', { sessionId, upload: false })).body),
      reader.raw(),
    ];
    reader.leave();
    for (const text of texts) {
      expect(text).toContain(sessionId);
      expect(text).not.toContain(signatureOf('claude thinks 1'));
      expect(text).not.toMatch(/modelRecord|"parts"/);
    }
  });
});

describe('a call that the provider has run itself', () => {
  let setup: ProviderSetup<AnthropicReply>;

  beforeAll(async () => {
    setup = await startAnthropic();
  });
  afterAll(() => setup.stop());

  it('is shown with its result, is not run, and is not sent to a provider as a call to be answered', async () => {
    const { sessionId, events, requests } = await setup.ask([
      (reply) =>
        reply
          .search('srvtoolu_1', 'weather', [{ title: 'Sun', encrypted_content: 'c2VjcmV0' }])
          .text('Sunny.')
          .end('end_turn'),
    ]);
    expect(requests).toHaveLength(1);
    expect(stored(events).map(({ type }) => type)).toEqual([
      'user_message',
      'agent_run_start',
      'tool_call',
      'tool_result',
      'assistant_message',
      'agent_run_end',
    ]);
    const [call] = ofType(events, 'tool_call');
    expect(call).toMatchObject({ name: 'web_search', arguments: { query: 'weather' } });
    expect(ofType(events, 'assistant_streaming_tool_call')[0]).toMatchObject({
      toolCallId: call?.['toolCallId'],
    });
    const [result] = ofType(events, 'tool_result');
    expect(result).toMatchObject({ toolCallId: call?.['toolCallId'], content: [{ title: 'Sun' }] });
    expect(JSON.stringify(result)).not.toContain('c2VjcmV0');
    expect(ofType(events, 'assistant_message')[0]).not.toHaveProperty('toolCalls');
    const next = await setup.ask([(reply) => reply.text('Yes.').end()], 'sure?', sessionId);
    expect(next.events.at(-1)).toMatchObject({ status: 'completed' });
    expect(next.requests[0]?.body.messages[1]).toEqual({
      role: 'assistant',
      content: [{ type: 'text', text: 'Sunny.' }],
    });
  });
});
