import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { joinedDeltas } from '../support/client.js';
import type { AnthropicReply, ChatReply, GoogleReply, ResponsesReply } from '../support/provider-replies.js';
import {
  NOTE,
  ofType,
  type ProviderSetup,
  responsesModel,
  startAnthropic,
  startGoogle,
  startOpenAI,
  startResponses,
} from '../support/provider-setup.js';
import { type Play, signatureOf } from '../support/provider-stub.js';

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const IMAGES = [
  { type: 'text', text: 'What is this?' },
  { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
  { type: 'image_url', image_url: { url: 'https://images.example/cat.webp' } },
];

describe('what Anthropic is sent', () => {
  let setup: ProviderSetup<AnthropicReply>;

  beforeAll(async () => {
    setup = await startAnthropic();
  });
  afterAll(() => setup.stop());

  it('holds the calls with their results, and the thoughts signed as they came', async () => {
    const { requests } = await setup.ask([
      (reply) =>
        reply
          .thinking('A note', ' perhaps.')
          .redactedThinking('c2VjcmV0')
          .text('I look.')
          .thinking('Both.')
          .toolCall('toolu_1', 'read_file', { path: 'note.txt' })
          .toolCall('toolu_2', 'read_file', { path: 'missing.txt' })
          .end(),
      (reply) => reply.text('Done.').end(),
    ]);
    expect(requests[0]?.headers).toMatchObject({ 'anthropic-version': '2023-06-01' });
    const { system, stream, tools, messages } = requests[1]?.body as Record<string, unknown>;
    expect(system).toEqual([{ type: 'text', text: expect.stringContaining('You are Agent TARS') }]);
    expect(stream).toBe(true);
    expect(tools).toContainEqual(
      expect.objectContaining({
        name: 'read_file',
        input_schema: expect.objectContaining({ type: 'object' }),
      }),
    );
    expect(messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'hello' }] },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'A note perhaps.', signature: signatureOf('A note perhaps.') },
          { type: 'redacted_thinking', data: 'c2VjcmV0' },
          { type: 'text', text: 'I look.' },
          { type: 'thinking', thinking: 'Both.', signature: signatureOf('Both.') },
          { type: 'tool_use', id: 'toolu_1', name: 'read_file', input: { path: 'note.txt' } },
          { type: 'tool_use', id: 'toolu_2', name: 'read_file', input: { path: 'missing.txt' } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: NOTE },
          {
            type: 'tool_result',
            tool_use_id: 'toolu_2',
            content: 'There is no "missing.txt" in the workspace.',
            is_error: true,
          },
        ],
      },
    ]);
  });

  it('holds images as data or as links', async () => {
    const { requests } = await setup.ask([(reply) => reply.text('A cat.').end()], IMAGES);
    expect(requests[0]?.body.messages[0].content).toEqual([
      { type: 'text', text: 'What is this?' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
      { type: 'image', source: { type: 'url', url: 'https://images.example/cat.webp' } },
    ]);
  });

  it('never holds an empty text: it would refuse the conversation for ever', async () => {
    const { sessionId } = await setup.ask(
      [(reply) => reply.text('\n', '\n').end()],
      [{ type: 'text', text: '' }, IMAGES[1]],
    );
    const { requests } = await setup.ask(
      [
        (reply) => reply.text(' \n').toolCall('toolu_1', 'list_directory', {}).end(),
        (reply) => reply.text('Done.').end(),
      ],
      'and now?',
      sessionId,
    );
    for (const { body } of requests) {
      const parts = body.messages.flatMap(({ content }: { content: unknown[] }) => content);
      const texts = parts.filter(({ type }: { type: string }) => type === 'text');
      expect(texts.length).toBeGreaterThan(0);
      for (const { text } of texts) expect(text.trim()).not.toBe('');
    }
    expect(requests[1]?.body.messages.map(({ role }: { role: string }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ]);
  });

  it('is sent again when it answers 200 and says only then that it is overloaded', async () => {
    const { events, requests } = await setup.ask([
      (reply) => reply.error('Overloaded'),
      (reply) => reply.text('Here I am.').end(),
    ]);
    expect(requests).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ status: 'completed' });
    expect([...joinedDeltas(events).values()]).toEqual(['Here I am.']);
  });
});

describe('what Google is sent', () => {
  let setup: ProviderSetup<GoogleReply>;

  beforeAll(async () => {
    setup = await startGoogle();
  });
  afterAll(() => setup.stop());

  it('holds the calls with their results, and the signatures of its thoughts', async () => {
    const { requests } = await setup.ask([
      (reply) =>
        reply
          .thinking('A note', ' perhaps.')
          .text('I', ' look.')
          .toolCall('call_1', 'read_file', { path: 'note.txt' })
          .parts([{ functionCall: { id: 'call_2', name: 'read_file', args: { path: 'missing.txt' } } }])
          .end(),
      (reply) => reply.text('Done.').end(),
    ]);
    const { systemInstruction, tools, contents } = requests[1]?.body as Record<string, unknown>;
    expect(systemInstruction).toEqual({ parts: [{ text: expect.stringContaining('You are Agent TARS') }] });
    expect(JSON.stringify(tools)).toContain('"name":"read_file"');
    const response = (id: string, content: string) => ({
      functionResponse: { id, name: 'read_file', response: { name: 'read_file', content } },
    });
    expect(contents).toEqual([
      { role: 'user', parts: [{ text: 'hello' }] },
      {
        role: 'model',
        parts: [
          { text: 'A note perhaps.', thought: true },
          { text: 'I look.' },
          {
            functionCall: { id: 'call_1', name: 'read_file', args: { path: 'note.txt' } },
            thoughtSignature: signatureOf('read_file'),
          },
          { functionCall: { id: 'call_2', name: 'read_file', args: { path: 'missing.txt' } } },
        ],
      },
      {
        role: 'user',
        parts: [response('call_1', NOTE), response('call_2', 'There is no "missing.txt" in the workspace.')],
      },
    ]);
  });

  it('holds the signature that a text came with', async () => {
    const { requests } = await setup.ask([
      (reply) =>
        reply
          .parts([{ text: 'I look.', thoughtSignature: signatureOf('text') }])
          .toolCall('call_1', 'list_directory', {})
          .end(),
      (reply) => reply.text('Done.').end(),
    ]);
    expect(requests[1]?.body.contents[1].parts[0]).toEqual({
      text: 'I look.',
      thoughtSignature: signatureOf('text'),
    });
  });

  it('holds images as data or as links, with their type', async () => {
    const { requests } = await setup.ask([(reply) => reply.text('A cat.').end()], IMAGES);
    expect(requests[0]?.body.contents[0].parts).toEqual([
      { text: 'What is this?' },
      { inlineData: { mimeType: 'image/png', data: PNG } },
      { fileData: { mimeType: 'image/webp', fileUri: 'https://images.example/cat.webp' } },
    ]);
  });

  it('is a key of its own: one that Google does not know is MODEL_AUTH, though Google says 400', async () => {
    const { events, requests } = await setup.ask([(reply) => reply.refuseKey('API key not valid.')]);
    expect(requests).toHaveLength(1);
    expect(ofType(events, 'system')).toMatchObject([
      {
        message: expect.stringContaining('refused the key (400): API key not valid. Check model.apiKey.'),
        details: { code: 'MODEL_AUTH', providerStatus: 400 },
      },
    ]);
  });

  it.each<[string, Play<GoogleReply>]>([
    ['the answer', (reply) => reply.text('No').end('SAFETY')],
    ['the prompt', (reply) => reply.block('PROHIBITED_CONTENT')],
  ])('says so when Google blocks %s', async (_what, script) => {
    const { events, requests } = await setup.ask([script]);
    expect(requests).toHaveLength(1);
    expect(ofType(events, 'assistant_message')).toMatchObject([{ finishReason: 'content-filter' }]);
    expect(events.at(-1)).toMatchObject({ status: 'completed' });
  });
});

describe("what OpenAI's Responses API is sent", () => {
  let setup: ProviderSetup<ResponsesReply>;

  beforeAll(async () => {
    setup = await startResponses();
  });
  afterAll(() => setup.stop());

  it('holds the encrypted thoughts, and the calls with their results, and refers to nothing that OpenAI keeps', async () => {
    const { requests } = await setup.ask([
      (reply) =>
        reply
          .thinking('A note', ' perhaps.')
          .text('I look.')
          .toolCall('call_1', 'read_file', { path: 'note.txt' })
          .end(),
      (reply) => reply.text('Done.').end(),
    ]);
    const { stream, store, include, input } = requests[1]?.body as Record<string, unknown>;
    expect({ stream, store, include }).toEqual({
      stream: true,
      store: false,
      include: ['reasoning.encrypted_content'],
    });
    expect((input as unknown[]).slice(1)).toEqual([
      { role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
      {
        type: 'reasoning',
        id: 'rs_0',
        encrypted_content: signatureOf('A note perhaps.'),
        summary: [{ type: 'summary_text', text: 'A note perhaps.' }],
      },
      { role: 'assistant', id: 'msg_1', content: [{ type: 'output_text', text: 'I look.' }] },
      { type: 'function_call', call_id: 'call_1', name: 'read_file', arguments: '{"path":"note.txt"}' },
      { type: 'function_call_output', call_id: 'call_1', output: NOTE },
    ]);
  });

  it('holds images as data URLs or as links', async () => {
    const { requests } = await setup.ask([(reply) => reply.text('A cat.').end()], IMAGES);
    expect(requests[0]?.body.input[1].content).toEqual([
      { type: 'input_text', text: 'What is this?' },
      { type: 'input_image', image_url: `data:image/png;base64,${PNG}` },
      { type: 'input_image', image_url: 'https://images.example/cat.webp' },
    ]);
  });

  it('fails the run when the response fails', async () => {
    const { events } = await setup.ask([(reply) => reply.text('Half').failResponse('Out of luck')]);
    expect(ofType(events, 'system')).toMatchObject([
      { message: expect.stringContaining('Out of luck'), details: { code: 'MODEL_ERROR' } },
    ]);
    expect(events.at(-1)).toMatchObject({ status: 'error' });
  });

  it('gives a whole text when it is asked for one', async () => {
    setup.provider.next((reply) => reply.whole('A title'));
    const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'hi' }] }];
    const model = responsesModel(setup.provider.origin);
    expect(await model.generate({ prompt }, new AbortController().signal)).toBe('A title');
  });
});

describe('what /chat/completions is sent', () => {
  let setup: ProviderSetup<ChatReply>;

  beforeAll(async () => {
    setup = await startOpenAI();
  });
  afterAll(() => setup.stop());

  it('holds the calls with their results, and the thoughts', async () => {
    const { requests } = await setup.ask([
      (reply) =>
        reply
          .thinking('A note', ' perhaps.')
          .text('I look.')
          .toolCall('call_1', 'read_file', { path: 'note.txt' })
          .toolCall('call_2', 'read_file', { path: 'missing.txt' })
          .end(),
      (reply) => reply.text('Done.').end(),
    ]);
    const { model, stream, stream_options, messages } = requests[1]?.body as Record<string, unknown>;
    expect({ model, stream, stream_options }).toEqual({
      model: 'gpt-5-mini',
      stream: true,
      stream_options: { include_usage: true },
    });
    const call = (id: string, path: string) => ({
      id,
      type: 'function',
      function: { name: 'read_file', arguments: JSON.stringify({ path }) },
    });
    expect((messages as unknown[]).slice(1)).toEqual([
      { role: 'user', content: 'hello' },
      {
        role: 'assistant',
        content: 'I look.',
        reasoning_content: 'A note perhaps.',
        tool_calls: [call('call_1', 'note.txt'), call('call_2', 'missing.txt')],
      },
      { role: 'tool', tool_call_id: 'call_1', content: NOTE },
      { role: 'tool', tool_call_id: 'call_2', content: 'There is no "missing.txt" in the workspace.' },
    ]);
  });

  it('holds images as data URLs or as links', async () => {
    const { requests } = await setup.ask([(reply) => reply.text('A cat.').end()], IMAGES);
    expect(requests[0]?.body.messages.at(-1).content).toEqual(IMAGES);
  });
});
