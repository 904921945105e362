import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replaceFile } from '../../src/files/jailed-files.js';
import { PathJail } from '../../src/files/path-jail.js';

const never = new AbortController().signal;
const OLD = 'what was there before\n';

let root: string;
let jail: PathJail;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'agent-tars-replace-'));
  jail = await PathJail.of(root, { visible: [], offLimits: [] });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const replace = (path: string, text: string, signal = never) =>
  replaceFile(jail, path, Buffer.from(text), signal);
const content = (path: string) => readFile(join(root, path), 'utf8');

/** A signal that is aborted after it was looked at so many times. */
function abortedAfter(looks: number): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  let seen = 0;
  signal.throwIfAborted = () => {
    if (seen++ >= looks) throw new Error('aborted');
  };
  return signal;
}

describe('a file that is replaced', () => {
  it('keeps its mode, and is another file with one name', async () => {
    await writeFile(join(root, 'run.sh'), OLD);
    await chmod(join(root, 'run.sh'), 0o754);
    const before = await stat(join(root, 'run.sh'));
    await replace('run.sh', 'new');
    const after = await stat(join(root, 'run.sh'));
    expect([await content('run.sh'), after.mode & 0o777, after.uid]).toEqual(['new', 0o754, before.uid]);
    expect(after.ino).not.toBe(before.ino);
    expect(await readdir(root)).toEqual(['run.sh']);
  });

  it('keeps its other names: a hard link is written in place', async () => {
    await writeFile(join(root, 'a'), OLD);
    await link(join(root, 'a'), join(root, 'b'));
    for (const text of ['longer than what was there before\n', 'short', '']) {
      await replace('a', text);
      expect([await content('a'), await content('b')]).toEqual([text, text]);
    }
  });

  it('is the target of a link that stays inside, which stays a link', async () => {
    await mkdir(join(root, 'docs'));
    await writeFile(join(root, 'docs', 'a'), OLD);
    await symlink('docs/a', join(root, 'a'));
    await replace('a', 'new');
    expect([await content('docs/a'), (await stat(join(root, 'a'))).isFile()]).toEqual(['new', true]);
    expect(await readdir(join(root, 'docs'))).toEqual(['a']);
  });

  it('is the old one or the new one, wherever an abort comes', async () => {
    const text = 'x'.repeat(3_000_000); // three pieces
    for (let looks = 0; looks < 5; looks++) {
      await writeFile(join(root, 'a'), OLD);
      await expect(replace('a', text, abortedAfter(looks))).rejects.toThrow('aborted');
      expect(await content('a')).toBe(OLD);
      await expect(replace('new', text, abortedAfter(looks))).rejects.toThrow('aborted');
      expect(await readdir(root)).toEqual(['a']);
    }
    await replace('a', text, abortedAfter(5));
    expect(await content('a')).toBe(text);
  });
});

/** Makes a file system of 1 MB, as root or in a namespace of this test's own. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
const unlessMissing = canMount ? describe : describe.skip;

unlessMissing('on a full disk (needs unshare of util-linux, and user namespaces or root)', () => {
  const SCRIPT = `
    const { replaceFile } = await import(process.env.FILES + '/jailed-files.js');
    const { PathJail } = await import(process.env.FILES + '/path-jail.js');
    const { linkSync, readdirSync, readFileSync, writeFileSync } = await import('node:fs');
    const root = process.env.ROOT;
    const jail = await PathJail.of(root, { visible: [], offLimits: [] });
    const seen = [];
    writeFileSync(root + '/a', 'a'.repeat(500_000));
    writeFileSync(root + '/linked', 'b'.repeat(100_000));
    linkSync(root + '/linked', root + '/other');
    for (const name of ['a', 'linked', 'new']) {
      const error = await replaceFile(jail, name, Buffer.alloc(900_000, 'x'), new AbortController().signal).catch((e) => e);
      seen.push(error.code);
    }
    const [a, linked] = ['a', 'linked'].map((name) => readFileSync(root + '/' + name, 'utf8'));
    console.log(JSON.stringify([seen, a === 'a'.repeat(500_000), linked === 'b'.repeat(100_000), readdirSync(root).sort()]));
  `;

  it('is as it was, and nothing is left beside it', () => {
    const mount = `mount -t tmpfs -o size=1m tmpfs "$ROOT" && exec "$NODE" --input-type=module -e "$SCRIPT"`;
    const files = new URL('../../dist/files', import.meta.url).href;
    const env = {
      ...process.env,
      ROOT: root,
      NODE: process.execPath,
      SCRIPT,
      FILES: files,
      NODE_OPTIONS: '',
    };
    const printed = execFileSync('unshare', ['-rm', 'sh', '-c', mount], { env, encoding: 'utf8' });
    expect(JSON.parse(printed)).toEqual([
      ['ENOSPC', 'ENOSPC', 'ENOSPC'],
      true,
      true,
      ['a', 'linked', 'other'],
    ]);
  });
});
