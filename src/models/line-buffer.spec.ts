import { describe, expect, it } from '@jest/globals';
import { LineBuffer } from './line-buffer.js';

describe('a buffer of lines', () => {
  it('gives each line once it has ended, with LF, CR or both, however it is cut', () => {
    const text = 'one\ntwo\r\n\nthree ✓\n\rfour\r\rfive\r';
    for (let size = 1; size <= text.length; size++) {
      const buffer = new LineBuffer();
      const lines: string[] = [];
      for (let at = 0; at < text.length; at += size) lines.push(...buffer.push(text.slice(at, at + size)));
      expect([...lines, buffer.end()]).toEqual(['one', 'two', '', 'three ✓', '', 'four', '', 'five', '']);
    }
  });

  it('keeps what has not ended, and gives it at the end', () => {
    const buffer = new LineBuffer();
    expect(buffer.push('one\ntw')).toEqual(['one']);
    expect(buffer.push('o')).toEqual([]);
    expect(buffer.end()).toBe('two');
    expect(buffer.end()).toBe('');
  });

  it('puts a line together that comes in millions of pieces, each copied twice at most', () => {
    const buffer = new LineBuffer();
    for (let i = 0; i < 2_000_000; i++) buffer.push('x');
    expect(buffer.push('\n')).toEqual(['x'.repeat(2_000_000)]);
  });

  it('refuses a line that has no end after 8,000,000 characters', () => {
    const buffer = new LineBuffer();
    for (let i = 0; i < 8; i++) buffer.push('x'.repeat(1_000_000));
    expect(() => buffer.push('x')).toThrow(new SyntaxError('a line has no end after 8000000 characters'));
  });
});
