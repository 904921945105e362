import { describe, expect, it } from '@jest/globals';
import { parseForeignJson, quoteLargeIntegers } from './json.js';

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

describe('integers in JSON', () => {
  it.each([
    ['{"id":12345678901234567890}', '{"id":"12345678901234567890"}'],
    ['[-9007199254740993,9007199254740993]', '["-9007199254740993","9007199254740993"]'],
    [`{"a":"12345678901234567890","b":["\\"12345678901234567891"]}`, undefined],
    ['[9007199254740991,9007199254740992,100000000000000000000]', undefined],
    ['[0.12345678901234567,1234567890123456.75,12345678901234567e3]', undefined],
    [`[${'9'.repeat(1_000)}]`, `["${'9'.repeat(1_000)}"]`],
    ['{"id": 12345678901234567890, "more', '{"id": "12345678901234567890", "more'],
    ['1234567890123456-', undefined],
  ])('are strings where a double cannot hold them, and nothing else is: %s', (json, quoted = json) => {
    expect(quoteLargeIntegers(json)).toBe(quoted);
  });
});
