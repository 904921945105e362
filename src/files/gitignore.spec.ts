import { describe, expect, it } from '@jest/globals';
import { IgnoreRules } from './gitignore.js';
import { Turns } from './turns.js';

const rulesOf = (text: string) => IgnoreRules.NONE.with(text, 0, new Turns());

/** Paths that git ignores for each rule (git 2.39, `check-ignore` with core.ignorecase); directories end in a slash. */
const SEEN_WITH_GIT: readonly [rule: string, ignored: readonly string[], kept: readonly string[]][] = [
  ['*.log', ['a.log', 'src/a.log', 'A.LOG', '.log'], ['a.log.txt', 'log']],
  ['build/', ['build/', 'src/build/'], ['build', 'builds/']],
  ['/build', ['build', 'build/'], ['src/build']],
  ['src/build', ['src/build'], ['lib/src/build']],
  ['src/*.js', ['src/a.js'], ['src/deep/a.js', 'a.js']],
  ['**/deep', ['deep', 'a/deep', 'a/b/deep/'], ['deeper']],
  ['src/**', ['src/a', 'src/a/b'], ['src', 'src/']],
  ['src/**/a.js', ['src/a.js', 'src/x/a.js', 'src/x/y/a.js'], ['a.js', 'lib/src/a.js']],
  ['a/**/b/**/c', ['a/b/c', 'a/x/b/y/z/c'], ['a/c', 'a/b/x']],
  ['foo**bar', ['foobar', 'fooxbar', 'x/fooxbar'], ['foo/bar']],
  ['**', ['a', 'a/b'], []],
  ['?.c', ['a.c', 'src/b.c'], ['ab.c', '.c']],
  ['*.py[cod]', ['a.pyc', 'x/a.pyo'], ['a.py', 'a.pyx']],
  ['[!a-c]x', ['dx', '-x'], ['ax', 'bx', 'x']],
  ['[^a]x', ['bx'], ['ax']],
  ['[]a]x', [']x', 'ax'], ['bx']],
  ['[a-]x', ['-x', 'ax'], ['bx']],
  ['[[:digit:]_]x', ['1x', '_x'], ['ax']],
  ['[\\]]x', [']x'], ['\\x']],
  ['[a', [], ['[a', 'a']],
  ['[[:nothing:]]', [], ['n', '[']],
  ['a\\', [], ['a', 'a\\']],
  ['\\*', ['*'], ['a']],
  ['\\!a', ['!a'], ['a']],
  ['\\#a', ['#a'], ['a']],
  ['#a', [], ['a', '#a']],
  ['a  ', ['a'], ['a  ']],
  ['a\\ ', ['a '], ['a']],
  [' a', [' a'], ['a']],
  ['a\r', ['a'], []],
  ['Ä', ['Ä'], ['A']],
];

async function ignored(text: string, path: string, effort = { left: 1_000_000 }): Promise<boolean> {
  const isDirectory = path.endsWith('/');
  const parts = path.replace(/\/$/, '').split('/');
  return (await rulesOf(text)).ignores(parts, isDirectory, effort);
}

describe('.gitignore', () => {
  it.each(SEEN_WITH_GIT)('%j means what it means to git', async (rule, leftOut, kept) => {
    for (const path of leftOut) expect([path, await ignored(rule, path)]).toEqual([path, true]);
    for (const path of kept) expect([path, await ignored(rule, path)]).toEqual([path, false]);
  });

  it('lets the last rule that fits decide', async () => {
    expect(await ignored('*.log\n!keep.log\n', 'keep.log')).toBe(false);
    expect(await ignored('!keep.log\n*.log\n', 'keep.log')).toBe(true);
  });

  it('lets the rules of a directory go before those above it, and bind them to it', async () => {
    const above = await rulesOf('*.log\n');
    const rules = await above.with('!keep.log\n/only-here\n', 1, new Turns());
    const ignores = (...parts: string[]) => rules.ignores(parts, false, { left: 1_000 });
    expect(ignores('src', 'keep.log')).toBe(false);
    expect(ignores('src', 'other.log')).toBe(true);
    expect(ignores('src', 'only-here')).toBe(true);
    expect(ignores('src', 'deep', 'only-here')).toBe(false);
  });

  it.each([
    ['stars between slashes', `/${'**/a/'.repeat(8)}**/b`, Array<string>(80).fill('a')],
    ['stars in a name', `${'a*'.repeat(100)}b`, ['a'.repeat(255)]],
    ['both', `${'**/a*a*a*/'.repeat(30)}b`, Array<string>(60).fill('a'.repeat(60))],
    ['brackets', `${'[a-z]*'.repeat(50)}0`, ['a'.repeat(255)]],
  ])('takes work that grows with the product of the lengths of rule and path: %s', async (_, rule, parts) => {
    const effort = { left: 100_000_000 };
    expect((await rulesOf(rule)).ignores(parts, false, effort)).toBe(false);
    expect(100_000_000 - effort.left).toBeLessThan(3 * rule.length * parts.join('/').length);
  });

  it('takes no more than so much work for one path, and none when a walk has spent its own', async () => {
    const rules = await rulesOf(`**/${'a*'.repeat(20)}b\n`.repeat(3_000));
    const effort = { left: 100_000_000 };
    expect(rules.ignores(Array<string>(100).fill('a'.repeat(40)), false, effort)).toBe(false);
    expect(100_000_000 - effort.left).toBeLessThan(110_000);
    expect(await ignored('a', 'a', { left: 0 })).toBe(false);
  });

  it('heeds 5,000 rules of a file, of at most 1,000 characters each', async () => {
    const many = 'x\n'.repeat(4_999);
    expect(await ignored(`${many}a\n`, 'a')).toBe(true);
    expect(await ignored(`x\n${many}a\n`, 'a')).toBe(false);
    expect(await ignored(`${'*'.repeat(999)}a`, 'a')).toBe(true);
    expect(await ignored(`${'*'.repeat(1_000)}a`, 'a')).toBe(false);
  });
});
