import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UnitOfWork } from '../../src/database/index.js';
import { types } from '../support/client.js';
import { inside } from '../support/inside.js';
import { Gate } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

describe('runs', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ config: { server: { maxQueued: 2 } } });
  });
  afterAll(() => app.stop());

  /** A session whose first query waits at the gate. */
  async function busySession() {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text('first');
      await gate.opened;
      reply.end();
    });
    const first = await app.stream(sessionId, 'one');
    await first.until('assistant_streaming_message');
    return { sessionId, gate, first };
  }

  it('tell their whole story', async () => {
    const sessionId = await app.createSession();
    app.model.next(
      (reply) => reply.toolCall('read_file', { path: 'missing.txt' }).end(),
      (reply) => reply.text('It is not there.').end(),
    );
    const { body } = await app.query(sessionId);
    const { body: list } = await app.get(`/api/runs?sessionId=${sessionId}`);
    expect(list.runs).toHaveLength(1);
    const { body: story } = await app.get(`/api/runs/${body.runId}`);
    expect(story.run).toMatchObject({
      id: body.runId,
      sessionId,
      status: 'completed',
      provider: 'openai-compatible',
      model: 'scripted',
      error: null,
      usage: { inputTokens: 14, outputTokens: 6 },
      iterations: 2,
      attempts: 1,
    });
    expect(story.run.steps).toMatchObject([
      { type: 'model', finishReason: 'tool-calls', usage: { inputTokens: 7, outputTokens: 3 } },
      { type: 'tool', name: 'read_file', error: expect.stringContaining('missing.txt') },
      { type: 'model', finishReason: 'stop' },
    ]);
    expect(story.run.endedAt).toBeGreaterThanOrEqual(story.run.startedAt);
  });

  it('that do not exist are answered with 404', async () => {
    expect(await app.get('/api/runs/nothing')).toMatchObject({
      status: 404,
      body: { code: 'RUN_NOT_FOUND' },
    });
    expect((await app.get('/api/runs?sessionId=nothing')).status).toBe(404);
  });

  it('wait in the queue of their session, first in first out, and say so', async () => {
    const { sessionId, gate, first } = await busySession();
    app.model.next(
      (reply) => reply.text('second').end(),
      (reply) => reply.text('third').end(),
    );
    const second = await app.stream(sessionId, 'two', { whenBusy: 'queue' });
    expect(await second.until('queued')).toMatchObject({ position: 1, sessionId, runId: expect.any(String) });
    const third = await app.stream(sessionId, 'three', { whenBusy: 'queue' });
    expect(await third.until('queued')).toMatchObject({ position: 2 });
    const full = await app.query(sessionId, 'four', { whenBusy: 'queue' });
    expect(full).toMatchObject({ status: 429, body: { code: 'QUEUE_FULL' } });
    expect(full.headers.get('retry-after')).toBe('5');
    expect(await app.status(sessionId)).toMatchObject({ isProcessing: true, waitingOn: 'model', queued: 2 });
    gate.open();
    await first.ended;
    await Promise.all([second.ended, third.ended]);
    const events = await app.events(sessionId);
    const said = events.flatMap((event) => (event.type === 'assistant_message' ? [event.content] : []));
    expect(said).toEqual(['first', 'second', 'third']);
    expect(types(events)).toEqual(
      [1, 2, 3].flatMap(() => ['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end']),
    );
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
  });

  it('can be taken out of the queue, and leave no event', async () => {
    const { sessionId, gate, first } = await busySession();
    const waiting = await app.stream(sessionId, 'two', { whenBusy: 'queue' });
    const { runId } = await waiting.until('queued');
    expect((await app.post('/api/sessions/abort', { sessionId, runId })).body).toEqual({ success: true });
    await waiting.ended;
    gate.open();
    await first.ended;
    expect(types(await app.events(sessionId)).filter((type) => type === 'user_message')).toHaveLength(1);
    const { body } = await app.get(`/api/runs?sessionId=${sessionId}`);
    expect(body.runs.map((run: { status: string }) => run.status)).toEqual(['completed', 'aborted']);
  });

  it('that were taken out of the queue end every stream that their idempotency key attaches', async () => {
    const { sessionId, gate, first } = await busySession();
    const ask = () => app.stream(sessionId, 'two', { whenBusy: 'queue', idempotencyKey: 'taken-out' });
    const waiting = await ask();
    const { runId } = await waiting.until('queued');
    const streams = [waiting, await ask()];
    expect((await app.post('/api/sessions/abort', { sessionId, runId })).body).toEqual({ success: true });
    streams.push(await ask());
    gate.open();
    await first.ended;
    expect(await Promise.all(streams.map(async ({ ended }) => types(await ended)))).toEqual([
      ['queued'],
      [],
      [],
    ]);
  });

  it('that leave the queue tell whoever waits for them', async () => {
    const { sessionId, gate, first } = await busySession();
    const waiting = app.query(sessionId, 'two', { whenBusy: 'queue' });
    let runs: { id: string }[] = [];
    while (runs.length < 2) runs = (await app.get(`/api/runs?sessionId=${sessionId}`)).body.runs;
    const runId = runs[1]?.id;
    expect((await app.post('/api/sessions/abort', { sessionId, runId })).body).toEqual({ success: true });
    expect(await waiting).toMatchObject({ status: 409, body: { code: 'RUN_ABORTED', details: { runId } } });
    gate.open();
    await first.ended;
  });

  it('are answered when they were queued in the very commit that ends the one before', async () => {
    const { sessionId, gate, first } = await busySession();
    const written = new Gate();
    const busy = inside(app, UnitOfWork).write(() => written.opened); // what comes now shares the next commit
    const second = app.query(sessionId, 'two', { whenBusy: 'queue' });
    for (let i = 0; i < 5; i++) await app.get('/api/health'); // by then it waits
    gate.open();
    await first.until(({ isComplete }) => isComplete === true);
    await app.get('/api/health'); // by then the end of the first waits behind it
    written.open();
    await busy;
    expect(await second).toMatchObject({
      status: 200,
      body: { queued: true, result: { content: 'Hello there!' } },
    });
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
  });

  it('interrupt the one under way, which ends completely first', async () => {
    const { sessionId, first } = await busySession();
    app.model.next((reply) => reply.text('now this').end());
    const { status, body } = await app.query(sessionId, 'stop, do this', { whenBusy: 'interrupt' });
    expect(status).toBe(200);
    expect(body.result.content).toBe('now this');
    const events = await first.ended;
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
    const log = await app.events(sessionId);
    const runs = log.map(({ runId }) => runId);
    expect(runs.lastIndexOf(runs[0] ?? '')).toBe(runs.indexOf(body.runId) - 1);
  });

  it('are one for all requests with the same idempotency key, while it runs and after a restart', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      await gate.opened;
      reply.text('once').end();
    });
    const asked = app.model.requests.length;
    const stream = await app.stream(sessionId, 'pay', { idempotencyKey: 'k1' });
    await stream.until('agent_run_start');
    const again = app.query(sessionId, 'pay', { idempotencyKey: 'k1' });
    const byHeader = app.post(
      '/api/sessions/query',
      { sessionId, query: 'pay' },
      { 'idempotency-key': 'k1' },
    );
    gate.open();
    const [one, two] = await Promise.all([again, byHeader]);
    expect(one.body.result).toMatchObject({ content: 'once' });
    expect(two.body).toEqual(one.body);
    expect(app.model.requests.length - asked).toBe(1);
    app = await app.restart();
    const later = await app.query(sessionId, 'pay', { idempotencyKey: 'k1' });
    expect(later.body).toEqual(one.body);
    const replayed = await (await app.stream(sessionId, 'pay', { idempotencyKey: 'k1' })).ended;
    expect(replayed).toEqual(await app.events(sessionId));
    const other = await app.query(sessionId, 'pay twice', { idempotencyKey: 'k1' });
    expect(other).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_MISMATCH' } });
    expect(app.model.requests.length - asked).toBe(1);
  });

  it('are one for requests with the same idempotency key that come at once', async () => {
    const sessionId = await app.createSession();
    for (let round = 0; round < 5; round++) {
      const asked = app.model.requests.length;
      const query = (i: number) => app.query(sessionId, 'pay', { idempotencyKey: `at once ${round}`, i });
      const other = app.createSession(); // the writer is busy with it: those that wait share the next commit
      const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => query(i)));
      await other;
      for (const answer of answers) {
        expect(answer).toMatchObject({ status: 200, body: { result: { content: 'Hello there!' } } });
        expect(answer.body).toEqual(answers[0]?.body);
      }
      expect(app.model.requests.length - asked).toBe(1);
    }
  });

  it('that wait in the queue after a restart are attached to by their key', async () => {
    const { sessionId } = await busySession();
    for (const idempotencyKey of ['two', 'three']) {
      const waiting = await app.stream(sessionId, idempotencyKey, { whenBusy: 'queue', idempotencyKey });
      await waiting.until('queued');
    }
    const gate = new Gate();
    app.model.next(
      async (reply) => {
        await gate.opened;
        reply.text('second').end();
      },
      (reply) => reply.text('third').end(),
    );
    app = await app.restart();
    const runs = (await app.get(`/api/runs?sessionId=${sessionId}`)).body.runs as { id: string }[];
    const again = ['three', 'two'].map((key) => app.query(sessionId, key, { idempotencyKey: key }));
    const stream = await app.stream(sessionId, 'three', { idempotencyKey: 'three' });
    gate.open();
    const [third, second] = await Promise.all(again);
    expect(second).toMatchObject({
      status: 200,
      body: { runId: runs[1]?.id, result: { content: 'second' } },
    });
    expect(third).toMatchObject({ status: 200, body: { runId: runs[2]?.id, result: { content: 'third' } } });
    expect((await stream.ended).at(-1)).toMatchObject({ type: 'agent_run_end', runId: runs[2]?.id });
  });

  it('wait for room when the server takes one at a time', async () => {
    const exclusive = await TestServer.start({ config: { server: { exclusive: true } } });
    try {
      const gate = new Gate();
      exclusive.model.next(async (reply) => {
        reply.text('a');
        await gate.opened;
        reply.end();
      });
      const [a, b] = [await exclusive.createSession(), await exclusive.createSession()];
      const first = await exclusive.stream(a, 'one');
      await first.until('assistant_streaming_message');
      const second = await exclusive.stream(b, 'two');
      await second.until('queued');
      expect(await exclusive.status(b)).toMatchObject({ isProcessing: true, waitingOn: 'queue' });
      expect(exclusive.model.requests).toHaveLength(1);
      gate.open();
      expect(types(await second.ended).at(-1)).toBe('agent_run_end');
    } finally {
      await exclusive.stop();
    }
  });
});
