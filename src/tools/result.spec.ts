import { describe, expect, it } from '@jest/globals';
import { boundResult, headOf } from './result.js';
import { textResult } from './tool.js';

const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
const MAX = 1_000;

describe('the result of a tool', () => {
  it.each([['short'], [textResult('short')], [{ a: [1, null] }], [0], [null]])(
    'is kept as it is: %j',
    (content) => {
      expect(boundResult('t', content, MAX)).toEqual({ content, bytes: bytesOf(content) });
    },
  );

  it('is null when there is none', () => {
    expect(boundResult('t', undefined, MAX)).toEqual({ content: null, bytes: 4 });
  });

  it.each([
    ['a text', 'x'.repeat(5_000)],
    ['a text of long characters', '€😀'.repeat(400)],
    ['a text that JSON escapes', '\u0001'.repeat(900)],
    ['a text part', textResult('y'.repeat(5_000))],
    ['many text parts', Array.from({ length: 300 }, (_, i) => ({ type: 'text', name: `n${i}`, text: 'z' }))],
    ['other JSON', Array.from({ length: 900 }, (_, i) => ({ i }))],
  ])('is cut to its bound, and says so: %s', (_what, given) => {
    const { content, bytes } = boundResult('t', given, MAX);
    expect(bytes).toBe(bytesOf(content));
    expect(bytes).toBeLessThanOrEqual(MAX);
    expect(bytes).toBeGreaterThan(MAX / 2);
    expect(JSON.stringify(content)).toContain('the rest was cut');
    expect(JSON.stringify(content).isWellFormed()).toBe(true);
  });

  it('is cut before anything copies it, however long it is', () => {
    const long = Buffer.alloc(100_000_000, 'x').toString('latin1');
    const before = process.memoryUsage().rss;
    boundResult('t', long, MAX);
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  });

  it.each([
    ['no JSON', () => 1n, /t gave a result that is no JSON/],
    [
      'too deep',
      () => JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as unknown,
      /more than 200 levels/,
    ],
  ])('is refused in words when it is %s', (_what, make, words) => {
    expect(() => boundResult('t', make(), MAX)).toThrow(words);
  });

  it('ends with a whole character', () => {
    for (let bytes = 0; bytes < 40; bytes++)
      expect(headOf('a😀'.repeat(20), bytes).isWellFormed()).toBe(true);
  });
});
