import type { JSONValue, LanguageModelV3Message } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { toChatRequest as toJson } from './request.js';

const toChatRequest = (...args: Parameters<typeof toJson>): object => JSON.parse(toJson(...args)) as object;

const messages = (...prompt: LanguageModelV3Message[]) =>
  (toChatRequest('m', { prompt }, true) as { messages: unknown[] }).messages;

const user = (...content: Extract<LanguageModelV3Message, { role: 'user' }>['content']) =>
  messages({ role: 'user', content });

const assistant = (...content: Extract<LanguageModelV3Message, { role: 'assistant' }>['content']) =>
  messages({ role: 'assistant', content });

type Part = Extract<LanguageModelV3Message, { role: 'assistant' }>['content'][number];
interface Message {
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly { readonly extra_content?: unknown }[];
}
type Output = Extract<
  Extract<LanguageModelV3Message, { role: 'tool' }>['content'][number],
  { type: 'tool-result' }
>['output'];

describe('a request to /chat/completions', () => {
  it('asks for a stream with the usage at its end', () => {
    expect(toChatRequest('gpt-x', { prompt: [] }, true)).toEqual({
      model: 'gpt-x',
      messages: [],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('asks for a whole answer without a word of streams', () => {
    expect(toChatRequest('gpt-x', { prompt: [] }, false)).toEqual({ model: 'gpt-x', messages: [] });
  });

  it('holds the options that were given, zeros included', () => {
    const request = { prompt: [], temperature: 0, maxOutputTokens: 9 };
    expect(toChatRequest('m', request, false)).toMatchObject({ temperature: 0, max_tokens: 9 });
  });

  it('holds the tools, and no empty list of them: some servers refuse that', () => {
    const inputSchema = { type: 'object' as const, properties: { path: { type: 'string' as const } } };
    const tools = [{ type: 'function' as const, name: 'read_file', description: 'Reads.', inputSchema }];
    expect(toChatRequest('m', { prompt: [], tools }, false)).toMatchObject({
      tools: [
        {
          type: 'function',
          function: { name: 'read_file', description: 'Reads.', parameters: inputSchema },
        },
      ],
    });
    expect(toChatRequest('m', { prompt: [], tools: [] }, false)).not.toHaveProperty('tools');
  });

  it('holds the instructions as they are', () => {
    expect(messages({ role: 'system', content: 'Be brief.' })).toEqual([
      { role: 'system', content: 'Be brief.' },
    ]);
  });

  it('holds a single text as a string, which every server takes', () => {
    expect(user({ type: 'text', text: 'hi' })).toEqual([{ role: 'user', content: 'hi' }]);
  });

  it('holds texts and images as parts: data as data URLs, links as links', () => {
    const bytes = Uint8Array.from([1, 2, 3]);
    expect(
      user(
        { type: 'text', text: 'Compare.' },
        { type: 'file', mediaType: 'image/png', data: 'QUJD' },
        { type: 'file', mediaType: 'image/gif', data: bytes },
        { type: 'file', mediaType: 'image/*', data: new URL('https://images.example/a.png?size=2') },
        { type: 'text', text: 'Well?' },
      ),
    ).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Compare.' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,QUJD' } },
          { type: 'image_url', image_url: { url: 'data:image/gif;base64,AQID' } },
          { type: 'image_url', image_url: { url: 'https://images.example/a.png?size=2' } },
          { type: 'text', text: 'Well?' },
        ],
      },
    ]);
  });

  it('holds an image alone as a part', () => {
    expect(user({ type: 'file', mediaType: 'image/png', data: 'QUJD' })).toEqual([
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,QUJD' } }] },
    ]);
  });

  it('holds an answer of several texts as one', () => {
    expect(assistant({ type: 'text', text: 'One, ' }, { type: 'text', text: 'two.' })).toEqual([
      { role: 'assistant', content: 'One, two.' },
    ]);
  });

  it('holds several calls of one answer, in order, with their arguments as JSON text', () => {
    expect(
      assistant(
        { type: 'text', text: 'I look.' },
        { type: 'tool-call', toolCallId: 'a', toolName: 'read_file', input: { path: 'ü "x"' } },
        { type: 'tool-call', toolCallId: 'b', toolName: 'list_directory', input: {} },
      ),
    ).toEqual([
      {
        role: 'assistant',
        content: 'I look.',
        tool_calls: [
          {
            id: 'a',
            type: 'function',
            function: { name: 'read_file', arguments: '{"path":"ü \\"x\\""}' },
          },
          { id: 'b', type: 'function', function: { name: 'list_directory', arguments: '{}' } },
        ],
      },
    ]);
  });

  it('holds no text, not an empty one, beside calls', () => {
    const call = { type: 'tool-call' as const, toolCallId: 'a', toolName: 't', input: {} };
    expect(assistant(call)).toMatchObject([{ content: null }]);
  });

  const call = (chat?: object): Part => ({
    type: 'tool-call',
    toolCallId: 'a',
    toolName: 't',
    input: {},
    ...(chat && { providerOptions: { chat: chat as Record<string, JSONValue> } }),
  });
  const text = (value: string): Part => ({ type: 'text', text: value });
  const thought = (value: string, chat?: object): Part => ({
    type: 'reasoning',
    text: value,
    ...(chat && { providerOptions: { chat: chat as Record<string, JSONValue> } }),
  });
  const said = (...content: Part[]): LanguageModelV3Message => ({ role: 'assistant', content });
  const asked: LanguageModelV3Message = { role: 'user', content: [{ type: 'text', text: 'q' }] };

  describe('gives thoughts back', () => {
    it.each([
      ['reasoning_content', undefined],
      ['reasoning_content', { field: 'reasoning_content' }],
      ['reasoning', { field: 'reasoning' }],
    ])('as %s when they came with %j', (field, chat) => {
      expect(
        messages(asked, said(thought('Hm.', chat), call()), said(thought('So.', chat), text('Yes.'))),
      ).toMatchObject([{}, { [field]: 'Hm.' }, { content: 'Yes.', [field]: 'So.' }]);
    });

    it('of no turn without calls: some providers refuse them', () => {
      expect(assistant(thought('Hm.'), text('Yes.'))).toEqual([{ role: 'assistant', content: 'Yes.' }]);
    });

    it('empty where a step had none, if other steps had them in reasoning_content', () => {
      const steps = [
        said(thought('Hm.', { field: 'reasoning_content' }), call()),
        said(call()),
        said(text('Yes.')),
      ];
      expect(messages(asked, ...steps).map((each) => (each as Message).reasoning_content)).toEqual([
        undefined,
        'Hm.',
        '',
        '',
      ]);
      const others = [said(thought('Hm.', { field: 'reasoning' }), call()), said(call())];
      expect(messages(asked, ...others)[2]).not.toHaveProperty('reasoning');
      expect(messages(asked, said(call()))[1]).not.toHaveProperty('reasoning_content');
    });

    it.each(['deepseek-chat', 'kimi-k2-thinking'])(
      'empty to %s, which refuses calls without, whoever made them',
      (id) => {
        const { messages: sent } = toChatRequest(id, { prompt: [asked, said(call())] }, true) as {
          messages: Message[];
        };
        expect(sent[1]).toMatchObject({ reasoning_content: '' });
      },
    );
  });

  it('gives reasoning details back unchanged and in order, of every turn', () => {
    const details = [
      { type: 'reasoning.text', text: 'Hm.' },
      { type: 'reasoning.encrypted', data: 'x' },
      { index: 0 },
    ];
    expect(
      assistant(
        thought('Hm.', { reasoningDetails: details.slice(0, 2) }),
        thought('', { reasoningDetails: details.slice(2) }),
        text('Yes.'),
      ),
    ).toEqual([{ role: 'assistant', content: 'Yes.', reasoning_details: details }]);
  });

  it('gives extra content back in the call or in the message that it came with', () => {
    const extra = (signature: string) => ({ google: { thought_signature: signature } });
    expect(
      assistant(
        { ...text('Yes.'), providerOptions: { chat: { extraContent: extra('M') } } },
        call({ extraContent: extra('C') }),
        call(),
      ),
    ).toMatchObject([{ extra_content: extra('M'), tool_calls: [{ extra_content: extra('C') }, {}] }]);
  });

  it('marks the first call of another model for Gemini, which refuses a call without a signature', () => {
    const prompt = [asked, said(call(), call()), said(call({ extraContent: { google: 'own' } }), call())];
    const { messages: sent } = toChatRequest('gemini-3-pro', { prompt }, true) as { messages: Message[] };
    expect(sent.map(({ tool_calls }) => tool_calls?.map(({ extra_content }) => extra_content))).toEqual([
      undefined,
      [{ google: { thought_signature: 'skip_thought_signature_validator' } }, undefined],
      [{ google: 'own' }, undefined],
    ]);
  });

  it('holds each result of several calls as a message of its own', () => {
    const result = (toolCallId: string, output: Output) => ({
      type: 'tool-result' as const,
      toolCallId,
      toolName: 't',
      output,
    });
    expect(
      messages({
        role: 'tool',
        content: [
          result('a', { type: 'text', value: 'fine' }),
          result('b', { type: 'error-text', value: 'There is no "x".' }),
          result('c', { type: 'json', value: { n: 1 } }),
          result('d', { type: 'error-json', value: ['no'] }),
          result('e', { type: 'content', value: [{ type: 'text', text: 'part' }] }),
          result('f', { type: 'execution-denied', reason: 'The user said no.' }),
          result('g', { type: 'execution-denied' }),
        ],
      }),
    ).toEqual([
      { role: 'tool', tool_call_id: 'a', content: 'fine' },
      { role: 'tool', tool_call_id: 'b', content: 'There is no "x".' },
      { role: 'tool', tool_call_id: 'c', content: '{"n":1}' },
      { role: 'tool', tool_call_id: 'd', content: '["no"]' },
      { role: 'tool', tool_call_id: 'e', content: '[{"type":"text","text":"part"}]' },
      { role: 'tool', tool_call_id: 'f', content: 'The user said no.' },
      { role: 'tool', tool_call_id: 'g', content: 'The tool call was denied.' },
    ]);
  });
});
