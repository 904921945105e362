import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Gate, ModelStub } from '../support/model-stub.js';
import { placed, ServerProcess } from '../support/process.js';
import { WallClock } from '../support/wall-clock.js';

const HOUR_MS = 3_600_000;
const REQUESTS_PER_MINUTE = 300;

let root: string;
let model: ModelStub;
let clock: WallClock;
let server: ServerProcess;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'agent-tars-clock-'));
  model = await ModelStub.start();
  clock = new WallClock(root);
  const config = join(root, 'config.json');
  const limits = { requestsPerMinute: REQUESTS_PER_MINUTE };
  await writeFile(
    config,
    JSON.stringify({ server: { limits, watchdogMs: 200 }, model: { idleTimeoutMs: 1_000 } }),
  );
  const args = [...placed(join(root, 'data'), root, model.baseURL), '--config', config];
  server = await ServerProcess.start(args, { cwd: root, env: clock.env });
});
afterEach(() => clock.set(0));
afterAll(async () => {
  await server.kill('SIGTERM');
  await model.stop();
  await rm(root, { recursive: true, force: true });
});

type SessionInfo = { readonly id: string; readonly updatedAt: number };
const list = async (more = ''): Promise<SessionInfo[]> =>
  (await server.get(`/api/sessions${more}`)).body.sessions;
const runOf = async (sessionId: string) =>
  (await server.get(`/api/runs?sessionId=${sessionId}`)).body.runs[0];

/** A run whose clock is set between the two halves of its answer. */
async function runAcross(offsetMs: number) {
  const sessionId = await server.createSession();
  const [half, rest] = [new Gate(), new Gate()];
  model.next(
    (reply) => reply.toolCall('list_directory', { path: '.' }).end(),
    async (reply) => {
      reply.thinking('hm');
      reply.text('one');
      half.open();
      await rest.opened;
      reply.text(' two').end();
    },
  );
  const reader = await server.stream(sessionId);
  await half.opened;
  await reader.until('assistant_streaming_message');
  await clock.set(offsetMs);
  const during = await server.status(sessionId);
  rest.open();
  return { sessionId, during, events: await reader.ended };
}

describe.each([
  ['back', -HOUR_MS],
  ['forwards', HOUR_MS],
])('a wall clock that is set %s by an hour', (_way, offsetMs) => {
  it('locks nobody out', async () => {
    await server.get('/api/health');
    await clock.set(offsetMs);
    const { sessionId } = (await server.post('/api/sessions/create')).body;
    expect((await server.query(sessionId)).status).toBe(200);
    await clock.set(0);
    expect((await server.get('/api/health')).status).toBe(200);
  });

  it('leaves the durations of a run as they are, and its end behind its begin', async () => {
    const { sessionId, during, events } = await runAcross(offsetMs);
    expect(during['lastProgress']).toBeGreaterThanOrEqual(during['since'] as number);
    const isDuration = (name: string) =>
      ['elapsedMs', 'ttftMs', 'ttltMs', 'thinkingDurationMs'].includes(name);
    const durations = events.flatMap((event) => Object.entries(event).filter(([name]) => isDuration(name)));
    expect(new Set(durations.map(([name]) => name)).size).toBe(4);
    for (const [name, ms] of durations) {
      expect([name, Number.isInteger(ms), (ms as number) >= 0, (ms as number) < HOUR_MS / 2]).toEqual([
        ...[name, true, true, true],
      ]);
    }
    const { createdAt, startedAt, endedAt } = await runOf(sessionId);
    expect([createdAt <= startedAt, startedAt <= endedAt]).toEqual([true, true]);
  });

  it('neither hides that a model has fallen silent, nor takes it for silent', async () => {
    const sessionId = await server.createSession();
    const half = new Gate();
    model.next((reply) => {
      reply.text('one');
      half.open();
    });
    const reader = await server.stream(sessionId);
    await half.opened;
    await reader.until('assistant_streaming_message');
    await clock.set(offsetMs);
    const warning = await reader.until(({ type }) => type === 'system'); // the watchdog, then the time is over
    expect(warning['message']).toMatch(/^Nothing has come for 0 s/);
    const events = await reader.ended;
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'error' });
    expect(JSON.stringify(events)).toContain('MODEL_TIMEOUT');
  });

  it('orders the sessions by their changes, and no updatedAt runs back', async () => {
    const [first, second] = [await server.createSession(), await server.createSession()];
    const before = await list('?limit=2');
    await clock.set(offsetMs);
    await server.post('/api/sessions/update', { sessionId: first, name: 'changed last' });
    expect((await list('?limit=2')).map(({ id }) => id)).toEqual([first, second]);
    const third = await server.createSession();
    await server.query(second);
    await clock.set(0);
    await server.post('/api/sessions/update', { sessionId: first, name: 'changed after that' });
    const after = await list('?limit=3');
    expect(after.map(({ id }) => id)).toEqual([first, second, third]);
    expect((await server.get('/api/sessions/events/latest')).body.sessionId).toBe(first);
    for (const { id, updatedAt } of before) {
      expect(after.find((session) => session.id === id)?.updatedAt).toBeGreaterThanOrEqual(updatedAt);
    }
  });
});
