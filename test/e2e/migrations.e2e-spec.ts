import { afterEach, describe, expect, it } from '@jest/globals';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UnitOfWork } from '../../src/index.js';
import { inside } from '../support/inside.js';
import { TestServer } from '../support/test-server.js';

/** A file that version 0.1.0 wrote: one session with two runs that are over, and a query that waits. */
const OLD_FILE = fileURLToPath(new URL('../fixtures/database-0.1.0.db', import.meta.url));

describe("a file of the version before this one's", () => {
  let app: TestServer;
  let directory: string;

  afterEach(async () => {
    await app.stop();
    await rm(directory, { recursive: true });
  });

  it('is brought up to date with all that is in it, and the query that waits is answered', async () => {
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-migrations-'));
    const path = join(directory, 'data', 'agent-tars.db');
    await mkdir(join(directory, 'data'));
    await copyFile(OLD_FILE, path);
    app = await TestServer.start({ config: { server: { storage: { type: 'sqlite', path } } } });
    const [session] = (await app.get('/api/sessions')).body.sessions;
    expect(session).toMatchObject({ name: 'from 0.1.0', tags: ['old'] });
    const stream = await app.follow(session.id, 0);
    await stream.until((event) => event.type === 'agent_run_end' && event['runId'] === 'waiting-run');
    stream.leave();
    const events = await app.events(session.id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    const { body } = await app.get(`/api/runs?sessionId=${session.id}`);
    expect(body.runs.map(({ status }: { status: string }) => status)).toEqual(Array(3).fill('completed'));
  });

  it.each([
    [
      'finds the next run of the queue',
      `SELECT * FROM "runs" WHERE "status" = 'queued' ORDER BY "priority" DESC, "no" LIMIT 1`,
      'runs_next',
    ],
    [
      'lists the sessions in the order of their changes',
      `SELECT * FROM "sessions" ORDER BY "changeNo" DESC, "id" DESC LIMIT 1`,
      'sessions_last_changed',
    ],
  ])('%s by an index, without a sort', async (_what, sql, index) => {
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-migrations-'));
    app = await TestServer.start();
    const plan = await inside(app, UnitOfWork).read((db) =>
      db.query<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`),
    );
    const steps = plan.map(({ detail }) => detail).join();
    expect(steps).toContain(`USING INDEX ${index}`);
    expect(steps).not.toMatch(/TEMP B-TREE/);
  });
});
