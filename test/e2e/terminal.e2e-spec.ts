import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Client } from '../support/client.js';
import { limitFileSize } from '../support/database-faults.js';
import { Gate, ModelStub } from '../support/model-stub.js';
import { BIN, cleanEnv, placed, ServerProcess } from '../support/process.js';
import { hasTerminals, Terminal } from '../support/terminal.js';

/** A test starts the command several times. */
jest.setTimeout(90_000);

/** Under npm, a second signal may be the first one, forwarded: what is tested is a person's. */
const ENV = { npm_config_user_agent: undefined };
const LOG_LINE = /WARN.*Other users of this machine can look into/;

let root: string;
let model: ModelStub;
const started: { kill(): Promise<unknown> }[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'agent-tars-terminal-'));
  model = await ModelStub.start();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.kill()));
  await model.stop();
  await rm(root, { recursive: true, force: true, maxRetries: 10 });
});

const data = () => join(root, 'data');
const args = () => placed(data(), root, model.baseURL);

async function serve(): Promise<ServerProcess> {
  const server = await ServerProcess.start(args(), { cwd: root, env: ENV });
  started.push(server);
  return server;
}

/** A data directory that the start warns of. */
async function makeWide(): Promise<void> {
  await mkdir(data());
  await chmod(data(), 0o755);
}

async function urlIn(stdout: Readable): Promise<string> {
  for await (const line of createInterface(stdout)) {
    const url = /URL\s+(\S+)/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error('The server has ended without a URL.');
}

/** A run that has said one word, until `rest` is opened. */
async function beginRun(client: Client, rest = new Gate()) {
  const sessionId = await client.createSession();
  model.next(async (reply) => {
    reply.text('one');
    await rest.opened;
    reply.text(' two').end();
  });
  const reader = await client.stream(sessionId);
  await reader.until('assistant_streaming_message');
  return { sessionId, reader, rest };
}

const hasLimits = spawnSync('prlimit', ['--version']).status === 0;
const limited = hasLimits ? describe : describe.skip;

limited('a server whose output nobody reads (skipped without the prlimit(1) of util-linux)', () => {
  /** Has the server log two lines, and take a query as ever. */
  async function expectToGoOn(client: Client, pid: number): Promise<void> {
    await limitFileSize(pid, 1);
    expect((await client.post('/api/sessions/create')).status).toBe(503); // logged
    await limitFileSize(pid, 'unlimited');
    const sessionId = await client.createSession(); // logged
    expect((await client.query(sessionId)).body.result.content).toBe('Hello there!');
  }

  it('goes on when its parent has closed the pipes', async () => {
    const server = await serve();
    server.child.stdout?.destroy();
    server.child.stderr?.destroy();
    await expectToGoOn(server, server.child.pid ?? 0);
    expect(await server.kill('SIGTERM')).toBe(0);
  });

  it('goes on behind "| head -2"', async () => {
    const pidFile = join(root, 'pid');
    const command = `sh -c 'echo $$ >"$0"; exec "$@" 2>&1' "$@" | head -2`;
    const shell = spawn(
      'sh',
      ['-c', command, 'sh', pidFile, process.execPath, BIN, 'serve', '--port', '0', ...args()],
      { cwd: root, env: cleanEnv(ENV), stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = once(shell, 'exit');
    const url = await urlIn(shell.stdout); // the line after which head ends
    const pid = Number(await readFile(pidFile, 'utf8'));
    started.push({
      kill: async () => {
        process.kill(pid, 'SIGTERM');
        await ended;
      },
    });
    await expectToGoOn(new Client(url), pid);
  });
});

describe('the log', () => {
  it('is on the standard error, without colours where that is no terminal', async () => {
    await makeWide();
    const child = ServerProcess.spawn(['--port', '0', ...args()], { cwd: root, env: ENV });
    let [stdout, stderr] = ['', ''];
    child.stderr.on('data', (part) => (stderr += String(part)));
    child.stdout.on('data', (part) => {
      stdout += String(part);
      if (/Data .*\n/.test(stdout)) child.kill('SIGTERM');
    });
    await once(child, 'close');
    expect(stderr).toMatch(LOG_LINE);
    expect(stderr).not.toContain('\u001b');
    expect(stdout).toMatch(/^Agent TARS Server .*\n( {2}\w.*\n)+$/);
  });
});

const atTerminal = hasTerminals ? describe : describe.skip;

atTerminal('at a terminal (skipped without the script(1) of util-linux)', () => {
  /** A server at a terminal, and its client. */
  async function open(): Promise<{ terminal: Terminal; client: Client }> {
    const env = { ...ENV, TERM: 'xterm-256color', NO_COLOR: undefined };
    const terminal = Terminal.start(['serve', '--port', '0', '--no-config', ...args()], { cwd: root, env });
    started.push({ kill: () => terminal.close() });
    const screen = await terminal.until(/Data {7}.*\n/);
    return { terminal, client: new Client(/URL\s+(\S+)/.exec(screen)?.[1] ?? '') };
  }

  it('colours the log', async () => {
    await makeWide();
    const { terminal } = await open();
    const line = terminal.screen.split('\n').find((each) => each.includes('Other users of this machine'));
    expect(line).toContain('\u001b[');
    expect(await terminal.interrupt()).toBe(0);
    expect(terminal.screen).not.toContain('Waiting');
  });

  it('says at Ctrl+C what it waits for, and ends when that has ended', async () => {
    const { terminal, client } = await open();
    const { reader, rest } = await beginRun(client);
    terminal.type('\u0003');
    await terminal.until('Waiting for 1 run, at most 10 s. Press Ctrl+C again to stop now.\n');
    rest.open();
    expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    expect(await terminal.ended).toBe(0);
  });

  it('stops at once at a second Ctrl+C, with 130, and keeps what was acknowledged', async () => {
    const { terminal, client } = await open();
    const { sessionId, reader } = await beginRun(client);
    const acknowledged = reader.events.filter(({ seq }) => seq !== undefined);
    terminal.type('\u0003');
    await terminal.until('Waiting for 1 run');
    const named = await client.createSession({ name: 'acknowledged' });
    expect(await terminal.interrupt()).toBe(130);
    const server = await serve();
    const events = await server.events(sessionId);
    expect(events.slice(0, acknowledged.length)).toEqual(acknowledged);
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'interrupted' });
    expect((await server.get(`/api/sessions/details?sessionId=${named}`)).body.session.name).toBe(
      'acknowledged',
    );
  });

  it('lets its runs end when the terminal hangs up', async () => {
    const { terminal, client } = await open();
    const { sessionId, reader, rest } = await beginRun(client);
    await terminal.close();
    for (;;) if ((await client.get('/api/ready')).status === 503) break; // it has heard of it
    rest.open();
    expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    const { body } = await (await serve()).get(`/api/runs?sessionId=${sessionId}`);
    expect(body.runs).toMatchObject([{ status: 'completed' }]);
  });
});
