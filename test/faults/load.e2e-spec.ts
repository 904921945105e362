import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AnyEvent } from '../support/client.js';
import { Rng, SEED, seedOf } from '../support/rng.js';
import { Gate, lastUserText } from '../support/model-stub.js';
import { type Held, held, PROBE } from '../support/probe.js';
import { serverDeath } from '../support/server-death.js';
import { ServerSetup } from '../support/server-setup.js';
import { scaled, scaledMs } from '../support/size.js';
import { SocketLine } from '../support/socket-line.js';
import { SseReader, SSE_CUTS } from '../support/sse-reader.js';
import { within } from '../support/waiting.js';
import { ReceivedEvents } from '../support/received-events.js';

const STREAMS = scaled(50);
const SOCKETS = scaled(250);
const SESSIONS = scaled(500);
const ABORTED = scaled(125);
const PATIENCE_MS = scaledMs(60_000);

/**
 * Megabytes by which the server may grow: its heap and its memory by each of the loads, and its heap when all of them
 * come a second time. Measured over five rounds of all: +0.6, +0.9, +0.9, +1.0, +1.0 of heap in all (in two heap
 * snapshots that lie eight rounds apart, all but 12 objects are compiled code and the tables of the engine), and up to
 * +25 of memory, which the allocator takes and gives back by and by. An object that is kept for each session, run or
 * connection by mistake takes more.
 */
const MAX_GROWTH = { heap: 2.5, rss: 60, again: 0.7 };

/** One run that is read by its own POST /sessions/query/stream. */
class Reader {
  readonly received = new ReceivedEvents();
  readonly line: SseReader;
  readonly events: AnyEvent[] = [];

  constructor(
    url: string,
    readonly sessionId: string,
    query: string,
    onEvent: () => void,
  ) {
    const body = { sessionId, query };
    this.line = new SseReader(
      url,
      { method: 'POST', path: '/api/sessions/query/stream', body },
      ({ event }) => {
        this.received.take(event);
        this.events.push(event);
        onEvent();
      },
    );
  }
}

describe(`load (SEED=${SEED})`, () => {
  let setup: ServerSetup;
  let death: Promise<never>;
  let fresh: Held;
  /** Where answers wait in their middle. */
  let middle: Gate;

  beforeAll(async () => {
    setup = await ServerSetup.start({ prelude: PROBE });
    death = serverDeath(setup.server);
    death.catch(() => undefined); // it ends with the test
    // Half an answer, the other half when the gate is open; with a tool call before it where the query says so.
    setup.model.answer = async (reply, request) => {
      const { messages } = request.body;
      if (lastUserText(request).includes('tool') && messages.at(-1)?.role === 'user') {
        return reply.thinking('I', ' look').toolCall('list_directory', {}).end();
      }
      const gate = middle;
      for (let token = 0; token < 20; token++) reply.text(` t${token}`);
      await gate.opened;
      for (let token = 20; token < 40; token++) reply.text(` t${token}`);
      reply.end();
    };
    // What is loaded, compiled and cached at the first use is no growth.
    await streams(20);
    await sockets(100);
    await sessions(200);
    await aborted(50);
    fresh = await rest();
  }, PATIENCE_MS);
  afterAll(() => setup.stop());

  /** So many at a time, each in its turn. */
  async function each<T>(count: number, atOnce: number, work: (i: number) => Promise<T>): Promise<T[]> {
    const results: T[] = [];
    let next = 0;
    const inTurn = async () => {
      for (let i = next++; i < count; i = next++) results[i] = await work(i);
    };
    const all = Promise.all(Array.from({ length: atOnce }, inTurn));
    await within(PATIENCE_MS, 'A load', Promise.race([all, death]));
    return results;
  }

  async function createSession(): Promise<string> {
    const { status, body } = await setup.post<{ sessionId: string }>('sessions/create', {});
    expect(status).toBe(201);
    return body.sessionId;
  }

  async function remove(sessionId: string): Promise<void> {
    expect(await setup.post('sessions/delete', { sessionId })).toMatchObject({ status: 200 });
  }

  /** Streams that have all come to the middle of their answers, at the same time. */
  async function inTheMiddle(count: number): Promise<Reader[]> {
    middle = new Gate();
    const all = new Gate();
    let half = 0;
    const sessions = await each(count, 20, createSession);
    const readers = sessions.map((sessionId) => {
      const reader: Reader = new Reader(setup.server.url, sessionId, 'hello', () => {
        if (reader.received.deltas === 20 && reader.events.at(-1)?.['content'] === ' t19' && ++half === count)
          all.open();
      });
      return reader;
    });
    await within(PATIENCE_MS, `The middle of ${count} answers`, Promise.race([all.opened, death]));
    return readers;
  }

  function expectWhole({ received, events }: Reader, finishReason: string): void {
    const seqs = events.flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
    expect(seqs).toEqual([1, 2, 3, 4]);
    expect(events.at(-2)).toMatchObject({ type: 'assistant_message', finishReason });
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end' });
    expect(received.compare(received.stored)).toMatchObject({ repeated: 0, outOfOrder: 0, wrongText: 0 });
  }

  async function streams(count: number): Promise<void> {
    const readers = await inTheMiddle(count);
    const busy = await held(setup.workspace);
    expect(busy.descriptors).toBeGreaterThanOrEqual(2 * count); // the client's connection, and the model's
    expect(busy.timers).toBeGreaterThanOrEqual(count);
    middle.open();
    await within(PATIENCE_MS, 'The end of the streams', Promise.all(readers.map(({ line }) => line.closed)));
    for (const reader of readers) expectWhole(reader, 'stop');
    await each(count, 20, (i) => remove(readers[i]?.sessionId as string));
  }

  async function sockets(count: number): Promise<void> {
    middle = new Gate();
    middle.open();
    const sessionId = await createSession();
    const lists: string[][] = [];
    const statuses: unknown[][] = [];
    const ended = new Gate();
    let ends = 0;
    const lines = await each(count, 50, async (i) => {
      const list: string[] = (lists[i] = []);
      const states: unknown[] = (statuses[i] = []);
      const line = new SocketLine(setup.server.url, 'websocket', (event) => list.push(JSON.stringify(event)));
      line.on('agent-status', ({ state }) => {
        states.push(state);
        if (states.length === 3 && ++ends === count) ended.open();
      });
      await line.connected;
      expect(await line.ask('join-session', sessionId)).toEqual({ ok: true });
      return line;
    });
    const reader = new Reader(setup.server.url, sessionId, 'with a tool', () => undefined);
    await within(PATIENCE_MS, 'The end of the stream', reader.line.closed);
    await within(PATIENCE_MS, 'The end at every socket', ended.opened);
    expect(reader.events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    const own = reader.events.map((event) => JSON.stringify(event));
    expect(own.length).toBeGreaterThan(40);
    for (const list of lists) expect(list).toEqual(own);
    for (const states of statuses) expect(states).toEqual(['idle', 'executing', 'idle']);
    await each(count, 50, (i) => (lines[i] as SocketLine).cut(i % 2 === 0 ? 'disconnected' : 'cut'));
    await remove(sessionId);
  }

  async function sessions(count: number): Promise<void> {
    middle = new Gate();
    middle.open();
    await each(count, 50, async (i) => {
      const sessionId = await createSession();
      if (i % 20 === 0) {
        const reader = new Reader(setup.server.url, sessionId, 'hello', () => undefined);
        await reader.line.closed;
        expectWhole(reader, 'stop');
      }
      await remove(sessionId);
    });
    const { body } = await setup.get<{ sessions: object[] }>('sessions');
    expect(body.sessions).toEqual([]);
  }

  async function aborted(count: number): Promise<void> {
    const rng = new Rng(seedOf('who leaves'));
    const readers = await inTheMiddle(count);
    const leaves = readers.map(() => rng.chance(0.5));
    await each(count, 50, async (i) => {
      const { line, sessionId } = readers[i] as Reader;
      if (leaves[i]) line.cut(rng.pick(SSE_CUTS));
      else
        expect(await setup.post('sessions/abort', { sessionId })).toMatchObject({
          body: { success: true },
        });
      await line.closed;
    });
    middle.open();
    await each(count, 20, async (i) => {
      const { sessionId } = readers[i] as Reader;
      if (!leaves[i]) expectWhole(readers[i] as Reader, 'abort');
      // Whoever left comes back for the end: the run went on.
      else expect(await endOf(sessionId)).toBe('completed');
      await remove(sessionId);
    });
    expect(leaves.filter(Boolean).length).toBeGreaterThan(count / 5);
  }

  /** How the run of a session has ended, or will. */
  async function endOf(sessionId: string): Promise<unknown> {
    let status: unknown;
    const path = `/api/sessions/stream?sessionId=${sessionId}`;
    const line = new SseReader(setup.server.url, { path }, ({ event }) => {
      if (event.type !== 'agent_run_end') return;
      status = event['status'];
      line.cut('destroyed');
    });
    await line.closed;
    return status;
  }

  /** What the server holds when all have gone. */
  async function rest(): Promise<Held> {
    const requests = setup.model.takeRequests().map(({ closed }) => closed);
    await within(1_000, 'The end of the requests to the model', Promise.all(requests));
    const idle = await setup.model.connections();
    expect(idle).toBeLessThanOrEqual(256);
    // None is left that was opened for nothing: one without a request, ever, does not count as idle.
    setup.model.closeIdle();
    expect(await setup.model.connections()).toBe(0);
    return held(setup.workspace);
  }

  function expectBack({ heap, rss, descriptors, timers }: Held): void {
    expect(descriptors).toBeLessThanOrEqual(fresh.descriptors + 2);
    expect(timers).toBeLessThanOrEqual(fresh.timers + 2);
    expect(heap - fresh.heap).toBeLessThan(MAX_GROWTH.heap);
    expect(rss - fresh.rss).toBeLessThan(MAX_GROWTH.rss);
  }

  it.each([
    [`${STREAMS} streams at once`, () => streams(STREAMS)],
    [`${SOCKETS} sockets in one session`, () => sockets(SOCKETS)],
    [`${SESSIONS} sessions, created and deleted`, () => sessions(SESSIONS)],
    [`${ABORTED} streams, aborted or left in the middle of their answers`, () => aborted(ABORTED)],
  ])(
    '%s: nothing of them stays',
    async (_what, load) => {
      await load();
      expectBack(await rest());
    },
    PATIENCE_MS,
  );

  it(
    'takes no more memory the second time',
    async () => {
      const first = await rest();
      await streams(STREAMS);
      await sockets(SOCKETS);
      await sessions(SESSIONS);
      await aborted(ABORTED);
      const second = await rest();
      expectBack(second);
      process.stdout.write(`load (SEED=${SEED}): ${JSON.stringify({ fresh, first, second })}\n`);
      expect(second.heap - first.heap).toBeLessThan(MAX_GROWTH.again);
    },
    2 * PATIENCE_MS,
  );
});
