import { describe, expect, it } from '@jest/globals';
import { wholeCharacters } from './text-file.js';

describe('a part of a text', () => {
  it.each(['a', 'é', '€', '😀', 'aé€😀', ''])(
    'ends with a whole character, wherever it is cut: %j',
    (text) => {
      const bytes = Buffer.from(text);
      for (let length = 0; length <= bytes.length; length++) {
        const whole = wholeCharacters(bytes.subarray(0, length)).toString();
        expect(text.startsWith(whole)).toBe(true);
        expect(length - Buffer.byteLength(whole)).toBeLessThan(4);
      }
      expect(wholeCharacters(bytes)).toEqual(bytes);
    },
  );

  it('that is no UTF-8 stays as it is', () => {
    const bytes = Buffer.from([0x80, 0x80, 0x80, 0x80]);
    expect(wholeCharacters(bytes)).toEqual(bytes);
  });
});
