import { Injectable } from '@nestjs/common';
import { KEY_LIFETIME_MS } from '../http/idempotency.js';
import type { Transaction } from '../database/index.js';

/** A key with the session that it has created. */
export interface SessionKey {
  readonly key: string;
  readonly sessionId: string;
  /** Fingerprint of the request that came with the key. */
  readonly request: string;
}

/** Expired keys that are removed when one is added: more than one, so that they cannot pile up. */
const REMOVED_AT_ONCE = 10;

/** The idempotency keys of created sessions. A key is gone with its session. */
@Injectable()
export class SessionKeys {
  /** @returns undefined for a key that is not known, or has expired by `now` */
  async find(tx: Transaction, key: string, now: number): Promise<SessionKey | undefined> {
    const [known] = await tx.query<SessionKey>(
      'SELECT "key", "sessionId", "request" FROM "session_keys" WHERE "key" = ? AND "createdAt" > ?',
      [key, now - KEY_LIFETIME_MS],
    );
    return known;
  }

  /** Adds a key, in the place of an expired one. */
  async add(tx: Transaction, { key, sessionId, request }: SessionKey, now: number): Promise<void> {
    const expired = now - KEY_LIFETIME_MS;
    await tx.execute('DELETE FROM "session_keys" WHERE "key" = ? AND "createdAt" <= ?', [key, expired]);
    await tx.execute(
      `DELETE FROM "session_keys" WHERE "key" IN (
         SELECT "key" FROM "session_keys" WHERE "createdAt" <= ? ORDER BY "createdAt" LIMIT ${REMOVED_AT_ONCE}
       )`,
      [expired],
    );
    await tx.execute(
      'INSERT INTO "session_keys" ("key", "sessionId", "request", "createdAt") VALUES (?, ?, ?, ?)',
      [key, sessionId, request, now],
    );
  }
}
