import { describe, expect, it } from '@jest/globals';
import { addCounts, toCount } from './counts.js';

describe('a count that somebody else gives', () => {
  it.each([0, 1, 4096, Number.MAX_SAFE_INTEGER])('is taken: %d', (count) => {
    expect(toCount(count)).toBe(count);
  });

  it.each([[-1], [0.5], [NaN], [Infinity], [-Infinity], [2 ** 53], ['7'], [null], [undefined], [{}], [7n]])(
    'is 0 when it is no whole, safe number: %p',
    (given) => {
      expect(toCount(given)).toBe(0);
    },
  );

  it('has a sum that stays a count', () => {
    expect(addCounts(3, 4)).toBe(7);
    expect(addCounts(Number.MAX_SAFE_INTEGER, 5)).toBe(Number.MAX_SAFE_INTEGER);
    expect(addCounts(NaN, 5)).toBe(5);
  });
});
