import { describe, expect, it } from '@jest/globals';
import { cutText, wellFormed } from './text.js';

describe('a text that is cut', () => {
  it.each([
    ['fits', 'abc', 3, 'abc'],
    ['is too long', 'abcd', 3, 'abc'],
    ['ends with a whole pair', 'a😀b', 3, 'a😀'],
    ['would end within a pair', 'ab😀', 3, 'ab'],
    ['has no room for its first pair', '😀', 1, ''],
    ['has no room at all', 'ab', 0, ''],
    ['has less room than none', 'ab', -1, ''],
  ])('keeps whole characters when it %s', (_what, text, maxLength, head) => {
    expect(cutText(text, maxLength)).toBe(head);
  });

  it('is well-formed wherever it is cut', () => {
    const text = 'x😀👩‍👩‍👧é'.repeat(3);
    for (let length = 0; length <= text.length; length++) {
      expect(cutText(text, length).isWellFormed()).toBe(true);
      expect(cutText(text, length).length).toBeLessThanOrEqual(length);
    }
  });
});

describe('a well-formed value', () => {
  it('is the same object', () => {
    const value = {
      a: ['x😀', 1, null, undefined],
      b: { c: new URL('http://x.example'), d: new Uint8Array(2) },
    };
    expect(wellFormed(value)).toBe(value);
  });

  it('has no half of a pair in its texts and keys', () => {
    const url = new URL('http://x.example');
    const value = { a: ['\ud83d', 'b\ude00c'], '\ud83d': { d: 'x😀' }, url, n: 1 };
    const mended = wellFormed(value);
    expect(mended).toEqual({ a: ['\ufffd', 'b\ufffdc'], '\ufffd': { d: 'x😀' }, url, n: 1 });
    expect(value.a[0]).toBe('\ud83d');
  });

  it('keeps fields that are named like parts of the prototype', () => {
    const value = JSON.parse('{"__proto__": {"a": "\\ud83d"}, "constructor": "\\ud83d"}') as object;
    expect(JSON.stringify(wellFormed(value))).toBe('{"__proto__":{"a":"\ufffd"},"constructor":"\ufffd"}');
  });
});
