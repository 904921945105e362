import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ApiDocument, operationsOf } from '../support/api-document.js';
import { type FuzzedRequest, fuzzedRequest, type Material } from '../support/fuzz-requests.js';
import { FuzzRng } from '../support/fuzz-values.js';
import { SEED } from '../support/rng.js';
import { ServerProcess } from '../support/process.js';
import { type RawAnswer, RawConnection } from '../support/raw-http.js';
import { ask } from '../support/sockets.js';

const REQUESTS = 9_000;
const MESSAGES = 1_000;
/** How many connections send at once. */
const WORKERS = 8;
/** No answer may take longer. */
const PATIENCE_MS = 15_000;

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

describe(`${REQUESTS + MESSAGES} fuzzed requests (SEED=${SEED})`, () => {
  let server: ServerProcess;
  let directory: string;
  let dataDir: string;
  let material: Material;
  const sessionIds: string[] = [];
  let log = '';
  const statuses = new Map<number, number>();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-fuzz-'));
    dataDir = await mkdtemp(join(tmpdir(), 'agent-tars-fuzz-data-'));
    await writeFile(join(directory, 'todo.txt'), 'nothing to do');
    server = await ServerProcess.start(
      ['--workspace', directory, '--data-dir', dataDir, '--log-level', 'error'],
      { cwd: directory },
    );
    server.child.stdout?.on('data', (data) => (log += String(data)));
    server.child.stderr?.on('data', (data) => (log += String(data)));
    sessionIds.push(...(await Promise.all(Array.from({ length: 5 }, () => server.createSession()))));
    const { body } = await server.get<ApiDocument>('/api/docs/openapi.json');
    material = { operations: operationsOf(body), sessionIds, host: new URL(server.url).host };
  });
  afterAll(async () => {
    await server.kill();
    await Promise.all([directory, dataDir].map((each) => rm(each, { recursive: true, force: true })));
  });

  /** What an answer must not hold: where the server is, what it runs on, what it asked its database. */
  function leaks(text: string): string[] {
    const secrets = [PROJECT, dataDir, 'node_modules', 'node:internal', 'QueryFailedError', 'better-sqlite3'];
    const patterns = [
      /\n\s+at .+:\d+:\d+/,
      /\bSQLITE_\w+/,
      /\b(SELECT .+ FROM|INSERT INTO|UPDATE "?\w+"? SET|DELETE FROM)\b/,
    ];
    return [
      ...secrets.filter((secret) => text.includes(secret)),
      ...patterns.flatMap((pattern) => pattern.exec(text)?.[0] ?? []),
    ];
  }

  function problemsOf({ status, headers, body }: RawAnswer): string[] {
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const problems = leaks(`${JSON.stringify(headers)}\n${body}`).map((leak) => `leaks ${leak}`);
    if (Number.isNaN(status)) problems.push('is no HTTP');
    if (status >= 500 && status !== 502) problems.push(`is ${status}: ${body.slice(0, 300)}`);
    if (headers['x-injected'] !== undefined) problems.push('has a header of the client');
    const isJson = headers['content-type']?.startsWith('application/json');
    if (status >= 400 && isJson && !/^\{("error"|"code"):/.test(body) && body !== '') {
      problems.push(`is no error of the API: ${body.slice(0, 300)}`);
    }
    return problems;
  }

  /** Sends it and reads what comes; the connection that is left can be used again. */
  async function send(
    request: FuzzedRequest,
    given: RawConnection | undefined,
  ): Promise<{ problems: string[]; connection?: RawConnection }> {
    const port = Number(new URL(server.url).port);
    const connection = given?.isOpen ? given : await RawConnection.open(port);
    const problems: string[] = [];
    connection.write(request.bytes);
    if (request.untilClosed) connection.end();
    const expected = request.untilClosed ? Array.from({ length: 20 }, () => 'GET') : request.answers;
    let usable = !request.untilClosed && expected.length > 0;
    for (const method of expected) {
      const answer = await within(PATIENCE_MS, connection.answer(method));
      if (answer === 'late') problems.push(`was not answered within ${PATIENCE_MS} ms`);
      if (answer === 'late' || answer === undefined) {
        usable = false;
        break;
      }
      problems.push(...problemsOf(answer));
      const streams = answer.headers['content-type']?.startsWith('text/event-stream');
      if (streams || answer.headers['connection'] === 'close' || answer.status === 101) {
        usable = false;
        break;
      }
    }
    if (!usable) connection.destroy();
    return { problems, ...(usable && { connection }) };
  }

  /** Memory that the process holds, in bytes. */
  async function memory(): Promise<number | undefined> {
    const status = await readFile(`/proc/${server.child.pid}/status`, 'utf8').catch(() => ''); // Linux tells
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  }

  async function expectAnswers(): Promise<void> {
    expect(server.child.exitCode).toBeNull();
    const id = await server.createSession();
    const { status, body } = await server.query(id, '6 * 7');
    expect([status, body]).toMatchObject([200, { result: { content: '6 * 7 = 42' } }]);
  }

  async function renew(index: number): Promise<void> {
    const created = await server.createSession().catch(() => undefined); // a server that is gone is told of below
    if (created !== undefined) sessionIds[index % sessionIds.length] = created;
  }

  async function fuzz(from: number, to: number): Promise<string[]> {
    const problems: string[] = [];
    let next = from;
    const worker = async () => {
      let connection: RawConnection | undefined;
      while (next < to && problems.length < 20) {
        const number = next++;
        // Some requests delete sessions: those that the next ones name are new ones from time to time.
        if (number % 100 === 0) await renew(number / 100);
        const request = fuzzedRequest(SEED, number, material);
        const sent = await send(request, connection).catch((error: unknown) => ({
          problems: [`failed: ${String(error)}`], // the server is gone: its log says why
          connection: undefined,
        }));
        connection = sent.connection;
        problems.push(...sent.problems.map((problem) => `request ${number} (${request.what}): ${problem}`));
      }
      connection?.destroy();
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    return problems;
  }

  it('over HTTP are refused or met, without a crash, a leak, or memory that grows', async () => {
    const warmUp = REQUESTS / 3;
    expect({ problems: await fuzz(0, warmUp), log }).toEqual({ problems: [], log: '' });
    const before = await memory();
    expect({ problems: await fuzz(warmUp, REQUESTS), log }).toEqual({ problems: [], log: '' });
    const after = await memory();
    await expectAnswers();
    expect(log).toBe('');
    const [good, bad] = [200, 400].map((status) => statuses.get(status) ?? 0);
    expect(good).toBeGreaterThan(REQUESTS / 20); // they reach what lies behind the checks
    expect(bad).toBeGreaterThan(REQUESTS / 20);
    const growth = Math.round(((after ?? 0) - (before ?? 0)) / 2 ** 20);
    const answers = [...statuses].sort(([a], [b]) => a - b).map(([status, times]) => `${times} × ${status}`);
    process.stdout.write(
      `SEED=${SEED}: ${REQUESTS} requests, answered ${answers.join(', ')}; ` +
        `memory ${Math.round((before ?? 0) / 2 ** 20)} MB and ${growth} MB more\n`,
    );
    expect(growth).toBeLessThan(128);
  }, 120_000);

  it('over Socket.IO are acknowledged or ignored, and the others go on', async () => {
    const rng = new FuzzRng(SEED);
    const problems: string[] = [];
    const names = ['join-session', 'leave-session', 'send-query', 'abort-query', 'approve-tool'];
    let socket = await server.socket();
    let connections = 1;
    for (let i = 0; i < MESSAGES / 20; i++) {
      if (!socket.connected) {
        socket = await server.socket([rng.pick(['websocket', 'polling'])]);
        connections++;
      }
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const name = rng.oneIn(20) ? rng.text() || 'x' : rng.pick(names);
          if (RESERVED.has(name)) return;
          const values = Array.from({ length: rng.oneIn(6) ? rng.below(4) : 1 }, () =>
            payloadOf(rng, material.sessionIds),
          );
          if (!names.includes(name) || name === 'approve-tool' || rng.oneIn(10)) {
            socket.emit(name, ...values);
            return;
          }
          const ack = await ask(socket, name, ...values).catch(() => undefined);
          if (ack === undefined) {
            expect(socket.connected).toBe(false); // dropped, as who leaves too much unread is; or not answered
            return;
          }
          const text = JSON.stringify(ack);
          if (ack.code === 'INTERNAL') problems.push(`${name} ${JSON.stringify(values)}: ${text}`);
          problems.push(...leaks(text).map((leak) => `${name} leaks ${leak}`));
        }),
      );
    }
    expect(problems).toEqual([]);
    expect(connections).toBeLessThan(MESSAGES / 100);
    await expectAnswers();
    expect(log).toBe('');
  }, 60_000);
});

/** What a message may hold: mostly an object that looks like one of ours. */
function payloadOf(rng: FuzzRng, sessionIds: readonly string[]): unknown {
  if (rng.oneIn(4)) return rng.value();
  if (rng.oneIn(6)) return rng.bytes(rng.below(50));
  const more = Object.fromEntries(Array.from({ length: rng.below(3) }, () => [rng.text(), rng.value()]));
  const sessionId = rng.oneIn(5) ? rng.value() : rng.pick(sessionIds);
  const whenBusy = rng.pick(['reject', 'queue', 'interrupt', null, 7]);
  return { sessionId, query: rng.value(), after: rng.pick([0, 3, -1, 'x', null, 1e21]), whenBusy, ...more };
}

const RESERVED = new Set([
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
]);

function within<T>(ms: number, promise: Promise<T>): Promise<T | 'late'> {
  let timer: NodeJS.Timeout;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
