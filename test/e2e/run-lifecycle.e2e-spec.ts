import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../../src/common/ids.js';
import { type Transaction, UnitOfWork } from '../../src/database/index.js';
import { ActiveRun, ActiveRuns } from '../../src/runs/active-runs.js';
import { RunLifecycle } from '../../src/runs/run-lifecycle.js';
import { RUN_STATUSES, type RunStatus } from '../../src/runs/run.entity.js';
import { RunSessions } from '../../src/runs/run-session.js';
import { TRANSITIONS } from '../../src/runs/transitions.js';
import { inside } from '../support/inside.js';
import { TestServer } from '../support/test-server.js';

interface Change {
  readonly from: RunStatus | 'new';
  readonly to: RunStatus;
  readonly make: (tx: Transaction, run: { id: string; sessionId: string; owner: string }) => Promise<unknown>;
}

let app: TestServer;
let changes: readonly Change[];

const input = '"hello"';
const newRun = ({ id, sessionId }: { id: string; sessionId: string }) => ({
  id,
  sessionId,
  priority: 0,
  input,
  idempotencyKey: null,
});

/** Every way in which the lifecycle changes a run's status. */
function changesOf(lifecycle: RunLifecycle, sessions: RunSessions): Change[] {
  const usage = { iterations: 1, inputTokens: 1, outputTokens: 1 };
  const end = (status: 'completed' | 'aborted' | 'error' | 'interrupted', to: RunStatus): Change => ({
    from: 'running',
    to,
    make: (tx, { id, sessionId }) =>
      lifecycle.end(tx, new ActiveRun(id, sessionId), { status, ...usage }, []),
  });
  const lost = (to: 'aborted' | 'interrupted'): Change => ({
    from: 'running',
    to,
    make: (tx, { id, sessionId, owner }) =>
      lifecycle.endLost(
        tx,
        { id, sessionId, owner, status: 'running', createdAt: 0, startedAt: 0, progressAt: 0 },
        to,
      ),
  });
  return [
    { from: 'new', to: 'queued', make: (tx, run) => lifecycle.enqueue(tx, newRun(run)) },
    {
      from: 'new',
      to: 'running',
      make: async (tx, run) =>
        lifecycle.begin(tx, newRun(run), await sessions.getWithin(tx, run.sessionId), 'hello'),
    },
    { from: 'queued', to: 'running', make: (tx, run) => lifecycle.dequeue(tx, newRun(run)) },
    { from: 'queued', to: 'aborted', make: (tx, run) => lifecycle.cancel(tx, run.id, run.sessionId) },
    { from: 'queued', to: 'failed', make: (tx, run) => lifecycle.reject(tx, newRun(run)) },
    end('completed', 'completed'),
    end('error', 'failed'),
    end('aborted', 'aborted'),
    end('interrupted', 'interrupted'),
    lost('aborted'),
    lost('interrupted'),
  ];
}

beforeAll(async () => {
  app = await TestServer.start();
  changes = changesOf(inside(app, RunLifecycle), inside(app, RunSessions));
});
afterAll(() => app.stop());

describe('the life of a run', () => {
  it('has exactly the changes of the table', () => {
    const pairs = (list: readonly (readonly [string, string])[]) =>
      [...new Set(list.map((pair) => pair.join(' -> ')))].sort();
    const inTable = Object.entries(TRANSITIONS).flatMap(([from, next]) =>
      next.map((to) => [from, to] as const),
    );
    expect(pairs(changes.map(({ from, to }) => [from, to]))).toEqual(pairs(inTable));
  });

  it.each(RUN_STATUSES)('makes of a run that is %s only what follows on that', async (status) => {
    const work = inside(app, UnitOfWork);
    const owner = inside(app, ActiveRuns).ownerId;
    for (const { from, to, make } of changes) {
      if (from === 'new') continue; // there is no row yet that could be in another status
      const run = { id: newId(), sessionId: await app.createSession(), owner };
      await work.write((tx) =>
        tx.execute(
          `INSERT INTO "runs" ("id", "sessionId", "status", "owner", "input", "createdAt") VALUES (?, ?, ?, ?, ?, 1)`,
          [run.id, run.sessionId, status, status === 'queued' ? null : owner, input],
        ),
      );
      await work.write((tx) => make(tx, run)).catch(() => undefined); // some say that it is not theirs to change
      const [row] = await work.read((db) =>
        db.query<{ status: string }>(`SELECT "status" FROM "runs" WHERE "id" = ?`, [run.id]),
      );
      expect([to, row?.status]).toEqual([to, from === status ? to : status]);
    }
  });
});
