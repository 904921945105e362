import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isTrusted, trust } from './trusted-configs.js';

let root: string;
let data: string;
const [ONE, OTHER] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'agent-tars-trust-'));
  data = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('the configuration files that the user has accepted', () => {
  it('are none at first', async () => {
    expect(await isTrusted(data, { path: '/a', sha256: ONE })).toBe(false);
  });

  it('are known by their path and their content', async () => {
    await trust(data, { path: '/a', sha256: ONE });
    await trust(data, { path: '/b', sha256: OTHER });
    const known = [ONE, OTHER].flatMap((sha256) => ['/a', '/b', '/c'].map((path) => ({ path, sha256 })));
    const answers = await Promise.all(known.map((config) => isTrusted(data, config)));
    expect(answers).toEqual([true, false, false, false, true, false]);
  });

  it('are known as they stood last', async () => {
    for (const sha256 of [ONE, OTHER]) await trust(data, { path: '/a', sha256 });
    expect(await isTrusted(data, { path: '/a', sha256: ONE })).toBe(false);
    expect(await isTrusted(data, { path: '/a', sha256: OTHER })).toBe(true);
  });

  it('are kept where the owner alone can read and write', async () => {
    await trust(data, { path: '/a', sha256: ONE });
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    expect((await stat(join(data, 'trusted-configs.json'))).mode & 0o777).toBe(0o600);
  });

  it('are none where the list came with a copy of the directory', async () => {
    await trust(data, { path: '/a', sha256: ONE });
    const copy = join(root, 'copy');
    await cp(data, copy, { recursive: true });
    expect(await isTrusted(copy, { path: '/a', sha256: ONE })).toBe(false);
  });

  it.each(['', '{', '[]', '{"accepted":[]}', '{"directory":"x","accepted":[{"path":7}]}'])(
    'are none where the list is %j, and the next answer replaces it',
    async (text) => {
      await trust(data, { path: '/a', sha256: ONE });
      await writeFile(join(data, 'trusted-configs.json'), text);
      expect(await isTrusted(data, { path: '/a', sha256: ONE })).toBe(false);
      await trust(data, { path: '/b', sha256: ONE });
      expect(await isTrusted(data, { path: '/b', sha256: ONE })).toBe(true);
      expect(await readFile(join(data, 'trusted-configs.json'), 'utf8')).not.toContain('"/a"');
    },
  );

  it('cannot be kept where no directory can be made', async () => {
    await writeFile(data, '');
    await expect(trust(data, { path: '/a', sha256: ONE })).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
