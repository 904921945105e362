import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { ChatStream } from './chat-stream.js';

const data = (chunk: unknown) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`;
const delta = (fields: unknown, finish_reason: unknown = null) =>
  data({ choices: [{ delta: fields, finish_reason }] });
const END = delta({}, 'stop');

function read(...texts: string[]): LanguageModelV3StreamPart[] {
  const parts: LanguageModelV3StreamPart[] = [];
  const stream = new ChatStream((part) => parts.push(part));
  for (const text of texts) stream.push(text);
  stream.end();
  return parts;
}

const ends = (parts: readonly LanguageModelV3StreamPart[]) => parts.filter(({ type }) => type === 'finish');
const whole = (parts: readonly LanguageModelV3StreamPart[]) =>
  parts.filter(({ type }) => type === 'tool-call');

/** Values of every type; at most one of them is valid for a field. */
const ODD = [5, 0, true, [], ['x'], {}, { a: 'x' }, null];

describe('a field of another type than its own', () => {
  it.each(['content', 'reasoning_content', 'reasoning', 'tool_calls'])('is none: delta.%s', (field) => {
    const odd =
      field === 'tool_calls' ? [...ODD.filter((each) => !Array.isArray(each)), 'x', [5, 'x', null]] : ODD;
    for (const value of odd) expect(read(delta({ [field]: value }), END)).toEqual(read(END));
  });

  it.each([...ODD, 'x'])('is none: a delta, a choice and a usage that are %j', (value) => {
    if (value === null || typeof value !== 'object') {
      expect(
        read(delta(value), data({ choices: [value] }), data({ choices: [], usage: value }), END),
      ).toEqual(read(END));
    }
  });

  it('is none: what names a call', () => {
    const [first, second] = whole(
      read(
        delta({
          tool_calls: [{ index: '0', id: 7, function: { name: 'read_file', arguments: { path: 'a' } } }],
        }),
        delta({ tool_calls: [{ index: 1, id: ['x'], function: { name: 'edit_file', arguments: '{"a":' } }] }),
        delta({
          tool_calls: [
            { index: 1, function: { name: 8, arguments: '1}' } },
            { index: 1, function: 'x' },
          ],
        }),
        END,
      ),
    );
    expect(first).toMatchObject({
      toolName: 'read_file',
      input: '{"path":"a"}',
      toolCallId: expect.stringMatching(/^[\w-]{25}$/),
    });
    expect(second).toMatchObject({ toolName: 'edit_file', input: '{"a":1}' });
  });

  it.each([-1, 0.5, '7', true, [7], {}, '1e400', '-1e400', '9007199254740993'])(
    'is none: a number of tokens that is %j',
    (tokens) => {
      const number = typeof tokens === 'string' && tokens !== '7' ? tokens : JSON.stringify(tokens);
      const usage = `{"choices":[],"usage":{"prompt_tokens":${number},"completion_tokens":3}}`;
      expect(ends(read(END, data(usage)))).toMatchObject([
        { usage: { inputTokens: { total: undefined }, outputTokens: { total: 3 } } },
      ]);
    },
  );

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'is a plain text: a reason of the end that is %s',
    (reason) => {
      expect(ends(read(delta({ content: 'x' }), delta({}, reason)))).toMatchObject([
        { finishReason: { unified: 'other', raw: reason } },
      ]);
    },
  );
});

describe('the tool calls of an answer', () => {
  const calling = (count: number, from = 0) =>
    delta({
      tool_calls: Array.from({ length: count }, (_, i) => ({
        index: from + i,
        id: `c${from + i}`,
        function: { name: 'list_directory', arguments: '{}' },
      })),
    });

  it('are kept up to one more than there may be', () => {
    const parts = read(calling(100), calling(6_000, 100), END);
    expect(whole(parts)).toHaveLength(129);
    const starts = parts.filter((part) => part.type === 'tool-input-start');
    expect(starts.filter(({ id }) => id !== '')).toHaveLength(129);
    expect(starts).toHaveLength(6_100); // all are counted
  });

  it('take no arguments of calls that are not kept', () => {
    const more = Array.from({ length: 50 }, (_, i) => ({
      tool_calls: [
        { id: `more${i}`, function: { name: 'x' } },
        { function: { arguments: '{"of":"another"}' } },
      ],
    }));
    const parts = read(calling(129), ...more.map((each) => delta(each)), END);
    expect(new Set(whole(parts).map((part) => part.type === 'tool-call' && part.input))).toEqual(
      new Set(['{}']),
    );
  });

  it('keep no id that is as long as a book', () => {
    const id = 'x'.repeat(1_000_000);
    const parts = read(delta({ tool_calls: [{ index: 0, id, function: { name: 'read_file' } }] }), END);
    expect(whole(parts)).toMatchObject([{ toolCallId: expect.stringMatching(/^[\w-]{25}$/) }]);
  });

  it('are refused when their arguments come without a name, again and again', () => {
    const nameless = delta({
      tool_calls: [{ index: 0, id: 'a', function: { arguments: 'x'.repeat(100_000) } }],
    });
    expect(() => read(...Array<string>(11).fill(nameless))).toThrow(/have no name/);
  });
});
