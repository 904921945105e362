import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyEvent, type Client, types } from '../support/client.js';
import { expectNoGap, expectValidConversation, storedOf } from '../support/expect-events.js';
import { Gate, lastUserText, ModelStub } from '../support/model-stub.js';
import { placed, ServerProcess } from '../support/process.js';
import { Rng, SEED } from '../support/rng.js';

/** A tool that notes each start in a file of its workspace, and never ends. */
const CONFIG = `
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

export default {
  server: { shutdownGraceMs: Number(process.env.GRACE ?? 0), shared: true },
  tools: [{
    name: 'endless',
    description: 'Never ends.',
    parameters: { properties: {} },
    execute: (args, { workspace }) => {
      appendFileSync(join(workspace, 'started.txt'), 'x');
      return new Promise(() => undefined);
    },
  }],
};
`;

const QUEUE = { whenBusy: 'queue' };

describe('a server process', () => {
  let model: ModelStub;
  let directory: string;
  let held: Gate;
  const servers: ServerProcess[] = [];

  beforeAll(async () => {
    model = await ModelStub.start();
    const answer = model.answer;
    // "hold" is answered with half an answer; the rest waits until the test lets it go.
    model.answer = async (reply, request) => {
      if (lastUserText(request) !== 'hold') return answer(reply, request);
      reply.text('Half', ' an', ' answer');
      await held.opened;
      reply.text(', and the rest').end();
    };
  });
  afterAll(() => model.stop());
  beforeEach(async () => {
    held = new Gate();
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-crash-'));
    await writeFile(join(directory, 'agent-tars.config.mjs'), CONFIG);
  });
  afterEach(async () => {
    held.open();
    await Promise.all(servers.splice(0).map((server) => server.kill()));
    await rm(directory, { recursive: true, force: true });
  });

  async function start(
    env: NodeJS.ProcessEnv = {},
    baseURL = model.baseURL,
    flags: readonly string[] = [],
  ): Promise<ServerProcess> {
    const server = await ServerProcess.start(
      [...flags, ...placed(join(directory, 'data'), directory, baseURL)],
      { cwd: directory, env },
    );
    servers.push(server);
    return server;
  }

  /** A session with one whole turn, and one whose answer is under way; somebody follows it. */
  async function inTheMiddle(server: Client) {
    const sessionId = await server.createSession();
    await server.query(sessionId, 'my number is 8842');
    const follower = await server.follow(sessionId);
    const waiting = server.query(sessionId, 'hold').catch(() => undefined); // its connection may break
    await follower.until(({ content }) => content === ' answer');
    return { sessionId, follower, waiting };
  }

  /** What must hold for the session when the server is there again; asks it once more. */
  async function expectWhole(
    server: Client,
    sessionId: string,
    seen: readonly AnyEvent[],
  ): Promise<AnyEvent[]> {
    const events = (await server.events(sessionId)) as unknown as AnyEvent[];
    expectNoGap(events);
    expect(events.slice(0, seen.length)).toEqual(seen);
    for (const runId of new Set(events.map((event) => event['runId']))) {
      const ends = events.filter((event) => event['runId'] === runId && event.type === 'agent_run_end');
      expect(ends).toHaveLength(1);
    }
    expect(await server.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
    const { status, body } = await server.query(sessionId, 'what was it?');
    expect(status).toBe(200);
    expect(body.result).toMatchObject({ content: 'Hello there!', finishReason: 'stop' });
    expectValidConversation(model.lastRequest);
    expect(JSON.stringify(model.lastRequest.body.messages)).toContain('8842');
    const after = (await server.events(sessionId)) as unknown as AnyEvent[];
    expectNoGap(after);
    expect(after.slice(0, events.length)).toEqual(events);
    expect(new Set(after.map(({ id }) => id)).size).toBe(after.length);
    return events;
  }

  it('killed in the middle of an answer has lost nothing that a client had seen', async () => {
    const first = await start();
    const { sessionId, follower } = await inTheMiddle(first);
    await first.kill('SIGKILL');
    const seen = storedOf(await follower.ended);
    expect(types(seen).slice(4)).toEqual(['user_message', 'agent_run_start']);

    const second = await start();
    const events = await expectWhole(second, sessionId, seen);
    expect(types(events).slice(4)).toEqual(['user_message', 'agent_run_start', 'system', 'agent_run_end']);
    expect(events[6]).toMatchObject({ level: 'warning', message: expect.stringContaining('stopped') });
    expect(events[7]).toMatchObject({ status: 'interrupted', runId: events[4]?.['runId'] });
    expect(model.lastRequest.body.messages.map(({ role }) => role)).toEqual([
      ...['system', 'user', 'assistant', 'user', 'assistant', 'user'],
    ]);
    const { body } = await second.get(`/api/runs/${String(events[4]?.['runId'])}`);
    expect(body.run).toMatchObject({ status: 'interrupted', endedAt: expect.any(Number) });
    const late = await second.follow(sessionId, 5);
    await late.until('replay_end');
    late.leave();
    expect(storedOf(late.events)).toEqual((await second.events(sessionId)).slice(5));
  });

  it('killed while a tool runs does not run it again', async () => {
    const first = await start();
    const sessionId = await first.createSession();
    await first.query(sessionId, 'my number is 8842');
    model.next((reply) => reply.text('I begin.').toolCall('endless', {}).end());
    const follower = await first.stream(sessionId, 'work');
    await follower.until('tool_call');
    await first.kill('SIGKILL');
    const seen = storedOf(await follower.ended);

    const second = await start();
    const events = await expectWhole(second, sessionId, [
      ...(await second.events(sessionId)).slice(0, 4),
      ...seen,
    ] as never);
    expect(types(events).slice(-3)).toEqual(['tool_call', 'system', 'agent_run_end']);
    expect(events.at(-1)).toMatchObject({ status: 'interrupted' });
    expect(await readFile(join(directory, 'started.txt'), 'utf8')).toBe('x');
    const told = model.lastRequest.body.messages.find(({ role }) => role === 'tool');
    expect(told?.content).toBe('The run ended before this tool had answered.');
  });

  it('killed with queues goes on with them in their order, and is busy until then', async () => {
    const exclusive = ['--server.exclusive'];
    const first = await start({}, model.baseURL, exclusive);
    const { sessionId } = await inTheMiddle(first);
    const other = await first.createSession();
    for (const id of [other, sessionId]) await (await first.stream(id, 'hold', QUEUE)).until('queued');
    await first.kill('SIGKILL');

    const second = await start({}, model.baseURL, exclusive);
    const followers = [await second.follow(other), await second.follow(sessionId)] as const;
    await followers[0].until(({ content }) => typeof content === 'string' && content.startsWith('Half'));
    expect(await second.status(sessionId)).toMatchObject({ isProcessing: true, state: 'executing' });
    expect(types((await second.events(sessionId)) as never).at(-1)).toBe('agent_run_end');
    held.open();
    const rest = ({ content }: AnyEvent) => content === 'Half an answer, and the rest';
    for (const follower of followers) {
      const { runId } = await follower.until(rest);
      await follower.until((event) => event.type === 'agent_run_end' && event['runId'] === runId);
    }
    for (const id of [other, sessionId]) expect((await second.status(id)).isProcessing).toBe(false);
  });

  it('killed at random moments, again and again, stays whole', async () => {
    const rng = new Rng(SEED);
    const original = model.answer;
    let sessionId: string | undefined;
    let seen: AnyEvent[] = [];
    try {
      for (let kill = 0; kill < 2; kill++) {
        const server = await start();
        if (sessionId === undefined) {
          sessionId = await server.createSession();
          await server.query(sessionId, 'my number is 8842');
        }
        const stored = (await server.events(sessionId)) as unknown as AnyEvent[];
        expect(stored.slice(0, seen.length)).toEqual(seen);
        const moment = rng.between(1, 60);
        let step = 0;
        const dying = new Gate();
        model.answer = async (reply) => {
          for (let token = 0; token < 3; token++) {
            if (++step === moment) {
              void server.kill('SIGKILL').then(() => dying.open());
              return;
            }
            reply.text(`t${step} `);
            await new Promise((resolve) => setImmediate(resolve));
          }
          reply.toolCall('list_directory', {}).end();
        };
        const follower = await server.follow(sessionId);
        const waiting = server.query(sessionId, 'work').catch(() => undefined);
        await dying.opened;
        await waiting;
        seen = storedOf(await follower.ended);
        expectNoGap(seen);
        model.answer = original;
      }
      await expectWhole(await start(), sessionId as string, seen);
    } finally {
      model.answer = original;
    }
  });

  it('exits with 0 on SIGTERM and ends the open run as interrupted', async () => {
    const first = await start();
    const { sessionId, follower, waiting } = await inTheMiddle(first);
    expect(await first.kill('SIGTERM')).toBe(0);
    const seen = storedOf(await follower.ended);
    expect(types(seen).slice(4)).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(seen[6]).toMatchObject({ content: 'Half an answer', finishReason: 'abort' });
    expect(seen[7]).toMatchObject({ status: 'interrupted' });
    expect(await waiting).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
    const events = await expectWhole(await start(), sessionId, seen);
    expect(events).toEqual(seen);
  });

  it('says what happened when its model hangs up, and exits with 0 on SIGINT when it has nothing to do', async () => {
    const server = await start();
    model.next(async (reply) => {
      reply.text('Half');
      await held.opened;
      reply.cut();
    });
    const cut = await server.stream(await server.createSession(), 'cut');
    await cut.until('assistant_streaming_message');
    held.open();
    expect((await cut.ended).at(-2)).toMatchObject({
      type: 'system',
      level: 'error',
      message: 'The answer of scripted was cut off before its end. Ask again.',
      details: { code: 'MODEL_ERROR' },
    });
    const idle = await server.follow(await server.createSession());
    await idle.until('replay_end');
    expect(await server.kill('SIGINT')).toBe(0);
    expect(types(await idle.ended)).toEqual(['replay_end']);
  });

  it('lets the run under way finish first when it has the time', async () => {
    const server = await start({ GRACE: '20000' });
    const { follower, waiting } = await inTheMiddle(server);
    const exit = server.kill('SIGTERM');
    held.open();
    expect(await exit).toBe(0);
    const events = await follower.ended;
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    expect(events.at(-2)).toMatchObject({ content: 'Half an answer, and the rest', finishReason: 'stop' });
    expect(await waiting).toMatchObject({ status: 200 });
  });

  it('exits at once on a second signal', async () => {
    const server = await start({ GRACE: '20000' });
    const { sessionId } = await inTheMiddle(server);
    server.child.kill('SIGTERM');
    // The first has been heard when queries are refused; a client that is still connected may see its end instead.
    const refused = async () =>
      (await server.query(sessionId, 'more').catch(() => undefined))?.status !== 409;
    while (!(await refused())) await new Promise((resolve) => setImmediate(resolve));
    expect(await server.kill('SIGTERM')).toBe(143);
  });

  describe('beside another one on the same data', () => {
    it("leaves the other's run alone, at its start and at its end", async () => {
      const first = await start();
      const { sessionId, waiting } = await inTheMiddle(first);
      const second = await start();
      expect(await second.status(sessionId)).toMatchObject({ isProcessing: true, state: 'executing' });
      expect(await second.query(sessionId, 'me too')).toMatchObject({
        status: 409,
        body: { code: 'SESSION_BUSY' },
      });
      const sessions = await Promise.all(
        Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? first : second).createSession()),
      );
      const answers = await Promise.all(sessions.map((id, i) => (i % 2 === 0 ? second : first).query(id)));
      expect(answers.map(({ status }) => status)).toEqual(sessions.map(() => 200));
      for (const id of sessions) {
        const events = await first.events(id);
        expect(await second.events(id)).toEqual(events);
        expect(types(events)).toEqual([
          'user_message',
          'agent_run_start',
          'assistant_message',
          'agent_run_end',
        ]);
      }
      expect(await second.kill('SIGTERM')).toBe(0);
      held.open();
      expect(await waiting).toMatchObject({
        status: 200,
        body: { result: { content: 'Half an answer, and the rest' } },
      });
      await expectWhole(first, sessionId, []);
      expect(types((await first.events(sessionId)) as never)).not.toContain('system');
    });

    it("closes the other's run when the other is dead", async () => {
      const first = await start();
      const { sessionId, follower } = await inTheMiddle(first);
      await first.kill('SIGKILL');
      const seen = storedOf(await follower.ended);
      const [second, third] = await Promise.all([start(), start()]);
      const events = await expectWhole(second, sessionId, seen);
      expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'interrupted' });
      expect(await third.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
    });

    it("goes on with the other's queue when a query finds it dead, also one that is refused", async () => {
      const [first, second] = await Promise.all([start(), start()]);
      const sessions = [await inTheMiddle(first), await inTheMiddle(first)];
      const [refused, queued] = sessions.map(({ sessionId }) => sessionId) as [string, string];
      for (const id of [refused, queued]) await (await first.stream(id, 'hold', QUEUE)).until('queued');
      await first.kill('SIGKILL');
      expect(await second.query(refused, 'me too')).toMatchObject({ status: 409 });
      const last = second.query(queued, 'me too', QUEUE);
      const followers = [await second.follow(refused), await second.follow(queued)];
      held.open();
      for (const follower of followers) {
        await follower.until(({ content }) => content === 'Half an answer, and the rest');
      }
      expect(await last).toMatchObject({ status: 200, body: { result: { content: 'Hello there!' } } });
    });

    it('can abort a run whose server died meanwhile, and ask in its session', async () => {
      const [first, second] = await Promise.all([start(), start()]);
      const aborted = await inTheMiddle(first);
      const asked = await inTheMiddle(first);
      const queued = await inTheMiddle(first);
      await (await first.stream(queued.sessionId, 'and then?', QUEUE)).until('queued');
      await first.kill('SIGKILL');
      const { sessionId } = aborted;
      const abort = (id: string) => second.post('/api/sessions/abort', { sessionId: id });
      expect((await abort(sessionId)).body).toEqual({ success: true });
      expect(await second.status(sessionId)).toEqual({ isProcessing: false, state: 'aborted' });
      expect((await abort(queued.sessionId)).body).toEqual({ success: true });
      const rest = await second.follow(queued.sessionId);
      await rest.until(({ type, content }) => type === 'user_message' && content === 'and then?');
      rest.leave();
      expect((await second.query(sessionId, 'go on')).status).toBe(200);
      const seen = storedOf(await asked.follower.ended);
      expect((await second.query(asked.sessionId, 'are you there?')).status).toBe(200);
      await expectWhole(second, asked.sessionId, seen);
    });
  });

  it('says what to check when its model is not there', async () => {
    const server = await start({}, 'http://127.0.0.1:1/v1');
    const gone = await server.query(await server.createSession());
    expect(gone).toMatchObject({ status: 502, body: { code: 'MODEL_ERROR' } });
    expect((gone.body as { error: string }).error).toMatch(
      /^The provider of scripted cannot be reached: .*model\.baseURL/,
    );
  });
});
