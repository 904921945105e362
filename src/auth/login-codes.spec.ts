import { describe, expect, it } from '@jest/globals';
import { LoginCodes } from './login-codes.js';

const MINUTE = 60_000;

describe('the code of a one-time link', () => {
  it('is good once, for ten minutes', () => {
    const codes = new LoginCodes();
    const [one, two, three] = [codes.create(0), codes.create(0), codes.create(0)];
    expect(new Set([one, two, three]).size).toBe(3);
    expect(codes.take(one, 10 * MINUTE - 1)).toBe(true);
    expect(codes.take(one, 1)).toBe(false);
    expect(codes.take(two, 10 * MINUTE)).toBe(false);
    expect(codes.take(two, 1)).toBe(false); // tried too late, and gone
    expect(codes.take('another', 1)).toBe(false);
    codes.clear();
    expect(codes.take(three, 1)).toBe(false);
  });

  it('waits with nineteen others at most', () => {
    const codes = new LoginCodes();
    const all = Array.from({ length: 21 }, () => codes.create(0));
    expect(all.map((code) => codes.take(code, 1))).toEqual([false, ...Array<boolean>(20).fill(true)]);
  });
});
