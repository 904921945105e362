import { describe, expect, it } from '@jest/globals';
import { parseForeignJson } from './json.js';

describe('JSON from elsewhere', () => {
  it.each(['{"a":[1,"x",null,true]}', '"text"', '0', '{"a":{"b":{}}}'])('is read: %s', (json) => {
    expect(parseForeignJson(json)).toEqual(JSON.parse(json));
  });

  it.each(['', '{', '{"a":}', '"x'])('is refused when it is none: %j', (json) => {
    expect(() => parseForeignJson(json)).toThrow(SyntaxError);
  });

  it('may hold long strings, whatever stands in them', () => {
    const text = '[{,:"\\'.repeat(1_000_000);
    expect(parseForeignJson(JSON.stringify({ text }))).toEqual({ text });
  });

  it.each([
    ['objects', `[${'{},'.repeat(500_000)}{}]`],
    ['lists in each other', '['.repeat(1_000_000) + ']'.repeat(1_000_000)],
    ['fields', `{${Array.from({ length: 300_000 }, (_, i) => `"${i}":0`).join()}}`],
  ])('may not hold very many values: %s', (_, json) => {
    expect(() => parseForeignJson(json)).toThrow(/^JSON of \d+ characters holds more than 100000 values$/);
  });
});
