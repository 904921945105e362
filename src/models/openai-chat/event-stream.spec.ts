import { describe, expect, it } from '@jest/globals';
import { EventStream } from './event-stream.js';

function read(...texts: string[]) {
  const seen: unknown[] = [];
  const stream = new EventStream({
    json: (value, type) => seen.push(type === '' ? value : [type, value]),
    text: (data, type) => seen.push([type, data]),
    comment: () => seen.push('comment'),
    stray: (line) => seen.push({ stray: line }),
  });
  for (const text of texts) stream.push(text);
  stream.end();
  return seen;
}

describe('a stream of events with JSON', () => {
  it.each<[string, string, unknown[]]>([
    ['a byte-order mark', '\ufeffdata: {"a":1}\n\n', [{ a: 1 }]],
    ['a line end of CR alone', 'data: {"a":1}\r\rdata: {"a":2}\r\r', [{ a: 1 }, { a: 2 }]],
    ['line ends of all kinds', 'data: {"a":1}\r\n\rdata: {"a":2}\n\r\n', [{ a: 1 }, { a: 2 }]],
    ['data over several lines', 'data: {"a":\ndata: 1,\ndata:"b":2}\n\n', [{ a: 1, b: 2 }]],
    ['a string over several lines of data', 'data: {"a":"x}\ndata: "}\n\n', [['', '{"a":"x}\n"}']]],
    ['a list over several lines', 'data: [\ndata: {"a":1}]\n\n', [[{ a: 1 }]]],
    ['no empty lines', 'data: {"a":1}\ndata: {"a":2}\ndata: [DONE]\n', [{ a: 1 }, { a: 2 }, ['', '[DONE]']]],
    ['an end without a line end', 'data: {"a":1}\n\ndata: {"a":2}', [{ a: 1 }, { a: 2 }]],
    ['an end within an event', 'data: {"a":1}\n\ndata: {"a":', [{ a: 1 }]],
    ['an end within an event over several lines', 'data: {"a":\ndata: 1', []],
    ['a field without a value', 'data\nid\nretry\n\ndata: {"a":1}\n\n', [{ a: 1 }]],
    ['fields that are ignored', 'id: 1\nretry: 5\nx-more: y\ndata: {"a":1}\n\n', [{ a: 1 }]],
    ['comments', ': PROCESSING\n\n:\ndata: {"a":1}\n\n', ['comment', 'comment', { a: 1 }]],
    ['types of events', 'event: error\ndata: {"a":1}\n\ndata: {"a":2}\n\n', [['error', { a: 1 }], { a: 2 }]],
    ['text', 'event: error\ndata: Too\ndata: bad\n\n', [['error', 'Too\nbad']]],
    ['an error that does not end', 'event: error\ndata: Too bad', [['error', 'Too bad']]],
    [
      'lines of no event',
      'error: {"a":1}\nInternal Server Error\n',
      [{ stray: 'error: {"a":1}' }, { stray: 'Internal Server Error' }],
    ],
    ['bare JSON', '{"error":"x"}\n', [{ stray: '{"error":"x"}' }]],
  ])('may hold %s, wherever it is cut', (_what, text, expected) => {
    expect(read(text)).toEqual(expected);
    expect(read(...text)).toEqual(expected);
    for (let at = 0; at <= text.length; at++) {
      expect(read(text.slice(0, at), text.slice(at))).toEqual(expected);
    }
  });

  it('may not hold an event of more than 8,000,000 characters', () => {
    const line = `data: ${'x'.repeat(1_000_000)}\n`;
    expect(() => read(...Array<string>(9).fill(line))).toThrow(
      'an event has no end after 8000000 characters',
    );
  });

  it('may not hold very many values in an event', () => {
    expect(() => read(`data: {"a":[${'{},'.repeat(100_000)}0]}\n\n`)).toThrow(/more than 100000 values/);
  });
});
