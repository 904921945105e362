import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from './make-directory.js';

describe('making a directory', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'agent-tars-make-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('makes those above it too, for their owner alone, also twice and at once', async () => {
    const path = join(root, 'a', 'b', 'c');
    await Promise.all([makeDirectory(path), makeDirectory(path)]);
    await makeDirectory(path);
    for (const each of [path, join(root, 'a')]) expect((await stat(each)).mode & 0o777).toBe(0o700);
  });

  it('takes a link to a directory', async () => {
    await symlink(root, join(root, 'link'));
    await makeDirectory(join(root, 'link'));
  });

  it.each(['/proc/agent-tars/data', '/dev/null/data'])(
    'ends with an error where none can be made: %s',
    (path) => expect(makeDirectory(path)).rejects.toHaveProperty('code', expect.stringMatching(/^E/)),
  );

  it('ends with an error where a file lies in the way', async () => {
    const file = join(root, 'file');
    await writeFile(file, '');
    await expect(makeDirectory(file)).rejects.toHaveProperty('code', 'EEXIST');
    await expect(makeDirectory(join(file, 'data'))).rejects.toHaveProperty('code', 'ENOTDIR');
  });
});
