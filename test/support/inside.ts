import type { Abstract, Type } from '@nestjs/common';
import { UnitOfWork } from '../../src/database/index.js';
import { EventBus } from '../../src/events/index.js';
import { ActiveRuns } from '../../src/runs/index.js';
import type { TestServer } from './test-server.js';

/** A part of the server, for what nothing on the wire tells. */
export function inside<T>({ server }: TestServer, part: Type<T> | Abstract<T>): T {
  const nest = server['nest'];
  if (!nest) throw new Error('The server is not running.');
  return nest.get(part, { strict: false });
}

/** Everything that the database holds of a session: its runs and its events, as they lie in their tables. */
export function rowsOf(app: TestServer, sessionId: string): Promise<unknown[]> {
  return inside(app, UnitOfWork).read(async (db) => [
    ...(await db.query('SELECT * FROM "runs" WHERE "sessionId" = ? ORDER BY "no"', [sessionId])),
    ...(await db.query('SELECT * FROM "events" WHERE "sessionId" = ? ORDER BY "seq"', [sessionId])),
  ]);
}

/** The runs that the process still holds: those under way, and those in a queue. */
export function liveRuns(app: TestServer): string[] {
  return inside(app, ActiveRuns)
    .all()
    .map(({ id }) => id);
}

/** Whether anything in the server still listens to the session's events. */
export function hasListeners(app: TestServer, sessionId: string): boolean {
  return inside(app, EventBus).hasListeners(sessionId);
}

/** Aborts a run at this very moment, where a request to do so would take its time. */
export function abortNow(app: TestServer, runId: string): void {
  inside(app, ActiveRuns).get(runId)?.abort();
}
