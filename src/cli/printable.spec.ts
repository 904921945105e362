import { describe, expect, it } from '@jest/globals';
import { printable } from './printable.js';

describe('foreign text for a terminal', () => {
  it.each([
    ['an escape sequence', '\u001b[2J\u001b]0;title\u0007', '\\u{1b}[2J\\u{1b}]0;title\\u{7}'],
    ['the escape of eight bits', '\u009b31m', '\\u{9b}31m'],
    ['line ends', 'a\r\nb\u2028c\u2029d\u0085e', 'a\\u{d}\\u{a}b\\u{2028}c\\u{2029}d\\u{85}e'],
    ['what reorders', 'a\u202eb\u2066c\u200fd', 'a\\u{202e}b\\u{2066}c\\u{200f}d'],
    ['what has no width', 'a\u200bb\u2060c\ufeffd\u00ade', 'a\\u{200b}b\\u{2060}c\\u{feff}d\\u{ad}e'],
    ['fillers', '\u3164\uffa0\u115f\u2800', '\\u{3164}\\u{ffa0}\\u{115f}\\u{2800}'],
    ['other blanks', 'a\u00a0b\u3000c\td', 'a\\u{a0}b\\u{3000}c\\u{9}d'],
    ['half a surrogate pair', 'a\ud83d', 'a\\u{d83d}'],
    ['tags and variations', '\u{e0041}\ufe0f', '\\u{e0041}\\u{fe0f}'],
  ])('shows %s', (_, text, shown) => expect(printable(text)).toBe(shown));

  it('leaves what can be seen', () => {
    for (const text of ['/home/me/proj 1', 'größe', '設定', '😀', 'a\\u{1b}'])
      expect(printable(text)).toBe(text);
  });
});
