import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { ChatStream } from './chat-stream.js';

const data = (chunk: unknown) => `data: ${JSON.stringify(chunk)}\n\n`;
const delta = (fields: object, finish_reason: string | null = null) =>
  data({ choices: [{ index: 0, delta: fields, finish_reason }] });
const DONE = 'data: [DONE]\n\n';

interface CallDelta {
  index?: number | null;
  id?: string;
  name?: string;
  args?: string;
}
const calls = (...deltas: CallDelta[]) =>
  delta({
    tool_calls: deltas.map(({ index, id, name, args }) => ({
      ...(index !== undefined && { index }),
      ...(id !== undefined && { id }),
      function: { ...(name !== undefined && { name }), ...(args !== undefined && { arguments: args }) },
    })),
  });

/** The parts of a stream of these texts, after the regular end of the connection. */
function read(...texts: string[]): LanguageModelV3StreamPart[] {
  const parts: LanguageModelV3StreamPart[] = [];
  const stream = new ChatStream((part) => parts.push(part));
  for (const text of texts) stream.push(text);
  stream.end();
  return parts;
}

const types = (parts: readonly LanguageModelV3StreamPart[]) => parts.map(({ type }) => type);
const joined = (parts: readonly LanguageModelV3StreamPart[], type: 'text-delta' | 'reasoning-delta') =>
  parts.map((part) => (part.type === type ? part.delta : '')).join('');
const toolCalls = (parts: readonly LanguageModelV3StreamPart[]) =>
  parts.flatMap((part) => (part.type === 'tool-call' ? [part] : []));
const finish = (parts: readonly LanguageModelV3StreamPart[]) => parts.find(({ type }) => type === 'finish');

/** Name and joined deltas of each call, in the order in which the calls began. */
function streamed(parts: readonly LanguageModelV3StreamPart[]) {
  const open = new Map<string, { name: string; args: string }>();
  for (const part of parts) {
    if (part.type === 'tool-input-start') open.set(part.id, { name: part.toolName, args: '' });
    const call = part.type === 'tool-input-delta' && open.get(part.id);
    if (call) call.args += part.delta;
  }
  return [...open.values()].map(({ name, args }) => [name, args]);
}

describe('the stream of /chat/completions', () => {
  it('hands on each delta once, then the reason of the end and the usage', () => {
    const usage = data({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } });
    expect(
      read(
        delta({ role: 'assistant', content: '' }),
        delta({ content: 'Good' }),
        delta({ content: ' day' }),
        delta({}, 'stop'),
        usage,
        DONE,
      ),
    ).toEqual([
      { type: 'text-delta', id: 'text', delta: 'Good' },
      { type: 'text-delta', id: 'text', delta: ' day' },
      {
        type: 'finish',
        finishReason: { unified: 'stop', raw: 'stop' },
        usage: {
          inputTokens: { total: 7, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 3, text: undefined, reasoning: undefined },
        },
      },
    ]);
  });

  it('is the same wherever it is cut', () => {
    const whole = [
      ': keep-alive\n\n',
      delta({ reasoning_content: 'Grübeln…' }),
      delta({ content: 'Zwei 👋🏽 ' }).replaceAll('\n', '\r\n'),
      calls({ index: 0, id: 'a', name: 'read', args: '' }),
      calls({ index: 0, args: '{"p":"ü"}' }),
      delta({}, 'tool_calls'),
      DONE,
    ].join('');
    const expected = read(whole);
    expect(types(expected).at(-1)).toBe('finish');
    for (let at = 0; at <= whole.length; at++) {
      expect(read(whole.slice(0, at), whole.slice(at))).toEqual(expected);
    }
    expect(read(...whole)).toEqual(expected);
  });

  it.each([
    ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['no space after the colon', (text: string) => text.replaceAll('data: ', 'data:')],
    [
      'comments between the lines',
      (text: string) => text.replaceAll('\n\n', '\n: OPENROUTER PROCESSING\n\n'),
    ],
    ['names and ids of events', (text: string) => text.replaceAll('data: ', 'event: message\nid: 7\ndata: ')],
    ['empty data', (text: string) => text.replaceAll('data: ', 'data:\n\ndata: \n\ndata: ')],
    ['no empty lines', (text: string) => text.replaceAll('\n\n', '\n')],
    ['no line end at the end', (text: string) => text.trimEnd()],
  ])('may be written with %s', (_how, rewrite) => {
    const whole = delta({ content: 'Good' }) + delta({ content: ' day' }, 'stop') + DONE;
    expect(read(rewrite(whole))).toEqual(read(whole));
  });

  it('may end without [DONE], after the reason of its end', () => {
    expect(finish(read(delta({ content: 'Hi' }), delta({}, 'stop')))).toMatchObject({
      finishReason: { unified: 'stop' },
    });
  });

  it('may end with [DONE] and no reason', () => {
    expect(finish(read(delta({ content: 'Hi' }), DONE))).toMatchObject({
      finishReason: { unified: 'stop', raw: 'stop' },
    });
    expect(finish(read(calls({ index: 0, id: 'a', name: 't', args: '{}' }), DONE))).toMatchObject({
      finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
    });
  });

  it.each<[string, string[]]>([
    ['nothing at all', []],
    ['empty lines and comments', ['\n\n: hello\n\n']],
    ['nothing but [DONE]', [DONE]],
    ['a delta and no end', [delta({ content: 'Half an' })]],
    ['half a call and no end', [calls({ index: 0, id: 'a', name: 't', args: '{"p' })]],
  ])('has no end and no calls after %s: it was cut off', (_what, texts) => {
    const parts = read(...texts);
    expect(finish(parts)).toBeUndefined();
    expect(toolCalls(parts)).toEqual([]);
  });

  it('ends once, however often it is told', () => {
    const parts: LanguageModelV3StreamPart[] = [];
    const stream = new ChatStream((part) => parts.push(part));
    stream.push(calls({ index: 0, id: 'a', name: 't' }) + delta({}, 'tool_calls') + DONE);
    stream.end();
    stream.end();
    expect(types(parts)).toEqual(['tool-input-start', 'tool-call', 'finish']);
  });

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content-filter'],
    ['tool_calls', 'tool-calls'],
    ['function_call', 'tool-calls'],
    ['error', 'error'],
    ['eos', 'stop'],
    ['STOP', 'stop'],
    ['end_turn', 'stop'],
    ['COMPLETE', 'stop'],
    ['max_tokens', 'length'],
    ['MAX_TOKENS', 'length'],
    ['model_length', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['sensitive', 'content-filter'],
    ['SAFETY', 'content-filter'],
    ['TOOL_CALL', 'tool-calls'],
    ['tool-calls', 'tool-calls'],
    ['insufficient_system_resource', 'error'],
    ['network_error', 'error'],
    ['abort', 'error'],
    ['function_call_filter: MALFORMED_FUNCTION_CALL', 'error'],
    ['something_new', 'other'],
  ])('that ends with "%s" ends with %s', (raw, unified) => {
    expect(finish(read(delta({ content: 'x' }, raw)))).toMatchObject({ finishReason: { unified, raw } });
  });

  describe('its thoughts', () => {
    it.each(['reasoning_content', 'reasoning'])('may come as %s, and say so', (field) => {
      const parts = read(
        delta({ [field]: 'Let me' }),
        delta({ [field]: ' see.' }),
        delta({ content: 'Yes' }, 'stop'),
      );
      expect(parts.slice(0, 4)).toEqual([
        { type: 'reasoning-start', id: 'thinking', providerMetadata: { chat: { field } } },
        { type: 'reasoning-delta', id: 'thinking', delta: 'Let me' },
        { type: 'reasoning-delta', id: 'thinking', delta: ' see.' },
        { type: 'text-delta', id: 'text', delta: 'Yes' },
      ]);
    });

    it.each([
      ['both', { reasoning_content: 'Hm.', reasoning: 'Hm.' }],
      ['an empty one of the two', { reasoning_content: '', reasoning: 'Hm.' }],
      ['null for the other', { reasoning_content: null, reasoning: 'Hm.', content: null }],
    ])('are taken once when a server sends %s', (_what, fields) => {
      const parts = read(delta(fields), delta({ content: 'Yes' }, 'stop'));
      expect(joined(parts, 'reasoning-delta')).toBe('Hm.');
      expect(joined(parts, 'text-delta')).toBe('Yes');
    });
  });

  describe('its tool calls', () => {
    const end = delta({}, 'tool_calls') + DONE;

    it('come whole at the end, in the order in which they began, however their arguments are interleaved', () => {
      const parts = read(
        calls({ index: 0, id: 'a', name: 'read', args: '' }),
        calls({ index: 1, id: 'b', name: 'list' }, { index: 0, args: '{"path"' }),
        calls({ index: 1, args: '{"di' }),
        calls({ index: 0, args: ':"x"}' }, { index: 1, args: 'r":"y"}' }),
        end,
      );
      expect(toolCalls(parts)).toEqual([
        { type: 'tool-call', toolCallId: 'a', toolName: 'read', input: '{"path":"x"}' },
        { type: 'tool-call', toolCallId: 'b', toolName: 'list', input: '{"dir":"y"}' },
      ]);
      expect(streamed(parts)).toEqual([
        ['read', '{"path":"x"}'],
        ['list', '{"dir":"y"}'],
      ]);
      expect(types(parts).slice(-3)).toEqual(['tool-call', 'tool-call', 'finish']);
    });

    it('have an empty object for arguments when they have none', () => {
      const parts = read(calls({ index: 0, id: 'a', name: 'list' }), end);
      expect(toolCalls(parts)).toMatchObject([{ input: '{}' }]);
    });

    it.each<[string, string[]]>([
      [
        'without an index',
        [
          calls({ id: 'a', name: 'read', args: '{"pa' }),
          calls({ args: 'th":1}' }),
          calls({ id: 'b', name: 'list', args: '{}' }),
        ],
      ],
      [
        'with null for an index',
        [
          calls({ index: null, id: 'a', name: 'read', args: '{"path":1}' }),
          calls({ index: null, id: 'b', name: 'list', args: '{}' }),
        ],
      ],
      [
        'without an index, all in one chunk',
        [calls({ id: 'a', name: 'read', args: '{"path":1}' }, { id: 'b', name: 'list', args: '{}' })],
      ],
      [
        'without an index, interleaved by their ids',
        [
          calls({ id: 'a', name: 'read', args: '{"pa' }),
          calls({ id: 'b', name: 'list', args: '{' }),
          calls({ id: 'a', args: 'th":1}' }),
          calls({ id: 'b', args: '}' }),
        ],
      ],
      [
        'with the same index for all',
        [
          calls({ index: 0, id: 'a', name: 'read', args: '{"pa' }),
          calls({ index: 0, args: 'th":1}' }),
          calls({ index: 0, id: 'b', name: 'list', args: '{}' }),
        ],
      ],
      [
        'with the id and the name in every delta',
        [
          calls({ index: 0, id: 'a', name: 'read', args: '{"pa' }),
          calls({ index: 0, id: 'a', name: 'read', args: 'th":1}' }),
          calls({ index: 1, id: 'b', name: 'list', args: '{}' }),
        ],
      ],
      [
        'with another id in every delta',
        [
          calls({ index: 0, id: 'a', name: 'read', args: '{"pa' }),
          calls({ index: 0, id: 'z', args: 'th":1}' }),
          calls({ index: 1, id: 'b', name: 'list', args: '{}' }),
        ],
      ],
      [
        'with the name after the id',
        [
          calls({ index: 0, id: 'a' }),
          calls({ index: 0, name: 'read', args: '{"path":1}' }),
          calls({ index: 1, id: 'b', args: '{' }),
          calls({ index: 1, name: 'list', args: '}' }),
        ],
      ],
    ])('may come %s', (_how, chunks) => {
      const parts = read(...chunks, end);
      expect(toolCalls(parts)).toMatchObject([
        { toolCallId: 'a', toolName: 'read', input: '{"path":1}' },
        { toolCallId: 'b', toolName: 'list', input: '{}' },
      ]);
      expect(streamed(parts)).toEqual([
        ['read', '{"path":1}'],
        ['list', '{}'],
      ]);
    });

    it.each<[string, CallDelta[]]>([
      ['without ids', [{ name: 'read' }, { name: 'list' }]],
      [
        'with empty ids',
        [
          { index: 0, id: '', name: 'read' },
          { index: 1, id: '', name: 'list' },
        ],
      ],
      [
        'with the same id',
        [
          { index: 0, id: 'x', name: 'read' },
          { index: 1, id: 'x', name: 'list' },
        ],
      ],
    ])('%s get ids of their own', (_how, deltas) => {
      const found = toolCalls(read(...deltas.map((each) => calls(each)), end));
      expect(found.map(({ toolName }) => toolName)).toEqual(['read', 'list']);
      expect(new Set(found.map(({ toolCallId }) => toolCallId || undefined)).size).toBe(2);
      expect(found.every(({ toolCallId }) => toolCallId !== '')).toBe(true);
    });

    it('count although the server says "stop"', () => {
      const parts = read(calls({ index: 0, id: 'a', name: 'read', args: '{}' }), delta({}, 'stop'), DONE);
      expect(toolCalls(parts)).toHaveLength(1);
    });
  });

  describe('its usage', () => {
    const total = (...texts: string[]) => {
      const part = finish(read(...texts));
      return part?.type === 'finish' && [part.usage.inputTokens.total, part.usage.outputTokens.total];
    };
    const usage = { prompt_tokens: 7, completion_tokens: 3 };

    it('is that of the last chunk, after the reason of the end', () => {
      expect(total(delta({ content: 'x' }, 'stop'), data({ choices: [], usage }), DONE)).toEqual([7, 3]);
    });

    it('may stand in the chunk of the reason, or in one without choices', () => {
      const last = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage };
      expect(total(data(last), DONE)).toEqual([7, 3]);
      expect(total(delta({}, 'stop'), data({ usage }), DONE)).toEqual([7, 3]);
    });

    it('is the last that was said, null does not count', () => {
      const chunk = (used: unknown) =>
        data({ choices: [{ index: 0, delta: { content: 'x' }, finish_reason: 'stop' }], usage: used });
      expect(total(chunk({ prompt_tokens: 7, completion_tokens: 1 }), chunk(usage), chunk(null))).toEqual([
        7, 3,
      ]);
    });

    it('is unknown when nothing is said of it', () => {
      expect(total(delta({ content: 'x' }, 'stop'), DONE)).toEqual([undefined, undefined]);
    });
  });

  describe('an error', () => {
    it.each([[{ message: 'Out of memory', code: 500 }], ['overloaded']])(
      'in it is handed on: %j',
      (error) => {
        const parts = read(delta({ content: 'Half' }), data({ error }));
        expect(parts).toEqual([
          { type: 'text-delta', id: 'text', delta: 'Half' },
          { type: 'error', error },
        ]);
      },
    );

    it('beside a last choice is handed on too', () => {
      const error = { message: 'Provider disconnected', code: 502 };
      const chunk = { error, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] };
      expect(read(data(chunk))).toEqual([{ type: 'error', error }]);
    });

    it('that is null is none', () => {
      const parts = read(
        data({ error: null, choices: [{ delta: { content: 'Hi' }, finish_reason: 'stop' }] }),
      );
      expect(types(parts)).toEqual(['text-delta', 'finish']);
    });
  });

  it.each([
    ['no JSON', 'data: {"choices": [\n\n'],
    ['a page', 'data: <html>\n\n'],
    ['null', 'data: null\n\n'],
    ['a number', 'data: 7\n\n'],
    ['choices that are no list', data({ choices: 'none' })],
  ])('is refused with a SyntaxError for %s', (_what, text) => {
    expect(() => read(text)).toThrow(SyntaxError);
  });

  it('passes over chunks that hold nothing', () => {
    const nothing = [
      {},
      { choices: [] },
      { choices: null },
      { choices: [{}] },
      { choices: [{ delta: null }] },
    ];
    const parts = read(
      ...nothing.map(data),
      delta({ content: null, tool_calls: null }),
      delta({ content: 'Hi' }, 'stop'),
    );
    expect(types(parts)).toEqual(['text-delta', 'finish']);
  });
});
