import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyEvent, types } from '../support/client.js';
import { expectNoGap, storedOf } from '../support/expect-events.js';
import { Gate, lastUserText, ModelStub } from '../support/model-stub.js';
import { placed, ServerProcess } from '../support/process.js';
import { ask, listen, next } from '../support/sockets.js';
import { DATABASE, readStored } from './kills/stored.js';

const CONFIG = `export default { server: { shutdownGraceMs: Number(process.env.GRACE) } };`;

describe('a server that is asked to stop', () => {
  let model: ModelStub;
  let directory: string;
  let held: Gate;
  const servers: ServerProcess[] = [];

  beforeAll(async () => {
    model = await ModelStub.start();
    // "hold" is answered with half an answer; the rest waits until the test lets it go.
    model.answer = async (reply, request) => {
      if (lastUserText(request) !== 'hold') return reply.text('Done.').end();
      reply.text('Half', ' an', ' answer');
      await Promise.race([held.opened, request.closed]);
      reply.text(', and the rest').end();
    };
  });
  afterAll(() => model.stop());
  beforeEach(async () => {
    held = new Gate();
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-restart-'));
    await writeFile(join(directory, 'agent-tars.config.mjs'), CONFIG);
  });
  afterEach(async () => {
    held.open();
    await Promise.all(servers.splice(0).map((server) => server.kill()));
    await rm(directory, { recursive: true, force: true });
  });

  const data = () => join(directory, 'data');

  async function start(graceMs: number): Promise<ServerProcess> {
    const server = await ServerProcess.start(placed(data(), directory, model.baseURL), {
      cwd: directory,
      env: { GRACE: String(graceMs) },
    });
    servers.push(server);
    return server;
  }

  /** A session whose answer is half there, and somebody who follows it. */
  async function inTheMiddle(server: ServerProcess) {
    const sessionId = await server.createSession();
    const follower = await server.follow(sessionId);
    const answer = server.query(sessionId, 'hold').catch(() => undefined); // its connection may break
    await follower.until(({ content }) => content === ' answer');
    return { sessionId, follower, answer };
  }

  /** Resolves when it has heard the signal. */
  async function draining(server: ServerProcess) {
    let ready = await server.get('/api/ready');
    while (ready.status === 200) ready = await server.get('/api/ready');
    return ready;
  }

  /** Nothing is left in the log: all is in the database file, and that is whole. */
  async function expectTidy(): Promise<void> {
    const log = await stat(join(data(), `${DATABASE}-wal`)).catch(() => ({ size: 0 }));
    expect(log.size).toBe(0);
    expect((await readStored(data())).integrity).toBe('ok');
  }

  describe.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('by %s', (signal) => {
    it('takes no new query, lets the run end, keeps the queue, and every client finds its place again', async () => {
      const first = await start(60_000);
      const { sessionId, follower, answer } = await inTheMiddle(first);
      const socket = await first.socket();
      const heard = listen(socket);
      await ask(socket, 'join-session', { sessionId, after: 0 });
      const gone = next(socket, 'disconnect');
      const waiting = await first.stream(sessionId, 'next', { whenBusy: 'queue', idempotencyKey: 'next' });
      const { runId } = await waiting.until('queued');

      const answerLater = first.query(sessionId, 'and then', { whenBusy: 'queue' });
      let runs: { id: string }[] = [];
      while (runs.length < 3) runs = (await first.get(`/api/runs?sessionId=${sessionId}`)).body.runs;

      const exit = once(first.child, 'exit');
      first.child.kill(signal);
      const notReady = await draining(first);
      expect(notReady).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
      const other = await first.createSession();
      for (const refused of [
        await first.query(other, 'hello'),
        await first.query(sessionId, 'hello', { whenBusy: 'queue' }),
        await first.post('/api/sessions/query/stream', { sessionId: other, query: 'hello' }),
        await first.post('/api/oneshot/query', { query: 'hello' }),
      ]) {
        expect(refused).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
        expect(refused.headers.get('retry-after')).toBe('5');
      }
      expect(await ask(socket, 'send-query', { sessionId: other, query: 'hello' })).toMatchObject({
        ok: false,
        code: 'DRAINING',
      });
      expect((await first.get('/api/health')).status).toBe(200);
      expect(types((await first.events(sessionId)) as never)).toEqual(['user_message', 'agent_run_start']);

      held.open();
      expect(await answer).toMatchObject({
        status: 200,
        body: { result: { content: 'Half an answer, and the rest' } },
      });
      await gone;
      const seen = storedOf(await follower.ended);
      expect(types(seen).slice(2)).toEqual(['assistant_message', 'agent_run_end']);
      expect(seen.at(-1)).toMatchObject({ status: 'completed' });
      expect(storedOf(heard.events.events)).toEqual(seen);
      expect(types(await waiting.ended)).toEqual(['queued']);
      expect(await answerLater).toMatchObject({
        status: 503,
        body: {
          code: 'DRAINING',
          details: { runId: runs[2]?.id },
          error: expect.stringContaining('is kept'),
        },
      });
      expect(await exit).toEqual([0, null]);
      await expectTidy();

      const second = await start(0);
      const back = await second.follow(sessionId, undefined, {
        'last-event-id': String(seen.at(-1)?.['seq']),
      });
      await back.until(({ type, runId: of }) => type === 'agent_run_end' && of === runs[2]?.id);
      back.leave();
      const rest = storedOf(back.events);
      expectNoGap(rest, seen.length);
      const run = ['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end'];
      expect(types(rest)).toEqual([...run, ...run]);
      expect(await second.events(sessionId)).toEqual([...seen, ...rest]);
      const again = await second.query(sessionId, 'next', { idempotencyKey: 'next' });
      expect(again).toMatchObject({ status: 200, body: { runId, result: { content: 'Done.' } } });
      expect(await second.events(other)).toEqual([]);
    });

    it('ends what has not ended after its grace as interrupted, and exits with 0', async () => {
      const first = await start(300);
      const { sessionId, follower, answer } = await inTheMiddle(first);
      const asked = performance.now();
      expect(await first.kill(signal)).toBe(0);
      expect(performance.now() - asked).toBeGreaterThanOrEqual(300);
      const seen = storedOf(await follower.ended);
      expect(seen.slice(2)).toMatchObject([
        { type: 'assistant_message', content: 'Half an answer', finishReason: 'abort' },
        { type: 'agent_run_end', status: 'interrupted' },
      ]);
      expect(await answer).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
      await expectTidy();
      const stored = (await readStored(data())).events.get(sessionId) ?? [];
      expect(stored.map(({ data: text }) => JSON.parse(text) as AnyEvent)).toEqual(seen);
    });

    it('exits at once when it is asked again', async () => {
      const first = await start(60_000);
      const { sessionId, follower } = await inTheMiddle(first);
      first.child.kill(signal);
      await draining(first);
      expect(await first.kill(signal === 'SIGINT' ? 'SIGTERM' : 'SIGINT')).toBe(
        signal === 'SIGINT' ? 143 : 130,
      );
      const seen = storedOf(await follower.ended);
      const second = await start(0);
      const events = (await second.events(sessionId)) as unknown as AnyEvent[];
      expect(events.slice(0, 2)).toEqual(seen);
      expect(types(events).slice(2)).toEqual(['system', 'agent_run_end']);
      expect(events[3]).toMatchObject({ status: 'interrupted' });
    });
  });
});
