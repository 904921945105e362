import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';
import { type AgentEvent, defineTool, EventBus, SessionsModule, SessionsService } from '../../src/index.js';
import { type AnyEvent, type EventReader, types } from '../support/client.js';
import { Rng, SEED } from '../support/rng.js';
import { expectDeltasJoin, expectNoGap, storedOf } from '../support/expect-events.js';
import { abortNow, hasListeners, liveRuns, rowsOf } from '../support/inside.js';
import { Gate, lastUserText } from '../support/model-stub.js';
import { scaled, scaledMs } from '../support/size.js';
import { ask } from '../support/sockets.js';
import { TestServer } from '../support/test-server.js';
import { ticks, within } from '../support/waiting.js';

/** Starts a process, as a tool that runs commands does, and waits for it. */
class ProcessTool {
  readonly started: ChildProcess[] = [];
  private heard = new Gate();

  readonly tool = defineTool({
    name: 'start_process',
    description: 'Starts a process that does not end by itself.',
    parameters: z.object({}),
    execute: async (_args, { signal }) => {
      const child = spawn('sleep', ['600'], { signal, stdio: 'ignore' });
      this.started.push(child);
      this.heard.open();
      await once(child, 'exit'); // rejects when the signal aborts
      return 'slept';
    },
  });

  /** The next process that it starts. */
  async next(): Promise<ChildProcess> {
    await this.heard.opened;
    this.heard = new Gate();
    return this.started.at(-1) as ChildProcess;
  }
}

/** What a test does after the runs of a session have ended and before the session itself is deleted. */
@Injectable()
class BetweenRunsAndSession implements OnModuleInit {
  static act: ((sessionId: string) => Promise<void>) | undefined;

  constructor(private readonly sessions: SessionsService) {}

  /** After the hook that ends the runs: that one was registered by a constructor. */
  onModuleInit(): void {
    this.sessions.onDelete(async (sessionId) => BetweenRunsAndSession.act?.(sessionId));
  }
}

/** What a test does when an event has been stored and nobody has been told of it yet. */
@Injectable()
class OnPublish {
  static act: ((event: AgentEvent) => void) | undefined;

  constructor(bus: EventBus) {
    const publish = bus.publish.bind(bus);
    bus.publish = (sessionId, published) => {
      OnPublish.act?.(published.event);
      publish(sessionId, published);
    };
  }
}

@Module({ imports: [SessionsModule], providers: [BetweenRunsAndSession, OnPublish] })
class MomentsModule {}

jest.setTimeout(scaledMs(30_000));

const RUN = ['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end'];

describe(`races (SEED=${SEED})`, () => {
  const processes = new ProcessTool();
  const rng = new Rng(SEED);
  let app: TestServer;
  let held: Gate;
  /** How often the model had been asked before the test. */
  let asked: number;

  beforeAll(async () => {
    app = await TestServer.start({
      config: { tools: [processes.tool] },
      extensions: { imports: [MomentsModule] },
    });
    // "hold" is answered with half an answer until the gate is opened, "work" by starting a process.
    const original = app.model.answer;
    app.model.answer = async (reply, request) => {
      const text = lastUserText(request);
      if (text === 'work') return reply.toolCall('start_process', {}).end();
      if (text !== 'hold') return original(reply, request);
      const gate = held;
      reply.text('half');
      await gate.opened;
      reply.text(' and the rest').end();
    };
  });
  afterAll(() => app.stop());
  beforeEach(() => {
    held = new Gate();
    asked = app.model.requests.length;
  });
  afterEach(() => {
    held.open();
    BetweenRunsAndSession.act = undefined;
    OnPublish.act = undefined;
  });

  const abort = (sessionId: string, runId?: string) =>
    app.post<{ success: boolean }>('/api/sessions/abort', { sessionId, ...(runId && { runId }) });
  const remove = (sessionId: string) => app.post('/api/sessions/delete', { sessionId });

  /** Sends the requests in a random order, at random moments, and waits for all the answers. */
  async function scattered<T>(sends: readonly (() => Promise<T>)[]): Promise<T[]> {
    const answers = new Map<() => Promise<T>, Promise<T>>();
    for (const send of rng.shuffled(sends)) {
      answers.set(send, send());
      await ticks(rng.below(12));
    }
    return Promise.all(sends.map((send) => answers.get(send) as Promise<T>));
  }

  /** A run that has said "half" and goes no further. */
  async function holding(sessionId: string, more: object = {}) {
    const reader = await app.stream(sessionId, 'hold', more);
    await reader.until('assistant_streaming_message');
    return { reader, runId: String(reader.events[0]?.['runId']) };
  }

  /** A query that waits in the queue of its session. */
  async function queued(sessionId: string) {
    const reader = await app.stream(sessionId, 'later', { whenBusy: 'queue' });
    const { runId } = await reader.until('queued');
    return { reader, runId: String(runId) };
  }

  /** No run is left in the process, and no connection to the model that this test has caused. */
  async function expectNothingUnderWay(): Promise<void> {
    expect(liveRuns(app)).toEqual([]);
    const connections = app.model.requests.slice(asked).map(({ closed }) => closed);
    await within(1_000, 'The end of the connections to the model', Promise.all(connections));
  }

  /** Whatever wanted to write to the session still gets its chance, and writes nothing. */
  async function expectNothingMoreWritten(sessionId: string): Promise<void> {
    const before = await rowsOf(app, sessionId);
    held.open();
    await app.query(await app.createSession(), 'the writer has come round');
    expect(await rowsOf(app, sessionId)).toEqual(before);
  }

  /** The log of a session: each run's events together, from its user_message to its one agent_run_end. */
  async function expectWholeRuns(sessionId: string): Promise<AnyEvent[][]> {
    const events = (await app.events(sessionId)) as unknown as AnyEvent[];
    expectNoGap(events);
    const runs: AnyEvent[][] = [];
    for (const event of events) {
      if (event.type === 'user_message') runs.push([]);
      runs.at(-1)?.push(event);
    }
    for (const run of runs) {
      expect(new Set(run.map(({ runId }) => runId)).size).toBe(1);
      expect(types(run).filter((type) => type === 'agent_run_end')).toHaveLength(1);
      expect(run.at(-1)?.type).toBe('agent_run_end');
    }
    expect(new Set(runs.map(([first]) => first?.['runId'])).size).toBe(runs.length);
    return runs;
  }

  const statusesOf = async (sessionId: string): Promise<string[]> =>
    (await app.get(`/api/runs?sessionId=${sessionId}`)).body.runs.map(
      ({ status }: { status: string }) => status,
    );

  describe('an abort', () => {
    it('sent at once with its query ends the run, or had nothing to end and says so', async () => {
      const said = new Set<boolean>();
      for (let round = 0; round < scaled(30); round++) {
        held = new Gate();
        const sessionId = await app.createSession();
        let answer: Awaited<ReturnType<typeof app.query>> | undefined;
        const [success] = await scattered<unknown>([
          async () => {
            const { status, body } = await abort(sessionId);
            expect(status).toBe(200);
            if (!body.success) held.open();
            return body.success;
          },
          async () => (answer = await app.query(sessionId, 'hold')),
        ]);
        said.add(success as boolean);
        const [run] = await expectWholeRuns(sessionId);
        expect(run?.at(-1)).toMatchObject({ status: success ? 'aborted' : 'completed' });
        expect(answer).toMatchObject({
          status: 200,
          body: { result: { finishReason: success ? 'abort' : 'stop' } },
        });
        expect(await app.status(sessionId)).toEqual({
          isProcessing: false,
          state: success ? 'aborted' : 'idle',
        });
      }
      expect([...said].sort()).toEqual([false, true]);
      await expectNothingUnderWay();
    });

    it('in the moment in which the run ends by itself leaves one end, and the answer agrees with it', async () => {
      for (let round = 0; round < scaled(20); round++) {
        held = new Gate();
        const sessionId = await app.createSession();
        const { reader } = await holding(sessionId);
        const [answer] = await scattered<unknown>([() => abort(sessionId), async () => held.open()]);
        const events = await reader.ended;
        expectDeltasJoin(events);
        const [run] = await expectWholeRuns(sessionId);
        expect(storedOf(events)).toEqual(run);
        const { status } = run?.at(-1) as AnyEvent;
        expect(['aborted', 'completed']).toContain(status);
        const finishReason = status === 'aborted' ? 'abort' : 'stop';
        expect(run?.at(-2)).toMatchObject({ type: 'assistant_message', finishReason });
        // true: something was running when it came, though it may have been ending by itself
        const { success } = (answer as Awaited<ReturnType<typeof abort>>).body;
        if (status === 'aborted') expect(success).toBe(true);
        await expectNothingMoreWritten(sessionId);
      }
      await expectNothingUnderWay();
    });

    it('by every door at once is answered at each of them, after the one end', async () => {
      const sessionId = await app.createSession();
      const socket = await app.socket();
      const { reader } = await holding(sessionId);
      const after = async (answer: Promise<unknown>) => [await answer, (await app.events(sessionId)).length];
      const answers = await scattered([
        () => after(abort(sessionId).then(({ status, body }) => ({ ok: status === 200, ...body }))),
        () => after(abort(sessionId).then(({ status, body }) => ({ ok: status === 200, ...body }))),
        () => after(ask(socket, 'abort-query', { sessionId })),
        () => after(ask(socket, 'abort-query', { sessionId })),
      ]);
      for (const [answer, length] of answers) {
        expect(answer).toEqual({ ok: true, success: expect.any(Boolean) });
        expect(length).toBe(4);
      }
      expect(answers.map(([answer]) => (answer as { success: boolean }).success)).toContain(true);
      expect(types(storedOf(await reader.ended))).toEqual(RUN);
      await expectNothingUnderWay();
      await expectNothingMoreWritten(sessionId);
    });

    it('of the run under way lets the next of the queue begin, and of a queued one twice at once takes it out', async () => {
      const sessionId = await app.createSession();
      const first = await holding(sessionId);
      const next = await queued(sessionId);
      const out = await queued(sessionId);
      const twice = await Promise.all([abort(sessionId, out.runId), abort(sessionId, out.runId)]);
      expect(twice).toMatchObject([
        { status: 200, body: { success: true } },
        { status: 200, body: { success: true } },
      ]);
      expect(types(await out.reader.ended)).toEqual(['queued']);
      expect(await abort(sessionId, out.runId)).toMatchObject({ status: 200, body: { success: false } });
      expect((await abort(sessionId, first.runId)).body).toEqual({ success: true });
      expect((await next.reader.ended).at(-1)).toMatchObject({ status: 'completed', runId: next.runId });
      expect(await statusesOf(sessionId)).toEqual(['aborted', 'completed', 'aborted']);
      expect(await expectWholeRuns(sessionId)).toHaveLength(2);
      await expectNothingUnderWay();
    });

    it('of everything in a session at once leaves nothing that begins later', async () => {
      for (let round = 0; round < scaled(10); round++) {
        held = new Gate();
        const sessionId = await app.createSession();
        const open = [await holding(sessionId)];
        for (let i = 0; i < 4; i++) open.push(await queued(sessionId));
        const answers = await scattered(open.map((each) => () => abort(sessionId, each.runId)));
        expect(answers.map(({ status, body }) => ({ status, ...body }))).toEqual(
          // One that had begun when its predecessor went may have ended by itself.
          open.map((_, i) => ({ status: 200, success: i === 0 ? true : expect.any(Boolean) })),
        );
        expect(await app.status(sessionId)).toMatchObject({ isProcessing: false });
        for (const { reader } of open) await within(1_000, 'The end of a stream', reader.ended);
        const statuses = await statusesOf(sessionId);
        for (const [i, { body }] of answers.entries()) {
          if (body.success) expect(['aborted', 'completed']).toContain(statuses[i]);
          else expect(statuses[i]).toBe('completed');
        }
        expect(statuses[0]).toBe('aborted');
        await expectWholeRuns(sessionId);
        await expectNothingMoreWritten(sessionId);
      }
      await expectNothingUnderWay();
    });

    it.each(['reject', 'queue', 'interrupt'])(
      'and at once a new query (%s) are two runs that do not mix',
      async (whenBusy) => {
        for (let round = 0; round < scaled(10); round++) {
          held = new Gate();
          const sessionId = await app.createSession();
          const { reader, runId } = await holding(sessionId);
          const [aborted, asks] = await scattered<{ status: number; body: { [field: string]: unknown } }>([
            () => abort(sessionId, runId),
            () => app.query(sessionId, 'next', { whenBusy }),
          ]);
          expect(aborted).toMatchObject({ status: 200, body: { success: expect.any(Boolean) } });
          if (whenBusy !== 'interrupt') expect(aborted?.body['success']).toBe(true);
          const events = await reader.ended;
          expect(new Set(events.map((event) => event['runId']))).toEqual(new Set([runId]));
          const [first, second, ...more] = await expectWholeRuns(sessionId);
          expect(more).toEqual([]);
          expect(first).toEqual(storedOf(events));
          expect(first?.slice(-2)).toMatchObject([
            { type: 'assistant_message', content: 'half', finishReason: 'abort' },
            { type: 'agent_run_end', status: 'aborted' },
          ]);
          if (whenBusy === 'reject' && asks?.status === 409) {
            expect(asks.body).toMatchObject({ code: 'SESSION_BUSY', details: { sessionId, runId } });
            expect(second).toBeUndefined();
          } else {
            expect(asks).toMatchObject({ status: 200, body: { result: { content: 'Hello there!' } } });
            expect(second?.slice(-2)).toMatchObject([{ content: 'Hello there!' }, { status: 'completed' }]);
          }
          await expectNothingMoreWritten(sessionId);
        }
        await expectNothingUnderWay();
      },
    );

    it('of a query that waits for room in the server takes it out before it begins', async () => {
      const exclusive = await TestServer.start({ config: { server: { exclusive: true } } });
      try {
        const gate = new Gate();
        exclusive.model.next(async (reply) => {
          reply.text('a');
          await gate.opened;
          reply.end();
        });
        const [busy, waiting] = [await exclusive.createSession(), await exclusive.createSession()];
        const first = await exclusive.stream(busy, 'one');
        await first.until('assistant_streaming_message');
        const stream = await exclusive.stream(waiting, 'two');
        const { runId } = await stream.until('queued');
        // By its run or without naming one: it is the only one of its session.
        const [outcome, second] = await Promise.all([
          exclusive.query(waiting, 'three', { whenBusy: 'queue' }),
          (async () => {
            while ((await exclusive.status(waiting))['queued'] !== 2) await ticks(1);
            const answers = [
              await exclusive.post('/api/sessions/abort', { sessionId: waiting, runId }),
              await exclusive.post('/api/sessions/abort', { sessionId: waiting }),
            ];
            return [...answers, await exclusive.post('/api/sessions/abort', { sessionId: waiting })];
          })(),
        ]);
        expect(second.map(({ body }) => body)).toEqual([
          { success: true },
          { success: true },
          { success: false },
        ]);
        expect(outcome).toMatchObject({ status: 409, body: { code: 'RUN_ABORTED' } });
        expect(types(await stream.ended)).toEqual(['queued']);
        expect(await exclusive.status(waiting)).toEqual({ isProcessing: false, state: 'idle' });
        gate.open();
        await first.ended;
        expect(await exclusive.events(waiting)).toEqual([]);
        expect(exclusive.model.requests).toHaveLength(1);
        expect(liveRuns(exclusive)).toEqual([]);
      } finally {
        await exclusive.stop();
      }
    });
  });

  it.each(['abort', 'delete'])(
    '%s while a tool runs: what the tool has started is gone within a second',
    async (how) => {
      const sessionId = await app.createSession();
      const started = processes.next();
      const waiting = app.query(sessionId, 'work');
      const child = await started;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const begun = performance.now();
      const { status, body } = await app.post(`/api/sessions/${how}`, { sessionId });
      await within(1_000 - (performance.now() - begun), 'The end of the process', gone);
      expect({ status, body }).toEqual({ status: 200, body: { success: true } });
      expect(child.signalCode).toBe('SIGTERM');
      expect(await waiting).toMatchObject({ status: 200, body: { result: { finishReason: 'abort' } } });
      await expectNothingUnderWay();
      if (how === 'delete') expect(await rowsOf(app, sessionId)).toEqual([]);
      else await expectWholeRuns(sessionId);
      await expectNothingMoreWritten(sessionId);
    },
  );

  it('an abort while the call of a tool is being stored: the tool does not begin', async () => {
    const sessionId = await app.createSession();
    const { length } = processes.started;
    OnPublish.act = ({ type, runId }) => type === 'tool_call' && abortNow(app, runId);
    const { status, body } = await app.query(sessionId, 'work');
    expect({ status, body }).toMatchObject({ status: 200, body: { result: { finishReason: 'abort' } } });
    expect(processes.started).toHaveLength(length);
    const [run] = await expectWholeRuns(sessionId);
    expect(types(run ?? []).slice(-4)).toEqual([
      'tool_call',
      'tool_result',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(run?.at(-3)).toMatchObject({ error: 'The run was stopped before the tool had answered.' });
    await expectNothingUnderWay();
  });

  describe('a delete', () => {
    const NOT_FOUND = { status: 404, body: { code: 'SESSION_NOT_FOUND' } };

    it.each(['reject', 'queue', 'interrupt'])(
      'takes no query (%s) once the runs have ended: it would go on asking the model for nobody',
      async (whenBusy) => {
        const sessionId = await app.createSession();
        const { reader } = await holding(sessionId);
        const socket = await app.socket();
        let between: unknown[] = [];
        BetweenRunsAndSession.act = async () => {
          between = [
            await app.query(sessionId, 'hold', { whenBusy }),
            await app.stream(sessionId, 'hold', { whenBusy }),
            await ask(socket, 'send-query', { sessionId, query: 'hold', whenBusy }),
          ];
        };
        expect(await remove(sessionId)).toMatchObject({ status: 200, body: { success: true } });
        expect(between).toMatchObject([NOT_FOUND, { status: 404 }, { ok: false, code: 'SESSION_NOT_FOUND' }]);
        expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
        expect(app.model.requests.length - asked).toBe(1);
        await expectNothingUnderWay();
        expect(await rowsOf(app, sessionId)).toEqual([]);
      },
    );

    it('that fails lets the session take queries again', async () => {
      const sessionId = await app.createSession();
      BetweenRunsAndSession.act = () => Promise.reject(new Error('for this test'));
      expect(await remove(sessionId)).toMatchObject({ status: 500, body: { code: 'INTERNAL' } });
      BetweenRunsAndSession.act = undefined;
      expect(await app.query(sessionId, 'still there?')).toMatchObject({ status: 200 });
      expect(await remove(sessionId)).toMatchObject({ status: 200, body: { success: true } });
    });

    it('while queries are sent by every door answers each of them, and leaves nothing', async () => {
      const outcomes = new Map<string, number>();
      const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      const socket = await app.socket();
      for (let round = 0; round < scaled(20); round++) {
        held = new Gate();
        const sessionId = await app.createSession();
        const readers: EventReader[] = [];
        const query = async (whenBusy: string) => {
          const { status, body } = await app.query(sessionId, 'hold', { whenBusy });
          if (status === 200) expect(body.result).toMatchObject({ finishReason: 'abort' });
          count(`query ${status} ${status === 200 ? '' : String(body.code)}`);
        };
        const stream = async (whenBusy: string) => {
          const reader = await app.stream(sessionId, 'hold', { whenBusy });
          readers.push(reader);
          count(`stream ${reader.status}`);
        };
        const send = async (whenBusy: string) => {
          const { ok, code } = await ask(socket, 'send-query', { sessionId, query: 'hold', whenBusy });
          count(`socket ${ok ? 'ok' : String(code)}`);
        };
        const busy = ['reject', 'queue', 'interrupt'];
        const queries = [query, stream, send].flatMap((door) => busy.map((how) => () => door(how)));
        const deletion = async () => {
          await ticks(rng.below(30)); // some must get in before it
          expect(await remove(sessionId)).toMatchObject({ status: 200, body: { success: true } });
        };
        await within(10_000, 'Every answer', scattered([...queries, deletion]));
        for (const reader of readers) {
          const last = (await within(1_000, 'The end of a stream', reader.ended)).at(-1);
          if (reader.status === 200) expect(['agent_run_end', 'queued']).toContain(last?.type);
          if (last?.type === 'agent_run_end') expect(last['status']).toBe('aborted');
        }
        await expectNothingUnderWay();
        await expectNothingMoreWritten(sessionId);
        expect(await rowsOf(app, sessionId)).toEqual([]);
      }
      const known = [
        'query 200 ',
        'query 404 SESSION_NOT_FOUND',
        'query 409 RUN_ABORTED',
        'query 409 SESSION_BUSY',
        'socket SESSION_BUSY',
        'socket SESSION_NOT_FOUND',
        'socket ok',
        'stream 200',
        'stream 404',
        'stream 409',
      ];
      expect(known).toEqual(expect.arrayContaining([...outcomes.keys()]));
      for (const needed of [
        'query 200 ',
        'query 404 SESSION_NOT_FOUND',
        'socket ok',
        'stream 200',
        'stream 404',
      ])
        expect([...outcomes.keys()]).toContain(needed);
    });

    it('three times at once: one deletes, and the others find nothing when it has', async () => {
      for (let round = 0; round < scaled(10); round++) {
        held = new Gate();
        const sessionId = await app.createSession();
        const { reader } = await holding(sessionId);
        const waiting = await queued(sessionId);
        const answers = await scattered(
          [1, 2, 3].map(() => async () => {
            const { status, body } = await remove(sessionId);
            const { status: after } = await app.get(`/api/sessions/details?sessionId=${sessionId}`);
            return { status, body, after };
          }),
        );
        expect(answers.filter(({ status }) => status === 200)).toEqual([
          { status: 200, body: { success: true }, after: 404 },
        ]);
        expect(answers.filter(({ status }) => status !== 200)).toMatchObject([
          { ...NOT_FOUND, after: 404 },
          { ...NOT_FOUND, after: 404 },
        ]);
        expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
        expect(types(await waiting.reader.ended)).toEqual(['queued']);
        expect(await rowsOf(app, sessionId)).toEqual([]);
      }
      await expectNothingUnderWay();
    });

    it('of a session with a queue tells each who waits in it, and none of them begins', async () => {
      const sessionId = await app.createSession();
      const { reader } = await holding(sessionId);
      const stream = await queued(sessionId);
      const query = app.query(sessionId, 'later', { whenBusy: 'queue' });
      while ((await app.status(sessionId))['queued'] !== 2) await ticks(1);
      expect(await remove(sessionId)).toMatchObject({ status: 200, body: { success: true } });
      expect(await query).toMatchObject({ status: 409, body: { code: 'RUN_ABORTED' } });
      expect(types(await stream.reader.ended)).toEqual(['queued']);
      expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
      expect(app.model.requests.length - asked).toBe(1);
      await expectNothingUnderWay();
      await expectNothingMoreWritten(sessionId);
    });

    it('in the moment in which the run ends by itself leaves nothing of either', async () => {
      for (let round = 0; round < scaled(20); round++) {
        held = new Gate();
        const sessionId = await app.createSession();
        const { reader } = await holding(sessionId);
        const [answer] = await scattered<unknown>([() => remove(sessionId), async () => held.open()]);
        expect(answer).toMatchObject({ status: 200, body: { success: true } });
        const events = await reader.ended;
        expectDeltasJoin(events);
        expect(types(storedOf(events))).toEqual(RUN);
        expect(['aborted', 'completed']).toContain(events.at(-1)?.['status']);
        expect(await rowsOf(app, sessionId)).toEqual([]);
      }
      await expectNothingUnderWay();
    });

    // One driver that answers reads at once, and one that answers them later: then more can come in between.
    it.each(['better-sqlite3', 'sqlite3'] as const)(
      'while clients join refuses them, or ends what they follow (%s)',
      async (driver) => {
        const other = await TestServer.start({ config: { server: { storage: { type: 'sqlite', driver } } } });
        const outcomes = new Set<unknown>();
        try {
          const socket = await other.socket();
          for (let round = 0; round < scaled(20); round++) {
            const sessionId = await other.createSession();
            await other.query(sessionId);
            const stored = await other.events(sessionId);
            const follow = async () => {
              const reader = await other.follow(sessionId, rng.below(5));
              outcomes.add(reader.status);
              const events = await within(2_000, 'The end of a stream', reader.ended);
              // The deletion may cut it short, but what it holds was there.
              if (reader.status === 200) expect(stored).toEqual(expect.arrayContaining(storedOf(events)));
            };
            const join = async () => {
              const { ok, code } = await ask(socket, 'join-session', { sessionId, after: rng.below(5) });
              outcomes.add(ok || code);
            };
            const deletion = async () => {
              await ticks(rng.below(10));
              const deleted = await other.post('/api/sessions/delete', { sessionId });
              expect(deleted).toMatchObject({ status: 200 });
            };
            await scattered([deletion, follow, join, follow, join, follow, join, follow, join]);
            expect(hasListeners(other, sessionId)).toBe(false);
          }
        } finally {
          await other.stop();
        }
        expect(outcomes).toEqual(new Set([200, 404, true, 'SESSION_NOT_FOUND']));
      },
    );
  });
});
