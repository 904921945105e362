import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OWNER_FILE } from '../files/data-directory.js';
import { replaceOwnFile } from '../files/own-file.js';
import { allows, BROWSER, hashOf, isExpired, newSecret, newToken, type NewToken } from './token.js';
import type { TokenEntry, TokenSpec } from './token.js';
import { changeTokens, readTokens } from './token-file.js';

/** A token cannot be made, found or changed as asked. The message says what to do. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
}

const NAME = /^[^\s\p{C}]([^\p{C}]{0,98}[^\s\p{C}])?$/u;

/** @throws TokenError when there is one of that name, or when it is none */
export async function createToken(dataDir: string, wish: TokenSpec): Promise<NewToken> {
  if (!NAME.test(wish.name)) throw new TokenError('A name must be one line of 1 to 100 characters.');
  const created = newToken(wish);
  return changeTokens(dataDir, (tokens) => {
    if (wish.name === BROWSER || tokens.some(({ name }) => name === wish.name)) {
      throw new TokenError(
        `The name "${wish.name}" is taken: choose another, or revoke or rotate that token.`,
      );
    }
    return { tokens: [...tokens, created.entry], result: created };
  });
}

/**
 * Ends the token of that id, or those of that name, with all that was made from them.
 * @throws TokenError when there is none
 */
export async function revokeTokens(dataDir: string, idOrName: string): Promise<readonly TokenEntry[]> {
  return changeTokens(dataDir, async (tokens) => {
    const revoked = find(tokens, idOrName);
    for (const entry of revoked) if (await isOwners(dataDir, entry)) await rm(ownerFile(dataDir));
    return { tokens: without(tokens, revoked), result: revoked };
  });
}

/**
 * Gives an entry another token: the one it had, and what was made from it, end.
 * @param expiresAt undefined keeps the time that it has
 * @throws TokenError when there is none, when there are several, or when the new token would be of no use
 */
export async function rotateToken(
  dataDir: string,
  idOrName: string,
  expiresAt?: number | null,
): Promise<NewToken> {
  const token = newSecret();
  return changeTokens(dataDir, async (tokens) => {
    const [before, ...others] = find(tokens, idOrName);
    if (others.length > 0) {
      throw new TokenError(`There are several tokens named "${idOrName}": name one of them by its id.`);
    }
    const expiry = expiresAt === undefined ? before.expiresAt : expiresAt;
    const entry = { ...before, hash: hashOf(token), expiresAt: expiry };
    if (isExpired(entry)) {
      throw new TokenError(`"${idOrName}" has expired: give it a new time with --expires.`);
    }
    if (await isOwners(dataDir, before)) await replaceOwnFile(ownerFile(dataDir), `${token}\n`);
    return { tokens: [...without(tokens, [before]), entry], result: { token, entry } };
  });
}

/**
 * Makes an admin token for the owner of this machine, if there is none, in a file that only the owner can read.
 * @returns all tokens
 */
export async function ensureOwner(dataDir: string): Promise<readonly TokenEntry[]> {
  const before = await readTokens(dataDir);
  if (hasOwner(before)) return before;
  return changeTokens(dataDir, async (tokens) => {
    if (hasOwner(tokens)) return { tokens, result: tokens }; // another server was quicker
    const { token, entry } = newToken({ name: 'owner', scopes: ['admin'], expiresAt: null });
    await replaceOwnFile(ownerFile(dataDir), `${token}\n`);
    const all = [...tokens, entry];
    return { tokens: all, result: all };
  });
}

function hasOwner(tokens: readonly TokenEntry[]): boolean {
  return tokens.some((entry) => entry.name !== BROWSER && allows(entry, 'admin') && !isExpired(entry));
}

/** File of the owner's token, if {@link ensureOwner} made it. */
export function ownerFile(dataDir: string): string {
  return join(dataDir, OWNER_FILE);
}

async function isOwners(dataDir: string, { hash }: TokenEntry): Promise<boolean> {
  const token = await readFile(ownerFile(dataDir), 'utf8').catch(() => ''); // no such file
  return hashOf(token.trim()) === hash;
}

function find(tokens: readonly TokenEntry[], idOrName: string): readonly [TokenEntry, ...TokenEntry[]] {
  const byId = tokens.filter(({ id }) => id === idOrName);
  const [first, ...others] = byId.length > 0 ? byId : tokens.filter(({ name }) => name === idOrName);
  if (!first) {
    throw new TokenError(
      `There is no token "${idOrName}": "agent-tars token list" shows those that there are.`,
    );
  }
  return [first, ...others];
}

/** Entries left when some end, and with them the tokens made from them. */
export function without(tokens: readonly TokenEntry[], ended: readonly TokenEntry[]): readonly TokenEntry[] {
  const ids = new Set(ended.map(({ id }) => id));
  return tokens.filter(({ id, parent }) => !ids.has(id) && (parent === undefined || !ids.has(parent)));
}
