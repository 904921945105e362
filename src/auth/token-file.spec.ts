import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, stat, utimes, watch, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createToken, ensureOwner, ownerFile, revokeTokens, rotateToken } from './token-commands.js';
import { hashOf, newToken } from './token.js';
import { changeTokens, readTokens } from './token-file.js';

let dataDir: string;

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'agent-tars-tokens-')), 'data');
});
afterEach(() => rm(join(dataDir, '..'), { recursive: true, force: true }));

const wish = (name: string) => ({ name, scopes: ['read'] as const, expiresAt: null });
const file = () => join(dataDir, 'tokens.json');
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('the file of tokens', () => {
  it('holds what they are, and nothing that they could be made from', async () => {
    expect(await readTokens(dataDir)).toEqual([]);
    const { token, entry } = await createToken(dataDir, { ...wish('ci'), expiresAt: 5 });
    expect(token).toMatch(/^tars_[\w-]{43}$/);
    const text = await readFile(file(), 'utf8');
    expect(text).not.toContain(token.slice(5));
    expect(JSON.parse(text)).toEqual({
      tokens: [
        {
          id: expect.stringMatching(/^[0-9a-f]{10}$/),
          name: 'ci',
          scopes: ['read'],
          createdAt: expect.any(Number),
          expiresAt: 5,
          hash: hashOf(token),
        },
      ],
    });
    expect(await readTokens(dataDir)).toEqual([entry]);
  });

  it("is its owner's alone, and leaves nothing beside it", async () => {
    await ensureOwner(dataDir);
    await createToken(dataDir, wish('one'));
    expect([await mode(dataDir), await mode(file()), await mode(ownerFile(dataDir))]).toEqual([
      '700',
      '600',
      '600',
    ]);
    expect((await readdir(dataDir)).sort()).toEqual(['auth-token', 'tokens.json']);
  });

  it('has a hidden name while it is written: its directory may lie in the workspace', async () => {
    await createToken(dataDir, wish('one'));
    const names = new Set<string>();
    const changes = watch(dataDir, { signal: AbortSignal.timeout(10_000) });
    const owner = ensureOwner(dataDir);
    for await (const { filename } of changes) {
      names.add(filename ?? '');
      if (names.has('tokens.json')) break; // it comes after the owner's
    }
    await owner;
    const others = [...names].filter((name) => !/^(tokens\.json(\.lock)?|auth-token)$/.test(name));
    expect(others.map((name) => name.replace(/[0-9a-f]{12}$/, 'x')).sort()).toEqual([
      '.auth-token.x',
      '.tokens.json.x',
    ]);
  });

  it('loses nothing of changes that come at once', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `token ${i}`);
    await Promise.all(names.map((name) => createToken(dataDir, wish(name))));
    expect((await readTokens(dataDir)).map(({ name }) => name).sort()).toEqual(names.sort());
    await Promise.all(names.map((name) => revokeTokens(dataDir, name)));
    expect(await readTokens(dataDir)).toEqual([]);
  });

  it('is the same as before when a change fails, and can be changed again', async () => {
    await createToken(dataDir, wish('one'));
    await expect(createToken(dataDir, wish('one'))).rejects.toThrow('The name "one" is taken');
    await expect(revokeTokens(dataDir, 'two')).rejects.toThrow('There is no token "two"');
    await createToken(dataDir, wish('two'));
    expect(await readTokens(dataDir)).toHaveLength(2);
  });

  it('is not locked for good by who died while changing it', async () => {
    await createToken(dataDir, wish('one'));
    const lock = `${file()}.lock`;
    await writeFile(lock, '');
    const old = new Date(Date.now() - 11_000);
    await utimes(lock, old, old);
    await createToken(dataDir, wish('two'));
    expect(await readTokens(dataDir)).toHaveLength(2);
  });

  it.each(['{', '[]', '{"tokens":[{"id":"x"}]}', '{"tokens":[{"id":"x","hash":"secret-7391"}]}', ''])(
    'is refused when it is %j, and kept',
    async (text) => {
      await createToken(dataDir, wish('one'));
      await writeFile(file(), text);
      const says = `${file()} cannot be read (it is not what agent-tars has written). Mend it, or delete it with all its tokens.`;
      await expect(readTokens(dataDir)).rejects.toThrow(says);
      await expect(createToken(dataDir, wish('two'))).rejects.toThrow(says);
      expect(await readFile(file(), 'utf8')).toBe(text);
    },
  );

  it('says so when it cannot be written', async () => {
    await writeFile(dataDir, 'a file where the directory should be');
    await expect(createToken(dataDir, wish('one'))).rejects.toThrow(
      /tokens\.json cannot be written \((EEXIST|ENOTDIR)\)/,
    );
  });
});

describe('a token', () => {
  it('ends with the one that it was made from', async () => {
    const { entry } = await createToken(dataDir, wish('one'));
    const other = await createToken(dataDir, wish('other'));
    const browser = newToken({ ...wish('browser'), parent: entry.id }).entry;
    await changeTokens(dataDir, (tokens) => ({ tokens: [...tokens, browser], result: undefined }));
    await rotateToken(dataDir, 'one');
    expect((await readTokens(dataDir)).map(({ name }) => name)).toEqual(['other', 'one']);
    await revokeTokens(dataDir, other.entry.id);
    expect((await readTokens(dataDir)).map(({ name }) => name)).toEqual(['one']);
  });

  it('stays what it is when it is rotated, but for the secret and, if asked, the time', async () => {
    const before = await createToken(dataDir, wish('one'));
    const after = await rotateToken(dataDir, 'one');
    expect(after.token).not.toBe(before.token);
    expect(after.entry).toEqual({ ...before.entry, hash: hashOf(after.token) });
    const later = Date.now() + 60_000;
    expect((await rotateToken(dataDir, after.entry.id, later)).entry.expiresAt).toBe(later);
    await expect(rotateToken(dataDir, 'one', 1)).rejects.toThrow('"one" has expired: give it a new time');
  });

  it.each(['', ' ', ' x', 'x ', 'a\nb', 'x'.repeat(101), 'browser'])('cannot be named %j', async (name) => {
    await expect(createToken(dataDir, wish(name))).rejects.toThrow(/A name must be|is taken/);
  });
});

describe("the owner's token", () => {
  const ownerToken = async () => (await readFile(ownerFile(dataDir), 'utf8')).trim();

  it('is made once, and again where no token is left that allows everything', async () => {
    const [entry] = await ensureOwner(dataDir);
    const token = await ownerToken();
    expect(entry).toMatchObject({ name: 'owner', scopes: ['admin'], expiresAt: null, hash: hashOf(token) });
    expect(await ensureOwner(dataDir)).toEqual([entry]);
    expect(await ownerToken()).toBe(token);
    await createToken(dataDir, wish('reader'));
    await revokeTokens(dataDir, 'owner');
    await expect(ownerToken()).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await ensureOwner(dataDir)).map(({ name }) => name)).toEqual(['reader', 'owner']);
    expect(await ownerToken()).not.toBe(token);
  });

  it('is made once by two servers that start at once', async () => {
    const [one, two] = await Promise.all([ensureOwner(dataDir), ensureOwner(dataDir)]);
    expect(one).toEqual(two);
    expect(one[0]?.hash).toBe(hashOf(await ownerToken()));
  });

  it('is in its file also after it was rotated; other tokens are not', async () => {
    await ensureOwner(dataDir);
    await createToken(dataDir, wish('other'));
    const { token } = await rotateToken(dataDir, 'owner');
    expect(await ownerToken()).toBe(token);
    await rotateToken(dataDir, 'other');
    await revokeTokens(dataDir, 'other');
    expect(await ownerToken()).toBe(token);
  });
});
