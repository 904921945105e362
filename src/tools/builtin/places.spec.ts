import { describe, expect, it } from '@jest/globals';
import { edited, findPlaces, sizeAfter } from './places.js';

const find = (text: string, part: string, limit = 1_000) =>
  findPlaces(Buffer.from(text), Buffer.from(part), limit);

describe('the places of a text', () => {
  it.each([
    ['a b a', 'a', [0, 4]],
    ['aaaaa', 'aa', [0, 2]],
    ['ababac ababab', 'abab', [0, 7]],
    ['aabaaabaaab', 'aaab', [3, 7]],
    ['é é', 'é', [0, 3]],
    ['a', 'ab', []],
    ['', 'a', []],
    ['abc', 'abc', [0]],
  ])('in %j, %j begin at these bytes', async (text, part, at) => {
    expect((await find(text, part)).map((place) => place.at)).toEqual(at);
  });

  it('are told with their lines, also where they hold ends of lines', async () => {
    expect(await find('a\nb\na\nb\n', 'a\nb')).toEqual([
      { at: 0, line: 0 },
      { at: 4, line: 2 },
    ]);
    expect(await find('x\n\ny\n', '\n')).toEqual([
      { at: 1, line: 0 },
      { at: 2, line: 1 },
      { at: 4, line: 2 },
    ]);
  });

  it('are no more than were asked for', async () => {
    expect(await find('a'.repeat(100), 'a', 7)).toHaveLength(7);
  });

  it('are the same as split finds, in texts that repeat themselves', async () => {
    for (let n = 0; n < 500; n++) {
      const text = Array.from({ length: 60 }, (_, i) => 'ab'.charAt((i * n * 7 + (i >> 2) * n) % 2)).join('');
      const part = text.slice(n % 30, (n % 30) + 1 + (n % 9));
      expect(await find(text, part)).toHaveLength(text.split(part).length - 1);
    }
  });
});

describe('an edit', () => {
  it('puts the new text in each place, and knows the size before', async () => {
    const [before, part, replacement] = ['one two one', 'one', 'three'].map((text) => Buffer.from(text));
    if (!before || !part || !replacement) throw new Error('unreachable');
    const edit = { before, part, replacement, places: await findPlaces(before, part, 10) };
    expect(edited(edit).toString()).toBe('three two three');
    expect(sizeAfter(edit)).toBe(15);
  });
});
