import { createHash, randomBytes } from 'node:crypto';
import { epochMs } from '../common/clock.js';

/** Scopes of a token, each including those before it. */
export const SCOPES = ['read', 'query', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Stored entry of a token, never the token itself. Times are milliseconds since the epoch. */
export interface TokenEntry {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  /** null: never. */
  readonly expiresAt: number | null;
  /** SHA-256 in hex. A token is 256 random bits: nobody guesses it from its hash, so there is no salt. */
  readonly hash: string;
  /** Id of the token that this one was made from (a browser's), and ends with. */
  readonly parent?: string;
}

/** Name of a browser's token. */
export const BROWSER = 'browser';

export interface TokenSpec {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: number | null;
  readonly parent?: string;
}

/** A new token and its stored entry. */
export interface NewToken {
  readonly token: string;
  readonly entry: TokenEntry;
}

export function newToken({ name, scopes, expiresAt, parent }: TokenSpec, now = epochMs()): NewToken {
  const token = newSecret();
  const id = randomBytes(5).toString('hex');
  const entry = { id, name, scopes, createdAt: now, expiresAt, hash: hashOf(token) };
  return { token, entry: parent === undefined ? entry : { ...entry, parent } };
}

export function newSecret(): string {
  return `tars_${randomBytes(32).toString('base64url')}`;
}

export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function isExpired({ expiresAt }: TokenEntry, now = epochMs()): boolean {
  return expiresAt !== null && expiresAt <= now;
}

export function allows({ scopes }: TokenEntry, needed: Scope): boolean {
  return scopes.some((scope) => SCOPES.indexOf(scope) >= SCOPES.indexOf(needed));
}
