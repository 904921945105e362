import { describe, expect, it } from '@jest/globals';
import { KeyedMutex } from './keyed-mutex.js';

const make = (maxWaitMs = 60_000) => new KeyedMutex(maxWaitMs, 'Something is under way.');

describe('turns', () => {
  it('are given one after the other, for each key by itself', async () => {
    const turns = make();
    const seen: string[] = [];
    const work = async (key: string, name: string) => {
      const release = await turns.take(key);
      seen.push(`${name} begins`);
      await new Promise(setImmediate);
      seen.push(`${name} ends`);
      release();
    };
    await Promise.all([work('a', 'a1'), work('a', 'a2'), work('b', 'b1')]);
    expect(seen).toEqual(['a1 begins', 'b1 begins', 'a1 ends', 'a2 begins', 'b1 ends', 'a2 ends']);
  });

  it('are refused when too many wait, with a time to come again', async () => {
    const turns = make();
    const release = await turns.take('a');
    const waiting = Array.from({ length: 16 }, () => turns.take('a'));
    await expect(turns.take('a')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 5_000,
    });
    release();
    for (const turn of waiting) (await turn)();
    (await turns.take('a'))();
  });

  it('are refused when they take too long', async () => {
    const turns = make(1);
    const release = await turns.take('a');
    await expect(turns.take('a')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    release();
    (await turns.take('a'))();
  });

  it('are not kept for those that have left', async () => {
    const turns = make();
    const release = await turns.take('a');
    const left = new AbortController();
    const gone = turns.take('a', left.signal);
    const next = turns.take('a');
    left.abort();
    await expect(gone).rejects.toThrow();
    release();
    (await next)();
  });
});
