import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelStub } from '../support/model-stub.js';
import { placed, ServerProcess } from '../support/process.js';

const THREAD_FAULTS = new URL('../support/thread-faults.mjs', import.meta.url).href;

let directory: string;
let model: ModelStub;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-threads-'));
  model = await ModelStub.start();
});
afterAll(async () => {
  await model.stop();
  await rm(directory, { recursive: true });
});

it('a server that can start no thread writes on, and says so once', async () => {
  const server = await ServerProcess.start(placed(join(directory, 'data'), directory, model.baseURL), {
    cwd: directory,
    env: { NODE_OPTIONS: `--import ${THREAD_FAULTS}` },
  });
  let printed = '';
  for (const stream of [server.child.stdout, server.child.stderr]) {
    stream?.on('data', (data) => (printed += String(data)));
  }
  const id = await server.createSession();
  for (let i = 0; i < 6; i++) {
    const { status } = await server.query(id, 'x'.repeat(2_000_000)); // 500 pages and more: a checkpoint is due
    expect(status).toBe(200);
  }
  expect(await server.kill('SIGTERM')).toBe(0);
  expect(printed.match(/no thread can do it/g)).toHaveLength(1);
});
