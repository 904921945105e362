import type { LanguageModelV3Message } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { toChatRequest as toJson } from './request.js';

const toChatRequest = (...args: Parameters<typeof toJson>): object => JSON.parse(toJson(...args)) as object;

const messages = (...prompt: LanguageModelV3Message[]) =>
  (toChatRequest('m', { prompt }, true) as { messages: unknown[] }).messages;

const user = (...content: Extract<LanguageModelV3Message, { role: 'user' }>['content']) =>
  messages({ role: 'user', content });

const assistant = (...content: Extract<LanguageModelV3Message, { role: 'assistant' }>['content']) =>
  messages({ role: 'assistant', content });

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

  it.each([
    ['reasoning_content', undefined],
    ['reasoning_content', { chat: { field: 'reasoning_content' } }],
    ['reasoning', { chat: { field: 'reasoning' } }],
  ])('gives thoughts back as %s when they came with %j', (field, providerOptions) => {
    const thought = { type: 'reasoning' as const, text: 'Hm.', ...(providerOptions && { providerOptions }) };
    expect(assistant(thought, { type: 'text', text: 'Yes.' })).toEqual([
      { role: 'assistant', content: 'Yes.', [field]: 'Hm.' },
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
