import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BIN, cleanEnv } from '../support/process.js';

jest.setTimeout(240_000); // a person would paste the whole page

const project = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const README_PORT = '8888';
const MARK = 'block-ended';
/** Status of curl when its --max-time is over: a stream without an end was cut off by it. */
const CURL_TIME_OVER = 28;

let root: string;
let port: string;
let server: ChildProcess | undefined;
let shell: ChildProcessByStdio<Writable, Readable, null>;
let lines: AsyncIterator<string>;

/** The blocks that a person pastes, in their order, with a free port in the place of the usual one. */
async function readBlocks(): Promise<string[]> {
  const text = await readFile(project('README.md'), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) =>
    block.replaceAll(README_PORT, port),
  );
}

async function freePort(): Promise<string> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port: free } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return String(free);
}

/** A directory with what the page names, where `npm ci` has been run. */
async function makeClone(): Promise<void> {
  for (const directory of ['home', 'bin', 'clone/node_modules/.bin']) {
    await mkdir(join(root, directory), { recursive: true });
  }
  await writeFile(join(root, 'clone', 'package.json'), '{ "private": true }'); // with a bin, npx would install it
  await cp(project('docs'), join(root, 'clone', 'docs'), { recursive: true });
  await symlink(BIN, join(root, 'clone/node_modules/.bin/agent-tars'));
  await writeFile(join(root, 'bin', 'npm'), '#!/bin/sh\n[ "$*" = ci ]\n', { mode: 0o755 });
}

const place = () => ({
  cwd: join(root, 'clone'),
  env: cleanEnv({
    HOME: join(root, 'home'),
    AGENT_TARS_PORT: port,
    npm_config_update_notifier: 'false', // asks the network
    PATH: [join(root, 'bin'), process.env['PATH']].join(delimiter),
  }),
});

/** Ctrl+C in the first terminal. */
async function stopServer(): Promise<void> {
  if (!server?.pid) return;
  const closed = once(server, 'close');
  process.kill(-server.pid, 'SIGINT');
  await closed;
  server = undefined;
}

/** Pastes into the first terminal, where the server before has been ended, and gives its greeting. */
async function serve(block: string): Promise<string> {
  await stopServer();
  const child = spawn('sh', ['-c', block], {
    ...place(),
    detached: true, // a process group, which a terminal sends its Ctrl+C to
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  server = child;
  let greeting = '';
  for await (const line of createInterface(child.stdout)) {
    greeting += `${line}\n`;
    if (/^\s*Data\s/.test(line)) return greeting;
  }
  throw new Error(`No server was started: ${greeting}`);
}

/** Pastes into the second terminal. */
async function paste(block: string): Promise<{ output: string; status: number }> {
  shell.stdin.write(`${block}\nprintf '\\n%s %s\\n' ${MARK} $?\n`);
  let output = '';
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error(`The shell has ended: ${output}`);
    if (value.startsWith(MARK)) return { output, status: Number(value.slice(MARK.length)) };
    output += `${value}\n`;
  }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'agent-tars-readme-'));
  port = await freePort();
  await makeClone();
  shell = spawn('sh', [], { ...place(), stdio: ['pipe', 'pipe', 'inherit'] });
  lines = createInterface(shell.stdout)[Symbol.asyncIterator]();
});
afterAll(async () => {
  shell.stdin.end();
  await stopServer();
  await rm(root, { recursive: true, force: true });
});

describe('the README', () => {
  it('has blocks that work when they are pasted one after another', async () => {
    const outputs: string[] = [];
    for (const block of await readBlocks()) {
      if (/agent-tars serve/.test(block)) {
        outputs.push(await serve(block));
        continue;
      }
      const { output, status } = await paste(block);
      const expected = block.includes('--max-time') ? CURL_TIME_OVER : 0;
      expect({ block, output, status }).toEqual({
        block,
        output: expect.not.stringMatching(/"code":"|^$/),
        status: expected,
      });
      outputs.push(output);
    }
    const all = outputs.join('\n');
    for (const text of ['"sessionId":"', 'Here is what is there', '12 * (3 + 4) = 84', '"seq":9']) {
      expect(all).toContain(text);
    }
    expect(all.match(/^Agent TARS Server/gm)).toHaveLength(3);
    expect(all).toMatch(/^tars_[\w-]{43}$/m);
  });
});
