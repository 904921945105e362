import { describe, expect, it } from '@jest/globals';
import { AtOnce, RateLimit } from './rate-limit.js';

describe('a rate limit', () => {
  it('gives a minute of it at once, then one at a time', () => {
    const limit = new RateLimit(60);
    for (let i = 0; i < 60; i++) expect(limit.take('a', 1_000)).toBe(0);
    expect(limit.take('a', 1_000)).toBe(1_000);
    expect(limit.take('a', 1_400)).toBe(600);
    expect(limit.take('a', 2_000)).toBe(0);
    expect(limit.take('a', 2_000)).toBe(1_000);
  });

  it('never gives more than twice of it within a minute, nor less than it, whenever they come', () => {
    const limit = new RateLimit(30);
    const taken: number[] = [];
    for (let now = 0; now < 600_000; now += 250) if (limit.take('a', now) === 0) taken.push(now);
    for (const from of taken) {
      const within = taken.filter((at) => at >= from && at < from + 60_000).length;
      expect(within).toBeLessThanOrEqual(60);
    }
    expect(taken.filter((at) => at >= 60_000)).toHaveLength(270);
  });

  it('counts each client by itself', () => {
    const limit = new RateLimit(1);
    expect([limit.take('a', 0), limit.take('b', 0)]).toEqual([0, 0]);
    expect(limit.take('a', 0)).toBe(60_000);
  });

  it('remembers a bounded number of them, those that came last', () => {
    const limit = new RateLimit(1);
    for (let i = 0; i < 10_001; i++) limit.take(`client ${i}`, 0);
    expect(limit.take('client 0', 0)).toBe(0);
    expect(limit.take('client 10000', 0)).toBe(60_000);
  });
});

describe('a limit at once', () => {
  it('gives places, and again what was given back', () => {
    const places = new AtOnce(2);
    const [first, second] = [places.hold('a'), places.hold('a')];
    expect(places.hold('a')).toBeUndefined();
    expect(places.hold('b')).toBeDefined();
    first?.();
    expect(places.hold('a')).toBeDefined();
    expect(places.hold('a')).toBeUndefined();
    second?.();
    expect(places.hold('a')).toBeDefined();
  });
});
