import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { sortInTurns, Turns } from './turns.js';

describe('long work', () => {
  it('of which there is much goes on one at a time in each turn of the event loop', async () => {
    let turn = 0;
    let done = false;
    const counting = (async () => {
      for (; !done; turn++) await setImmediate();
    })();
    const seen: number[] = [];
    const works = Array.from({ length: 5 }, async () => {
      const turns = new Turns();
      for (let i = 0; i < 3; i++) {
        await turns.next();
        seen.push(turn);
      }
    });
    await Promise.all(works);
    done = true;
    await counting;
    expect(seen).toHaveLength(15);
    expect(new Set(seen).size).toBe(15);
  });

  it('has a turn of some milliseconds, and then another', async () => {
    const turns = new Turns();
    expect(turns.isOver).toBe(false);
    while (!turns.isOver);
    await turns.next();
    expect(turns.isOver).toBe(false);
  });

  it.each([0, 1, 63, 64, 65, 1_000])(
    'sorts %i things as the language does, and changes nothing',
    async (n) => {
      const items = Array.from({ length: n }, (_, i) => ({ key: (i * 7_919) % 97, i }));
      const given = [...items];
      const byKey = (a: { key: number }, b: { key: number }) => a.key - b.key;
      expect(await sortInTurns(items, byKey, new Turns())).toEqual([...items].sort(byKey));
      expect(items).toEqual(given);
    },
  );
});
