import { describe, expect, it } from '@jest/globals';
import { expiryOf, scopesOf, showTime } from './token-options.js';

const NOW = Date.UTC(2026, 0, 1);

describe('--expires', () => {
  it.each([
    ['60s', 60_000],
    ['90m', 5_400_000],
    ['12h', 43_200_000],
    ['30d', 2_592_000_000],
    ['3650d', 315_360_000_000],
  ])('%s is %d ms from now', (text, ms) => expect(expiryOf(text, NOW)).toBe(NOW + ms));

  it('may be never', () => expect(expiryOf('never', NOW)).toBeNull());

  it.each(['', 'soon', '0d', '-1d', '5', '1.5h', '3651d', '9999999999s', '1w', ' 1d', '1d\n', '1D', 'Never'])(
    'is not %j',
    (text) => expect(() => expiryOf(text, NOW)).toThrow(`--expires is ${JSON.stringify(text)}, but must be`),
  );
});

describe('--scope', () => {
  it.each([
    ['read', ['read']],
    ['admin,read', ['read', 'admin']],
    [' query , read,read', ['read', 'query']],
  ])('%j is %j', (text, scopes) => expect(scopesOf(text)).toEqual(scopes));

  it.each(['', ',', 'write', 'read,', 'read,write', 'READ', 'read query'])('is not %j', (text) =>
    expect(() => scopesOf(text)).toThrow(`--scope is ${JSON.stringify(text)}, but must be one of`),
  );
});

it('a time is shown to the second, in UTC', () => {
  expect(showTime(NOW + 1_999)).toBe('2026-01-01 00:00:01 UTC');
  expect(showTime(null)).toBe('never');
});
