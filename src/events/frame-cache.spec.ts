import { describe, expect, it } from '@jest/globals';
import { FrameCache } from './frame-cache.js';

describe('the cache of frames', () => {
  it('keeps those that were asked for last, up to its bound', async () => {
    const cache = new FrameCache();
    const frame = 'x'.repeat(3_000_000);
    for (const seq of [1, 2]) cache.add('s', seq, Promise.resolve(frame));
    await Promise.resolve();
    expect(cache.get('s', 1)).toBe(frame);
    cache.add('s', 3, Promise.resolve(frame));
    await Promise.resolve();
    expect([1, 2, 3].map((seq) => cache.get('s', seq) === frame)).toEqual([true, false, true]);
  });

  it('forgets one that could not be made, and is asked for by many while it is made', async () => {
    const cache = new FrameCache();
    const failing = Promise.reject(new Error('gone'));
    cache.add('s', 1, failing);
    expect(cache.get('s', 1)).toBe(failing);
    await expect(failing).rejects.toThrow('gone');
    expect(cache.get('s', 1)).toBeUndefined();
  });
});
