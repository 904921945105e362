import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withFileLock } from './file-lock.js';

/** Identity of a process that does not exist: Linux gives no id above 4,194,304. */
const DEAD = '9999999.1.dead';

let directory: string;
beforeAll(async () => (directory = await mkdtemp(join(tmpdir(), 'file-lock-'))));
afterAll(() => rm(directory, { recursive: true }));

/** Increments the number in a file, not atomically: two concurrent increments lose one. */
async function increment(file: string): Promise<void> {
  await writeFile(file, String(Number(await readFile(file, 'utf8')) + 1));
}

describe('a file lock', () => {
  it('is held by one at a time', async () => {
    const [lock, counter] = [join(directory, 'a.lock'), join(directory, 'a')];
    await writeFile(counter, '0');
    await Promise.all(Array.from({ length: 20 }, () => withFileLock(lock, () => increment(counter))));
    expect(await readFile(counter, 'utf8')).toBe('20');
  });

  it('that a process left behind goes to one of those that find it, each time', async () => {
    const [lock, counter] = [join(directory, 'b.lock'), join(directory, 'b')];
    await writeFile(counter, '0');
    for (let round = 0; round < 30; round++) {
      await writeFile(lock, `${DEAD}${round}`);
      await Promise.all(Array.from({ length: 8 }, () => withFileLock(lock, () => increment(counter))));
    }
    expect(await readFile(counter, 'utf8')).toBe('240');
  });

  it('without a name in it is given up after a while', async () => {
    const lock = join(directory, 'c.lock');
    await writeFile(lock, '');
    const old = new Date(Date.now() - 60_000);
    await utimes(lock, old, old);
    expect(await withFileLock(lock, () => Promise.resolve('mine'))).toBe('mine');
  });

  it('is released when the work throws, and leaves nothing behind', async () => {
    const lock = join(directory, 'd.lock');
    const failing = withFileLock(lock, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect((await readdir(directory)).filter((name) => name.includes('.lock'))).toEqual([]);
  });
});
