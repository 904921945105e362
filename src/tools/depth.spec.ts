import { describe, expect, it } from '@jest/globals';
import { isDeeperThan } from './depth.js';

const nested = (levels: number): unknown =>
  JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown;

describe('the depth of JSON', () => {
  it.each([
    ['a text', 'x', 0],
    ['nothing', null, 0],
    ['an object', { a: 1, b: 'x' }, 1],
    ['a list of objects', [{ a: [] }, {}], 3],
  ])('is found: %s', (_what, value, levels) => {
    expect(isDeeperThan(value, levels)).toBe(false);
    if (levels > 0) expect(isDeeperThan(value, levels - 1)).toBe(true);
  });

  it('is found where recursion would run out of stack', () => {
    expect(isDeeperThan(nested(200_000), 100)).toBe(true);
    expect(isDeeperThan(nested(200_000), 200_000)).toBe(false);
  });
});
