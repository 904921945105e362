import { describe, expect, it } from '@jest/globals';
import { LoginCodes } from './login-codes.js';

const MINUTE = 60_000;

const create = (codes: LoginCodes, onEnd?: () => void) => codes.create(onEnd, 0);

describe('the code of a one-time link', () => {
  it('is good once, for ten minutes', () => {
    const codes = new LoginCodes();
    const [one, two, three] = [create(codes), create(codes), create(codes)];
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
    const all = Array.from({ length: 21 }, () => create(codes));
    expect(all.map((code) => codes.take(code, 1))).toEqual([false, ...Array<boolean>(20).fill(true)]);
  });

  it('tells once when it has been tried, gave way to newer ones, or all are dropped', () => {
    const codes = new LoginCodes();
    const ended: string[] = [];
    create(codes, () => ended.push('gave way'));
    const taken = create(codes, () => ended.push('taken'));
    const late = create(codes, () => ended.push('late'));
    create(codes, () => ended.push('dropped'));
    codes.take('another', 1);
    codes.take(taken, 1);
    codes.take(taken, 1);
    expect(ended).toEqual(['taken']);
    for (let i = 0; i < 18; i++) create(codes);
    expect(ended).toEqual(['taken', 'gave way']);
    codes.take(late, 10 * MINUTE);
    codes.clear();
    codes.clear();
    expect(ended).toEqual(['taken', 'gave way', 'late', 'dropped']);
  });
});
