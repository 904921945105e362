import { join } from 'node:path';
import { loadSqliteDriver } from '../../src/database/sqlite/drivers/index.js';
import type { AttackSetup } from './attack-setup.js';

/** The fields of a stored event that are its own. */
export type Fields = { readonly type: string; readonly [field: string]: unknown };

/**
 * Adds events to a session, past the server: what it would take to write them is not what is measured.
 * @returns the JSON text of each, as it is stored
 */
export async function store(
  setup: AttackSetup,
  sessionId: string,
  events: Iterable<Fields>,
): Promise<string[]> {
  const { dataSource } = await loadSqliteDriver('better-sqlite3');
  const database = join(setup.data, 'agent-tars.db');
  const source = await dataSource({ type: 'better-sqlite3', database, logging: false }).initialize();
  const texts: string[] = [];
  try {
    const [head] = await source.query<{ seq: number | null }[]>(
      'SELECT MAX("seq") AS "seq" FROM "events" WHERE "sessionId" = ?',
      [sessionId],
    );
    let seq = head?.seq ?? 0;
    for (const { type, ...fields } of events) {
      seq += 1;
      const place = {
        id: `event-${seq}`,
        type,
        seq,
        sessionId,
        runId: 'run-1',
        timestamp: 1_700_000_000_000,
      };
      const text = JSON.stringify({ ...place, ...fields });
      texts.push(text);
      await source.query(
        'INSERT INTO "events" ("sessionId", "seq", "runId", "type", "data") VALUES (?, ?, ?, ?, ?)',
        [sessionId, seq, 'run-1', type, text],
      );
    }
  } finally {
    await source.destroy();
  }
  return texts;
}

/** A message of the user's with one image, about so large. */
export function imageMessage(bytes: number): Fields {
  const url = `data:image/png;base64,${'A'.repeat(bytes)}`;
  return { type: 'user_message', content: [{ type: 'image_url', image_url: { url } }] };
}
