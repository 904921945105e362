import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../common/secret.js';
import { createToken } from './token-commands.js';
import { readTokens } from './token-file.js';
import { TokenStore } from './token-store.js';

let dataDir: string;
let ended: string[];
const stores: TokenStore[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'agent-tars-store-'));
  ended = [];
});
afterEach(async () => {
  for (const store of stores.splice(0)) store.close();
  await rm(dataDir, { recursive: true, force: true });
});

function create(configured: string): TokenStore {
  const store = new TokenStore(dataDir, new Secret(configured), (id) => ended.push(id));
  stores.push(store);
  return store;
}

const browsers = async () => (await readTokens(dataDir)).filter(({ name }) => name === 'browser');
const day = (days: number) => Date.now() + days * 86_400_000;

describe('the tokens that are good', () => {
  it('are none before the store is opened, and none after it was closed', async () => {
    const { token, entry } = await createToken(dataDir, { name: 'a', scopes: ['read'], expiresAt: null });
    const store = create('configured-token');
    expect([store.find(token), store.find('configured-token')]).toEqual([undefined, undefined]);
    await store.open();
    expect(store.find(token)).toEqual(entry);
    expect(store.find('configured-token')).toMatchObject({ name: 'configured', scopes: ['admin'] });
    store.close();
    expect([store.find(token), store.find('configured-token')]).toEqual([undefined, undefined]);
    expect(ended).toEqual([]); // stopping the server disconnects everybody anyway
  });

  it('are those of a hundred browsers, and the one that came first goes first', async () => {
    const store = create('configured-token');
    await store.open();
    const wish = { scopes: ['admin'] as const, expiresAt: day(1) };
    const first = await store.addBrowser(wish);
    for (let i = 1; i < 100; i++) await store.addBrowser(wish);
    expect(store.find(first.token)).toEqual(first.entry);
    const last = await store.addBrowser(wish);
    expect(await browsers()).toHaveLength(100);
    expect([store.find(first.token), store.find(last.token)]).toEqual([undefined, last.entry]);
    expect(ended).toEqual([first.entry.id]);
  });

  it('are not those of browsers whose time is over, which are forgotten at the next change', async () => {
    const store = create('configured-token');
    await store.open();
    const old = await store.addBrowser({ scopes: ['read'], expiresAt: Date.now() - 1 });
    expect(store.find(old.token)).toBeUndefined();
    await store.addBrowser({ scopes: ['read'], expiresAt: day(1) });
    expect(await browsers()).toHaveLength(1);
  });

  it('are not those that were made from one that is not', async () => {
    const first = create('first-token-of-all');
    await first.open();
    const parent = first.find('first-token-of-all')?.id;
    const { token } = await first.addBrowser({ scopes: ['admin'], expiresAt: day(1), parent });
    expect(first.find(token)).toBeDefined();
    const other = create('another-token-now');
    await other.open();
    expect(other.find(token)).toBeUndefined();
  });
});
