import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSqliteDriver } from '../../src/database/sqlite/drivers/index.js';
import { AgentTARSServer, type AgentTarsConfig } from '../../src/index.js';
import { type AnyEvent, types } from '../support/client.js';
import { ModelStub } from '../support/model-stub.js';
import { placed, run, ServerProcess } from '../support/process.js';
import { ask } from '../support/sockets.js';

let model: ModelStub;
let directory: string;
let data: string;
let file: string;
const processes: ServerProcess[] = [];
const embedded: AgentTARSServer[] = [];

beforeAll(async () => {
  model = await ModelStub.start();
});
afterAll(() => model.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-shared-'));
  data = join(directory, 'data');
  file = join(data, 'agent-tars.db');
});
afterEach(async () => {
  await Promise.all(embedded.splice(0).map((server) => server.stop()));
  await Promise.all(processes.splice(0).map((server) => server.kill()));
  await rm(directory, { recursive: true, force: true });
});

const args = (): string[] => placed(data, directory, model.baseURL);

async function startProcess(): Promise<ServerProcess> {
  const server = await ServerProcess.start(args(), { cwd: directory });
  processes.push(server);
  return server;
}

async function embed(server: AgentTarsConfig['server'] = {}): Promise<AgentTARSServer> {
  const made = new AgentTARSServer({
    ...{ workspace: directory, dataDir: data, logLevel: 'silent', model: model.config },
    server: { port: 0, shutdownGraceMs: 0, ...server },
  });
  embedded.push(made);
  await made.start();
  return made;
}

const holder = async () => JSON.parse(await readFile(`${file}.lock`, 'utf8')) as Record<string, unknown>;

const refusal = (who: RegExp) =>
  expect.stringMatching(
    new RegExp(
      `^Another server works with ${file} ${who.source}\\. Stop it, or choose another --data-dir\\. ` +
        'If both are meant, start each of them with server\\.shared: true\\.$',
      'm',
    ),
  );

describe('a second server on the data of another', () => {
  it('refuses to start, and says who works there; one that was killed is in nobody’s way', async () => {
    const first = await startProcess();
    const pid = first.child.pid as number;
    expect(await holder()).toEqual({
      pid,
      startedAt: expect.any(Number),
      url: first.url,
      format: expect.stringMatching(/^\w+\d{13}$/),
    });
    const second = await run(['serve', '--port', '0', ...args()], { cwd: directory });
    expect([second.code, second.stdout]).toEqual([1, '']);
    expect(second.stderr).toEqual(
      refusal(new RegExp(`\\(process ${pid}, since \\S+ \\S+ UTC, at ${first.url}\\)`)),
    );
    expect((await first.post('/api/sessions/create')).status).toBe(201);

    await first.kill('SIGKILL');
    expect(await holder()).toMatchObject({ pid });
    expect((await readdir(data)).filter((name) => name.includes('guard'))).toEqual(['agent-tars.db.guard']);
    const next = await startProcess();
    expect(await holder()).toMatchObject({ pid: next.child.pid, url: next.url });
    await next.kill('SIGTERM');
    expect((await readdir(data)).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });

  it('refuses in the same process, too, until the first has stopped', async () => {
    const first = await embed();
    await expect(embed()).rejects.toThrow(
      `Another server works with ${file} (process ${process.pid}, since `,
    );
    await expect(embed({ shared: true })).rejects.toThrow('start it, too, with server.shared: true');
    await first.stop();
    const next = await embed({ shared: true });
    await expect(embed()).rejects.toThrow('Another server works with');
    await next.stop();
  });

  it('is none of its business in memory', async () => {
    await embed();
    await embed({ storage: { type: 'memory' } });
  });
});

describe('two servers that share their data', () => {
  let shared: string;
  let first: ServerProcess;
  let second: ServerProcess;

  beforeAll(async () => {
    shared = await mkdtemp(join(tmpdir(), 'agent-tars-shared-'));
    const config = { server: { shared: true, shutdownGraceMs: 0 } };
    await writeFile(join(shared, 'agent-tars.config.json'), JSON.stringify(config));
    const start = () =>
      ServerProcess.start(placed(join(shared, 'data'), shared, model.baseURL), { cwd: shared });
    [first, second] = await Promise.all([start(), start()]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([first.kill(), second.kill()]);
    await rm(shared, { recursive: true, force: true });
  });

  /** A run of the first server in the middle of its answer. */
  async function underWay() {
    model.next((reply) => void reply.text('Half', ' an', ' answer'));
    const sessionId = await first.createSession();
    const reader = await first.stream(sessionId, 'hold');
    await reader.until(({ content }) => content === ' answer');
    return { sessionId, reader };
  }

  const storedIn = async (sessionId: string): Promise<AnyEvent[]> =>
    (await second.events(sessionId)) as unknown as AnyEvent[];

  it('end a run at either, with its text kept', async () => {
    const { sessionId, reader } = await underWay();
    const { status, body } = await second.post('/api/sessions/abort', { sessionId });
    expect([status, body]).toEqual([200, { success: true }]);
    const events = await storedIn(sessionId);
    expect(types(events)).toEqual(['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end']);
    expect(events.at(-2)).toMatchObject({ content: 'Half an answer', finishReason: 'abort' });
    expect(events.at(-1)).toMatchObject({ status: 'aborted' });
    await reader.until('agent_run_end');
  });

  it('interrupt a run of the other, with its text kept', async () => {
    const { sessionId, reader } = await underWay();
    const asked = await second
      .socket()
      .then((socket) => ask(socket, 'send-query', { sessionId, query: 'and now?', whenBusy: 'interrupt' }));
    expect(asked).toMatchObject({ ok: true });
    await reader.until('agent_run_end');
    const follower = await first.follow(sessionId, 4);
    await follower.until('agent_run_end');
    const events = await storedIn(sessionId);
    expect(events[2]).toMatchObject({ content: 'Half an answer', finishReason: 'abort' });
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
  });

  it('tell who waits at one of the end of a query that the other has run', async () => {
    const { sessionId } = await underWay();
    model.next((reply) => reply.text('Late', ' but whole').end());
    const answered = second.query(sessionId, 'and then?', { whenBusy: 'queue' });
    const isQueued = async () => ((await second.status(sessionId))['queued'] as number) > 0;
    while (!(await isQueued())) await new Promise((resolve) => setImmediate(resolve));
    await first.post('/api/sessions/abort', { sessionId });
    expect(await answered).toMatchObject({ status: 200, body: { result: { content: 'Late but whole' } } });
    expect((await second.status(sessionId)).isProcessing).toBe(false);
  });

  it('tell who waits at one that the other has taken its query out of the queue', async () => {
    const { sessionId } = await underWay();
    const answered = second.query(sessionId, 'never', { whenBusy: 'queue' });
    const queued = async () => (await first.status(sessionId))['queue'] as { runId: string }[];
    while ((await queued()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [{ runId } = { runId: '' }] = await queued();
    await first.post('/api/sessions/abort', { sessionId, runId });
    expect(await answered).toMatchObject({ status: 409, body: { code: 'RUN_ABORTED' } });
    await first.post('/api/sessions/abort', { sessionId });
  });

  it('delete a session while the other works in it', async () => {
    const { sessionId } = await underWay();
    expect(await second.post('/api/sessions/delete', { sessionId })).toMatchObject({ status: 200 });
    expect((await second.get(`/api/sessions/details?sessionId=${sessionId}`)).status).toBe(404);
  });

  it('abort a run of one that has died', async () => {
    const { sessionId } = await underWay();
    await first.kill('SIGKILL');
    expect((await second.post('/api/sessions/abort', { sessionId })).body).toEqual({ success: true });
    expect((await storedIn(sessionId)).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
  });
});

it('agent-tars db compact gives the space of a stopped server back, and refuses beside one that runs', async () => {
  const server = await startProcess();
  const sessionId = await server.createSession();
  await server.query(sessionId, 'x'.repeat(3_000_000));
  const compact = () => run(['db', 'compact', '--data-dir', data], { cwd: directory });
  expect(await compact()).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Another server works with'),
  });
  await server.kill('SIGTERM');
  const { dataSource } = await loadSqliteDriver('better-sqlite3');
  const database = await dataSource({ type: 'better-sqlite3', database: file }).initialize();
  for (const sql of ['PRAGMA auto_vacuum = NONE', 'VACUUM', 'DELETE FROM "sessions"'])
    await database.query(sql);
  await database.destroy();
  const { code, stdout } = await compact();
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^Compacted \S+agent-tars\.db: [3-9]\.\d MB before, 0\.\d MB now\.\n$/),
  ]);
});
