import { describe, expect, it } from '@jest/globals';
import { linesWith } from './search-files.js';

describe('the lines with a text', () => {
  it.each([
    ['one\ntwo\none more\n', 'one', ['1: one', '3: one more']],
    ['a a a\na', 'a', ['1: a a a', '2: a']],
    ['\n\n  Indented, A \n', 'a', ['3: Indented, A']],
    ['İİİ\nnaïve\nİA\n', 'a', ['2: naïve', '3: İA']], // in lower case, İ is two characters
    ['one\r\ntwo\r\n', 'two', ['2: two']],
    ['one\ntwo\n', 'e\nt', []],
    ['', 'a', []],
  ])('in %j, with %j', (text, needle, lines) => {
    expect(linesWith(text, needle, 100)).toEqual(lines);
  });

  it('are no more than are wanted, and no longer than 300 characters', () => {
    expect(linesWith('a\n'.repeat(1_000_000), 'a', 3)).toEqual(['1: a', '2: a', '3: a']);
    expect(linesWith('a'.repeat(1_000), 'a', 3)).toEqual([`1: ${'a'.repeat(300)}`]);
  });
});
