import { describe, expect, it } from '@jest/globals';
import { FailureLimiter } from './failure-limiter.js';

function setUp() {
  let now = 1_000_000;
  const limiter = new FailureLimiter(() => now);
  const fail = (address: string, times: number) => {
    for (let i = 0; i < times; i++) limiter.failed(address);
  };
  return { limiter, fail, after: (ms: number) => (now += ms) };
}

describe('the limit of wrong tokens', () => {
  it('is met by ten within a minute, and is over when the minute is', () => {
    const { limiter, fail, after } = setUp();
    fail('10.0.0.1', 9);
    expect(limiter.waitMs('10.0.0.1')).toBe(0);
    after(20_000);
    fail('10.0.0.1', 1);
    expect(limiter.waitMs('10.0.0.1')).toBe(40_000);
    after(39_001);
    expect(limiter.waitMs('10.0.0.1')).toBe(999);
    after(999);
    expect(limiter.waitMs('10.0.0.1')).toBe(0);
    fail('10.0.0.1', 9);
    expect(limiter.waitMs('10.0.0.1')).toBe(0); // a new minute, a new count
  });

  it('is each address its own', () => {
    const { limiter, fail } = setUp();
    fail('10.0.0.1', 50);
    expect(limiter.waitMs('10.0.0.2')).toBe(0);
  });

  it('takes the addresses that one IPv6 network has for one', () => {
    const { limiter, fail } = setUp();
    for (let i = 0; i < 10; i++) fail(`2001:db8:1:2::${i}`, 1);
    expect(limiter.waitMs('2001:db8:1:2:ffff:1:2:3')).toBe(60_000);
    expect(limiter.waitMs('2001:db8:1:3::1')).toBe(0);
    fail('::1', 10);
    expect(limiter.waitMs('::1')).toBe(60_000);
    fail('::ffff:10.0.0.1', 10);
    expect(limiter.waitMs('::ffff:10.0.0.2')).toBe(0);
  });

  it('remembers 10,000 addresses and uses, and forgets the oldest', () => {
    const { limiter, fail } = setUp();
    fail('10.0.0.1', 10);
    limiter.succeeded('10.0.0.1', 'hash');
    const others = Array.from({ length: 10_000 }, (_, i) => `11.0.${i >> 8}.${i & 255}`);
    for (const other of others.slice(1)) fail(other, 1);
    for (const other of others.slice(1)) limiter.succeeded(other, 'hash');
    expect([limiter.waitMs('10.0.0.1'), limiter.hasUsed('10.0.0.1', 'hash')]).toEqual([60_000, true]);
    fail(others[0] ?? '', 1);
    limiter.succeeded(others[0] ?? '', 'hash');
    expect([limiter.waitMs('10.0.0.1'), limiter.hasUsed('10.0.0.1', 'hash')]).toEqual([0, false]);
  });

  it('knows which address has used which token', () => {
    const { limiter } = setUp();
    limiter.succeeded('10.0.0.1', 'one');
    expect(limiter.hasUsed('10.0.0.1', 'one')).toBe(true);
    expect(limiter.hasUsed('10.0.0.1', 'two')).toBe(false);
    expect(limiter.hasUsed('10.0.0.2', 'one')).toBe(false);
  });
});
