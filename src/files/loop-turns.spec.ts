import { describe, expect, it } from '@jest/globals';
import { nextTurn } from './loop-turns.js';

describe('a turn of the event loop', () => {
  it('is given to one caller at a time, in the order of their calls', async () => {
    let turns = 0;
    let running = true;
    const count = () => {
      turns += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    const seen: [string, number][] = [];
    const work = async (name: string) => {
      for (let i = 0; i < 2; i++) {
        await nextTurn();
        seen.push([name, turns]);
      }
    };
    await Promise.all([work('a'), work('b'), work('c')]);
    running = false;
    expect(seen.map(([name]) => name)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(new Set(seen.map(([, turn]) => turn)).size).toBe(6);
  });
});
