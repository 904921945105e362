import { describe, expect, it } from '@jest/globals';
import { CallIds } from './call-ids.js';

const ids = (used: string[] = [], complete = true) =>
  new CallIds(used, complete, (text) => text.replaceAll('secret-key', '***'));

describe('the id of a tool call', () => {
  it.each(['call_1', 'functions.read_file:0', 'toolu_01AbC', 'x'.repeat(200)])(
    'is the given one: %s',
    (id) => {
      expect(ids().take(id)).toBe(id);
    },
  );

  it.each([
    ['given twice', ['a'], 'a'],
    ['used earlier in the session', ['a'], 'a'],
    ['none', [], ''],
    ['very long', [], 'x'.repeat(201)],
    ['not printable', [], 'a\u0000b'],
    ['half a character', [], '\ud800'],
    ['one that holds a secret', [], 'call_secret-key'],
  ])('is one of our own when it was %s', (_what, used, given) => {
    expect(ids(used).take(given)).toMatch(/^[\w-]{25}$/);
  });

  it('is never the same twice', () => {
    const session = ids();
    const taken = Array.from({ length: 50 }, (_, i) => session.take(i % 2 ? 'same' : '__proto__'));
    expect(new Set(taken).size).toBe(50);
  });

  it('is one of our own when it is not known which ones the session has used', () => {
    expect(ids([], false).take('call_1')).not.toBe('call_1');
  });
});
