import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SQLITE_DRIVERS, type SqliteDriverName } from '../../src/config/index.js';
import { loadSqliteDriver } from '../../src/database/sqlite/drivers/index.js';
import { openDatabase } from '../../src/database/index.js';
import { type AnyEvent, type EventReader, eventsOf, types } from '../support/client.js';
import { Disk, limitFileSize, LockHolder, opensFile } from '../support/database-faults.js';
import { expectDeltasJoin, expectNoGap, isStreaming, storedOf } from '../support/expect-events.js';
import { Gate, lastUserText, ModelStub } from '../support/model-stub.js';
import { placed, type ProcessOptions, run, ServerProcess } from '../support/process.js';
import { ask } from '../support/sockets.js';

jest.setTimeout(120_000); // several servers at once, each waiting for a lock

/** How often the model sends a token when it is asked to tick. */
const TICK_MS = 10;
/** A server whose event loop waits for a lock stands still for 5 s. */
const STALL_MS = 1_000;

const BUSY = {
  error: 'The database is locked or cannot be written right now. Nothing was stored; try again in a moment.',
  code: 'DATABASE_UNAVAILABLE',
  details: { retryAfterMs: 5_000 },
};
const DELAYED = {
  error: expect.stringMatching(/^The database cannot be written right now\. The run goes on/),
  code: 'DATABASE_UNAVAILABLE',
};
const IN_DOUBT = {
  error: expect.stringMatching(/^The disk has not confirmed that this was stored/),
  code: 'DATABASE_UNAVAILABLE',
};
const IDLE = { isProcessing: false, state: 'idle' };
const RUN = ['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end'];

let model: ModelStub;
let directory: string;
/** By the query that was sent: what its answer waits for. */
const gates = new Map<string, Gate>();
const servers: ServerProcess[] = [];
const locks: LockHolder[] = [];

beforeAll(async () => {
  model = await ModelStub.start();
  const answer = model.answer;
  model.answer = async (reply, request) => {
    const gate = gates.get(lastUserText(request));
    if (!gate) return answer(reply, request);
    if (lastUserText(request).startsWith('hold')) {
      reply.text('Half', ' an', ' answer');
      await gate.opened;
      reply.text(', and the rest').end();
      return;
    }
    let ticking = true;
    void gate.opened.then(() => (ticking = false));
    for (; ticking; await new Promise((resolve) => setTimeout(resolve, TICK_MS))) {
      reply.text(`${Date.now()} `);
    }
    reply.end();
  };
});
afterAll(() => model.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-faults-'));
});
afterEach(async () => {
  for (const gate of gates.values()) gate.open();
  gates.clear();
  await Promise.all(locks.splice(0).map((lock) => lock.release()));
  await Promise.all(servers.splice(0).map((server) => server.kill()));
  await rm(directory, { recursive: true, force: true });
});

/** Where a server works: its configuration, and below it its data. */
interface Place {
  readonly cwd: string;
  readonly data: string;
  readonly file: string;
}

async function place(driver: SqliteDriverName, more: object = {}): Promise<Place> {
  const cwd = await mkdtemp(join(directory, `${driver}-`));
  const config = { server: { storage: { type: 'sqlite', driver }, shutdownGraceMs: 500, ...more } };
  await writeFile(join(cwd, 'agent-tars.config.json'), JSON.stringify(config));
  const data = join(cwd, 'data');
  return { cwd, data, file: join(data, 'agent-tars.db') };
}

const argumentsAt = ({ cwd, data }: Place): string[] => placed(data, cwd, model.baseURL);

async function start(at: Place, options: ProcessOptions = {}): Promise<ServerProcess> {
  const server = await ServerProcess.start(argumentsAt(at), { cwd: at.cwd, ...options });
  servers.push(server);
  return server;
}

/** A server that comes to a lock before it is ready. */
function startWaiting(at: Place) {
  let pid = 0;
  const server = start(at, { spawned: (child) => (pid = child.pid ?? 0) });
  return { pid, server };
}

async function lock(file: string, how?: 'EXCLUSIVE'): Promise<LockHolder> {
  const holder = await LockHolder.hold(file, how);
  locks.push(holder);
  return holder;
}

/** Runs a scenario on every driver at once: they spend most of their time waiting. */
async function onEveryDriver(scenario: (driver: SqliteDriverName) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(SQLITE_DRIVERS.map((driver) => scenario(driver)));
  for (const [i, result] of results.entries()) {
    if (result.status === 'fulfilled') continue;
    const error = result.reason as Error;
    error.message = `With ${SQLITE_DRIVERS[i]}: ${error.message}`;
    throw error;
  }
}

/** A query whose answer stops in its middle, or goes on and on, until the test lets it end. */
function openEnded(kind: 'hold' | 'tick') {
  const query = `${kind} ${gates.size}`;
  const gate = new Gate();
  gates.set(query, gate);
  return { query, finish: () => gate.open() };
}

/** A run whose first tokens have come: who asked waits for its answer, and somebody follows the session. */
async function underWay(server: ServerProcess, kind: 'hold' | 'tick', more: object = {}) {
  const { query, finish } = openEnded(kind);
  const sessionId = await server.createSession();
  const follower = await server.follow(sessionId);
  const answer = server.query(sessionId, query, more);
  answer.catch(() => undefined); // a test may end before its answer comes
  await follower.until('assistant_streaming_message');
  return { query, finish, sessionId, follower, answer };
}

/** The run has ended: everybody has seen what is stored, and the session can go on. */
async function expectEnded(server: ServerProcess, sessionId: string, follower: EventReader) {
  await follower.until('agent_run_end');
  const events = (await server.events(sessionId)) as unknown as AnyEvent[];
  expect(storedOf(follower.events)).toEqual(events);
  expectNoGap(events);
  expectDeltasJoin(follower.events);
  expect(await server.status(sessionId)).toEqual(IDLE);
  const { status, body } = await server.query(sessionId, 'and now?');
  expect([status, body.result?.content]).toEqual([200, 'Hello there!']);
  return events;
}

/** The ids of all sessions, sorted. */
async function sessionsOf(server: ServerProcess): Promise<string[]> {
  const { body } = await server.get<{ sessions: { id: string }[] }>('/api/sessions');
  return body.sessions.map(({ id }) => id).sort();
}

/** What is said of a run whose writes wait: an event that is not stored itself. */
const isNotice = ({ type, seq, level }: AnyEvent) =>
  type === 'system' && seq === undefined && level === 'error';

/** The longest time without a token, as the server sent them, in milliseconds. */
function longestGap(events: readonly AnyEvent[], from: number, to: number): number {
  const times = events.filter(isStreaming).map(({ timestamp }) => timestamp as number);
  const within = [from, ...times.filter((time) => time > from && time < to), to];
  return Math.max(...within.slice(1).map((time, i) => time - (within[i] ?? time)));
}

async function timed<T>(work: Promise<T>): Promise<{ answer: T; ms: number }> {
  const begun = performance.now();
  const answer = await work;
  return { answer, ms: performance.now() - begun };
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

/** What is in the file when nobody uses it. */
async function contents(file: string) {
  const { dataSource } = await loadSqliteDriver('better-sqlite3');
  const database = await dataSource({ type: 'better-sqlite3', database: file }).initialize();
  try {
    const all = async <Row>(sql: string) => database.query<Row[]>(sql);
    const [check] = await all<{ quick_check: string }>('PRAGMA quick_check');
    const events = await all<{ data: string }>('SELECT "data" FROM "events" ORDER BY "sessionId", "seq"');
    return {
      check: check?.quick_check,
      sessions: (await all<{ id: string }>('SELECT "id" FROM "sessions"')).map(({ id }) => id),
      events: events.map(({ data }) => JSON.parse(data) as AnyEvent),
    };
  } finally {
    await database.destroy();
  }
}

describe('a database that another process has locked', () => {
  it('is waited for; for more than five seconds refuses writes, the rest goes on, and nothing is lost', async () => {
    await onEveryDriver(async (driver) => {
      const at = await place(driver);
      const server = await start(at);
      await expectWaited(at, server);
      const stored = await expectRefused(at, server);
      expect(await server.kill('SIGTERM')).toBe(0);
      // Stopped, everything is in the one file.
      expect(await sizeOf(`${at.file}-wal`)).toBe(0);
      const alone = join(at.cwd, 'alone.db');
      await copyFile(at.file, alone);
      const { check, events } = await contents(alone);
      expect([check, events]).toEqual(['ok', stored]);
    });
  });

  /** What is asked while the lock is held for a moment is answered once it is free. */
  async function expectWaited(at: Place, server: ServerProcess): Promise<void> {
    const socket = await server.socket();
    const [asked, streamed, sent] = await Promise.all([
      server.createSession(),
      server.createSession(),
      server.createSession(),
    ]);
    const ticking = await underWay(server, 'tick');
    const holder = await lock(at.file);
    const from = Date.now();
    const waiting = Promise.all([
      server.post('/api/sessions/create'),
      server.post('/api/sessions/update', { sessionId: asked, name: 'renamed' }),
      server.query(asked),
      server.stream(streamed).then((reader) => reader.ended),
      ask(socket, 'send-query', { sessionId: sent, query: 'hello' }),
    ]);
    const before = ticking.follower.events.length;
    await ticking.follower.until(() => ticking.follower.events.length > before + 50);
    expect(longestGap(ticking.follower.events, from, Date.now())).toBeLessThan(STALL_MS);
    await holder.release();
    const [created, updated, answered, events, ack] = await waiting;
    expect([created.status, updated.status, answered.status]).toEqual([201, 200, 200]);
    expect(types(storedOf(events))).toEqual(RUN);
    expect(ack).toMatchObject({ ok: true, runId: expect.any(String) });
    expect(await server.query(sent, 'and now?', { whenBusy: 'queue' })).toMatchObject({ status: 200 });
    ticking.finish();
    expect(await ticking.answer).toMatchObject({ status: 200 });
  }

  /** While it is held for longer, writes are refused. @returns what is stored in the end, in the order of its file */
  async function expectRefused(at: Place, server: ServerProcess): Promise<AnyEvent[]> {
    const socket = await server.socket();
    const kept = await server.createSession({ name: 'kept' });
    await server.query(kept);
    const before = await server.events(kept);
    const ticking = await underWay(server, 'tick');
    const ending = await underWay(server, 'hold');
    const sessions = await sessionsOf(server);
    const holder = await lock(at.file);
    const from = Date.now();
    ending.finish(); // the model ends its answer: the run's end has to wait
    const post = (path: string, body: object = {}) => timed(server.post(path, { sessionId: kept, ...body }));
    const refusing = Promise.all([
      post('/api/sessions/create'),
      post('/api/sessions/update', { name: 'lost' }),
      post('/api/sessions/delete'),
      post('/api/sessions/abort'),
      post('/api/sessions/query', { query: 'lost' }),
      post('/api/sessions/query/stream', { query: 'lost' }),
      post('/api/oneshot/query', { query: 'lost' }),
    ]);
    const acks = Promise.all([
      ask(socket, 'send-query', { sessionId: kept, query: 'lost' }),
      ask(socket, 'abort-query', { sessionId: kept }),
    ]);
    for (const path of ['/api/sessions', `/api/sessions/details?sessionId=${kept}`]) {
      const { answer, ms } = await timed(server.get(path));
      expect([path, answer.status, ms < 3_000]).toEqual([path, 200, true]);
    }
    expect(await server.events(kept)).toEqual(before);
    await ticking.follower.until(() => Date.now() > from + 1_000);
    const late = post('/api/sessions/create'); // has its own five seconds, no more

    for (const { answer, ms } of [...(await refusing), await late]) {
      expect(answer).toMatchObject({ status: 503, body: BUSY });
      expect(answer.headers.get('retry-after')).toBe('5');
      expect([ms > 4_900, ms < 9_000]).toEqual([true, true]);
    }
    for (const ack of await acks) expect(ack).toEqual({ ok: false, ...BUSY });
    expect(await ending.answer).toMatchObject({ status: 503, body: DELAYED });
    const notice = await ending.follower.until(isNotice);
    expect(notice).toMatchObject({ message: DELAYED.error, details: { code: 'DATABASE_UNAVAILABLE' } });
    expect(longestGap(ticking.follower.events, from, Date.now())).toBeLessThan(STALL_MS);
    expect(await server.status(ending.sessionId)).toMatchObject({ isProcessing: true });
    await holder.release();

    const events = await expectEnded(server, ending.sessionId, ending.follower);
    expect(types(events)).toEqual(RUN);
    expect(events.at(-2)).toMatchObject({ content: 'Half an answer, and the rest', finishReason: 'stop' });
    expect(events.at(-1)).toMatchObject({ status: 'completed' });
    ticking.finish();
    expect(await ticking.answer).toMatchObject({ status: 200 });
    await expectEnded(server, ticking.sessionId, ticking.follower);
    const { body } = await server.get(`/api/sessions/details?sessionId=${kept}`);
    expect(body.session).toMatchObject({ name: 'kept', status: IDLE });
    expect(await server.events(kept)).toEqual(before);
    expect(await sessionsOf(server)).toEqual(sessions);
    const stored = await Promise.all(sessions.map((id) => server.events(id)));
    return stored.flat() as unknown as AnyEvent[];
  }

  it('at start-up is waited for, and after five seconds is an error that says so', async () => {
    await onEveryDriver(async (driver) => {
      const at = await place(driver);
      await (await openDatabase({ type: 'sqlite', path: at.file, driver }, [])).close();
      const holder = await lock(at.file);
      const { code, stdout, stderr } = await run(['serve', '--port', '0', ...argumentsAt(at)], {
        cwd: at.cwd,
      });
      expect({ code, stdout, stderr }).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(
          /^The database file \S+ is locked by another process .*Stop that process.*\n$/,
        ),
      });
      expect(stderr).toContain(at.file);

      const starting = startWaiting(at);
      await opensFile(starting.pid, at.file);
      await holder.release();
      expect((await (await starting.server).post('/api/sessions/create')).status).toBe(201);
    });
  });

  it('at the very first start is waited for, too', async () => {
    await onEveryDriver(async (driver) => {
      const at = await place(driver);
      await mkdir(at.data);
      const holder = await lock(at.file, 'EXCLUSIVE');
      const starting = startWaiting(at);
      await opensFile(starting.pid, at.file);
      await holder.release();
      expect((await (await starting.server).post('/api/sessions/create')).status).toBe(201);
    });
  });
});

describe('a full disk', () => {
  const TEXT = 'x'.repeat(100_000);

  it('takes nothing that it does not store, is read on, and is written again without a restart', async () => {
    await onEveryDriver(async (driver) => {
      const at = await place(driver);
      const server = await start(at);
      const stored: string[] = [];
      await limitFileSize(server.child.pid as number, 5_000_000);
      // The log is moved into the file once it has some MB, in the end in vain; then it grows to the limit, too. It
      // alone would hold a dozen.
      let refused = await server.post('/api/oneshot/query', { query: TEXT });
      for (; refused.status === 200 && stored.length < 100;) {
        stored.push(refused.body.sessionId as string);
        refused = await server.post('/api/oneshot/query', { query: TEXT });
      }
      expect(stored.length).toBeGreaterThan(20);
      expect(await sizeOf(`${at.file}-wal`)).toBeGreaterThan(4_300_000);
      // What is small may still fit, for a while; in the end nothing does.
      let created = await server.post('/api/sessions/create');
      for (let i = 0; created.status === 201 && i < 100; i++) {
        created = await server.post('/api/sessions/create');
      }
      for (let i = 0; i < 3; i++) {
        expect(created).toMatchObject({ status: 503, body: BUSY });
        expect(created.headers.get('retry-after')).toBe('5');
        created = await server.post('/api/sessions/create');
      }
      const left = await sessionsOf(server);
      expect(left).toEqual(expect.arrayContaining(stored));
      for (const sessionId of stored) expect(types(await server.events(sessionId))).toEqual(RUN);
      let ready = await server.get('/api/ready');
      while (ready.status === 200) ready = await server.get('/api/ready'); // a page may still have fitted
      expect(ready).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE' } });

      await limitFileSize(server.child.pid as number, 'unlimited');
      const after = await server.post('/api/oneshot/query', { query: TEXT });
      expect([driver, after.status]).toEqual([driver, 200]);
      await server.kill('SIGKILL');
      const { check, sessions, events } = await contents(at.file);
      expect(check).toBe('ok');
      expect(sessions).toEqual(expect.arrayContaining([...left, after.body.sessionId]));
      const count = (of: string) => events.filter(({ type }) => type === of).length;
      expect(count('agent_run_end')).toBe(count('agent_run_start'));
      // The one that was refused may have begun: then its end was kept, and stored when that could be done.
      expect([1, 2]).toContain(count('agent_run_end') - stored.length);
    });
  });

  it('in the middle of a run is told to who waits; what the run came to is stored as soon as it can', async () => {
    await onEveryDriver(async (driver) => {
      const at = await place(driver);
      const server = await start(at);
      const socket = await server.socket();
      const key = { idempotencyKey: 'once' };
      const { sessionId, follower, answer, finish } = await underWay(server, 'hold');
      const keyed = await underWay(server, 'hold', key);
      const heard = eventsOf(socket);
      await ask(socket, 'join-session', keyed.sessionId);
      await limitFileSize(server.child.pid as number, 4_096);
      finish();
      keyed.finish();
      for (const each of [await answer, await keyed.answer]) {
        expect(each).toMatchObject({ status: 503, body: DELAYED });
        expect(each.body.details).toEqual({ runId: expect.any(String), retryAfterMs: 5_000 });
        expect(each.headers.get('retry-after')).toBe('5');
      }
      await follower.until(isNotice);
      await heard.until(isNotice);
      const { body } = await server.get(`/api/runs?sessionId=${sessionId}`);
      expect(body.runs).toMatchObject([{ status: 'running' }]);
      expect(await server.status(sessionId)).toMatchObject({ isProcessing: true, state: 'executing' });
      // An abort cannot end it either, and says so; nobody is left without an answer.
      expect(await server.post('/api/sessions/abort', { sessionId })).toMatchObject({
        status: 503,
        body: DELAYED,
      });
      expect(await server.query(sessionId)).toMatchObject({ status: 409, body: { code: 'SESSION_BUSY' } });

      await limitFileSize(server.child.pid as number, 'unlimited');
      const events = await expectEnded(server, sessionId, follower);
      expect(types(events)).toEqual(RUN);
      expect(events.at(-2)).toMatchObject({ content: 'Half an answer, and the rest', finishReason: 'stop' });
      expect(follower.events.filter(isNotice)).toHaveLength(1);
      await heard.until('agent_run_end');
      const again = await server.query(keyed.sessionId, keyed.query, key);
      expect(again).toMatchObject({
        status: 200,
        body: { result: { content: 'Half an answer, and the rest' } },
      });
    });
  });

  it('before a tool is called lets the run wait, and its tool run once', async () => {
    const at = await place('better-sqlite3');
    const server = await start(at);
    const looked = new Gate();
    model.next(async (reply) => {
      reply.text('I look.');
      await looked.opened;
      reply.toolCall('list_directory', {}).end();
    });
    const sessionId = await server.createSession();
    const reader = await server.stream(sessionId, 'list the files');
    await reader.until('assistant_streaming_message');
    await limitFileSize(server.child.pid as number, 4_096);
    looked.open();
    await reader.until(isNotice);
    await limitFileSize(server.child.pid as number, 'unlimited');
    const events = await reader.ended;
    expect(types(storedOf(events))).toEqual([
      ...['user_message', 'agent_run_start', 'assistant_message', 'tool_call', 'tool_result'],
      ...['assistant_message', 'agent_run_end'],
    ]);
    expectNoGap(events);
    expectDeltasJoin(events);
    expect(events.at(-1)).toMatchObject({ status: 'completed' });
    expect(storedOf(events)).toEqual(await server.events(sessionId));
  });

  it('at start-up is an error that says so, and nothing is lost', async () => {
    const at = await place('better-sqlite3');
    const server = await start(at);
    const { sessionId } = await underWay(server, 'hold');
    await server.kill('SIGKILL');
    // There is room to open the database, but not for the end of the run that was left open.
    const log = await sizeOf(`${at.file}-wal`);
    const args = ['serve', '--port', '0', ...argumentsAt(at)];
    const { code, stdout, stderr } = await run(args, {
      cwd: at.cwd,
      through: ['prlimit', `--fsize=${Math.max(log, 32_768)}:`],
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^The disk that the database file \S+agent-tars\.db lies on is full or fails .*$/m,
    );
    const next = await start(at);
    expect(types(await next.events(sessionId))).toEqual([
      ...['user_message', 'agent_run_start', 'system', 'agent_run_end'],
    ]);
  });

  it('does not keep the server from stopping: the next start closes the run', async () => {
    const at = await place('better-sqlite3');
    const server = await start(at);
    const { sessionId, follower, answer, finish } = await underWay(server, 'hold');
    await limitFileSize(server.child.pid as number, 4_096);
    finish();
    expect(await answer).toMatchObject({ status: 503 });
    const { answer: code, ms } = await timed(server.kill('SIGTERM'));
    expect([code, ms < 8_000]).toEqual([0, true]);
    const seen = storedOf(await follower.ended);

    const next = await start(at);
    const events = (await next.events(sessionId)) as unknown as AnyEvent[];
    expect(events.slice(0, seen.length)).toEqual(seen);
    expect(types(events)).toEqual(['user_message', 'agent_run_start', 'system', 'agent_run_end']);
    expect(events.at(-1)).toMatchObject({ status: 'interrupted' });
    expect(await next.status(sessionId)).toEqual(IDLE);
  });
});

describe('a disk that does not confirm what was written', () => {
  it.each(['better-sqlite3', 'libsql'] as const)(
    'for a moment delays what is told, with %s',
    async (driver) => {
      const at = await place(driver);
      const disk = new Disk(at.cwd);
      const server = await start(at, { env: disk.env });
      const sessionId = await server.createSession();
      const follower = await server.follow(sessionId);
      await follower.until('replay_end');
      await disk.break();
      let told = false;
      const creating = server.post('/api/sessions/create').finally(() => (told = true));
      await disk.synced(3);
      const asking = server.query(sessionId).finally(() => (told = true));
      await disk.synced(3);
      expect(told).toBe(false);
      expect(follower.events).toHaveLength(1);
      await disk.mend();
      expect(await creating).toMatchObject({ status: 201 });
      expect(await asking).toMatchObject({ status: 200 });
      await expectEnded(server, sessionId, follower);
    },
  );

  it('for longer is an error that leaves open what is stored; nobody misses an event for good', async () => {
    const at = await place('better-sqlite3');
    const disk = new Disk(at.cwd);
    const server = await start(at, { env: disk.env });
    const socket = await server.socket();
    const ending = await underWay(server, 'hold');
    const heard = eventsOf(socket);
    await ask(socket, 'join-session', { sessionId: ending.sessionId, after: 0 });
    const begun = await server.createSession();
    const beginning = await server.follow(begun);
    await beginning.until('replay_end');
    await disk.break();
    const asking = server.query(begun); // its claim and its first events are the commit in doubt
    await disk.synced(2);
    ending.finish(); // what comes now is not written at all
    const creating = server.post('/api/sessions/create', { name: 'refused' });
    expect(await asking).toMatchObject({ status: 503, body: IN_DOUBT });
    expect(await creating).toMatchObject({ status: 503, body: BUSY });
    expect(await ending.answer).toMatchObject({ status: 503, body: DELAYED });
    expect(storedOf(beginning.events)).toEqual([]);
    expect(types(storedOf(ending.follower.events))).toEqual(['user_message', 'agent_run_start']);
    // It is there to be read, as one is told to look; who comes now is shown it, and nothing twice.
    expect(types(await server.events(begun))).toEqual(['user_message', 'agent_run_start']);
    const late = await server.follow(begun);
    await late.until('replay_end');
    await disk.mend();

    const events = await expectEnded(server, begun, beginning);
    expect(types(events)).toEqual(RUN);
    await late.until('agent_run_end');
    expect(storedOf(late.events).slice(0, 4)).toEqual(events);
    await expectEnded(server, ending.sessionId, ending.follower);
    await heard.until('agent_run_end');
    expectNoGap(heard.events);
    const { body } = await server.get('/api/sessions');
    expect((body.sessions as { name: string }[]).map(({ name }) => name)).toEqual(['', '']);
  });

  it('does not keep the server from stopping', async () => {
    const at = await place('better-sqlite3');
    const disk = new Disk(at.cwd);
    const server = await start(at, { env: disk.env });
    const { sessionId, follower, finish } = await underWay(server, 'hold');
    await disk.break();
    finish();
    await disk.synced(2);
    const { answer: code, ms } = await timed(server.kill('SIGTERM'));
    expect([code, ms < 8_000]).toEqual([0, true]);
    const seen = storedOf(await follower.ended);
    await disk.mend();
    const next = await start(at);
    expect((await next.events(sessionId)).slice(0, seen.length)).toEqual(seen);
    expect((await next.status(sessionId)).isProcessing).toBe(false);
  });
});

describe('a slow disk', () => {
  const SYNC_MS = 10;

  it('delays what is acknowledged, not the tokens of others', async () => {
    const at = await place('better-sqlite3');
    const disk = new Disk(at.cwd, SYNC_MS);
    const server = await start(at, { env: disk.env });
    const { follower } = await underWay(server, 'tick');
    const tokens = () => follower.events.filter(isStreaming);
    let busy = true;
    const waits: number[] = [];
    const clients = Array.from({ length: 32 }, async () => {
      while (busy) {
        const { answer, ms } = await timed(server.post('/api/sessions/create'));
        expect(answer.status).toBe(201);
        waits.push(ms);
      }
    });
    const [first, before] = [tokens().length, (await disk.syncs()).length];
    await follower.until(() => tokens().length > first + 100);
    busy = false;
    await Promise.all(clients);

    const syncs = (await disk.syncs()).slice(before);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(SYNC_MS);
    // On a busy machine they do not all come within one; without a group commit each would have one of its own.
    expect(syncs.length).toBeLessThan(waits.length / 2);
    // A server that stood still meanwhile would send none between the begin and the end of an fdatasync.
    const sent = tokens().slice(first, first + 100);
    const during = sent.filter(({ timestamp }) =>
      syncs.some(({ begun, ended }) => Number(timestamp) > begun && Number(timestamp) < ended),
    );
    expect(during.length).toBeGreaterThan(20);
  });

  it('is asked once for what waits together: 64 queries do not pay 64 times, and one pays twice', async () => {
    const at = await place('better-sqlite3');
    const disk = new Disk(at.cwd, SYNC_MS);
    const server = await start(at, { env: disk.env });
    const sessions = await Promise.all(Array.from({ length: 64 }, () => server.createSession()));
    const before = (await disk.syncs()).length;
    expect((await server.query(sessions[0] as string)).status).toBe(200);
    const alone = (await disk.syncs()).length;
    expect(alone - before).toBe(2);
    const answers = await Promise.all(sessions.map((sessionId) => server.query(sessionId)));
    expect(answers.map(({ status }) => status)).toEqual(sessions.map(() => 200));
    expect((await disk.syncs()).length - alone).toBeLessThan(32);
  });
});

describe('a file that is no sound database, at start', () => {
  const PAGE = 4_096;
  const damages: [string, (file: string) => Promise<unknown>, RegExp][] = [
    ['overwritten at its beginning', (file) => overwrite(file, 0, 100), /is damaged.*backup/],
    ['broken in its middle', (file) => overwrite(file, 8 * PAGE, 10 * PAGE), /is damaged.*backup/],
    ['cut off', (file) => truncate(file, 8 * PAGE), /is damaged.*it has 32768 of its \d+ bytes.*backup/],
    ['a directory', (file) => rm(file).then(() => mkdir(file)), /is a directory\. Choose/],
  ];

  async function overwrite(file: string, from: number, to: number): Promise<void> {
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0xa5, from, to));
  }

  /** A database with some pages in it, closed. */
  async function sound(driver: SqliteDriverName): Promise<Place> {
    const at = await place(driver);
    const work = await openDatabase({ type: 'sqlite', path: at.file, driver }, []);
    await work.write((tx) =>
      tx.execute(
        `INSERT INTO "sessions" ("id", "createdAt", "updatedAt", "name", "tags", "workspace", "metadata", "state")
         VALUES ('s', 1, 1, ?, '[]', '/', '{}', 'idle')`,
        ['x'.repeat(50_000)],
      ),
    );
    await work.close();
    return at;
  }

  it.each(damages)('%s, is refused and stays as it is', async (_what, damage, message) => {
    await onEveryDriver(async (driver) => {
      const at = await sound(driver);
      await damage(at.file);
      const bytes = await readFile(at.file).catch(() => 'a directory');
      const args = ['serve', '--port', '0', ...argumentsAt(at)];
      const { code, stdout, stderr } = await run(args, { cwd: at.cwd });
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(message)]);
      expect(stderr).toMatch(/^The database file [^\n]+\n$/);
      expect(stderr).toContain(at.file);
      expect(await readFile(at.file).catch(() => 'a directory')).toEqual(bytes);
      expect(await sizeOf(`${at.file}-wal`)).toBe(0);
    });
  });

  it('where nothing may be written, is refused', async () => {
    const at = await place('better-sqlite3');
    await mkdir(at.data);
    await chmod(at.data, 0o500);
    const belowFile = join(at.cwd, 'agent-tars.config.json', 'data');
    const isRoot = process.getuid?.() === 0; // who may write everywhere else
    for (const data of isRoot ? [belowFile] : [at.data, belowFile]) {
      const args = ['serve', '--port', '0', ...argumentsAt({ ...at, data })];
      const { code, stdout, stderr } = await run(args, { cwd: at.cwd });
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(
        /^The database \S+agent-tars\.db cannot be opened .*Check that the directory.*\n$/,
      );
    }
  });
});

it('two servers that start on a new file at once print nothing but their greetings', async () => {
  await onEveryDriver(async (driver) => {
    const at = await place(driver, { shared: true });
    const start = async () => {
      const child = ServerProcess.spawn(['--port', '0', ...argumentsAt(at)], { cwd: at.cwd });
      let [stdout, stderr] = ['', ''];
      child.stderr.on('data', (data) => (stderr += String(data)));
      child.stdout.on('data', (data) => {
        stdout += String(data);
        if (/^ {2}Data .*\n/m.test(stdout)) child.kill('SIGTERM');
      });
      await once(child, 'close');
      return { stdout, stderr };
    };
    for (const { stdout, stderr } of await Promise.all([start(), start()])) {
      expect(stderr).toBe('');
      expect(stdout).toMatch(
        /^Agent TARS Server .*\n( {2}(URL|Config|Model|Sent to|Workspace|Data) .*\n){6}$/,
      );
    }
  });
});
