import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Disk, limitFileSize, LockHolder } from '../support/database-faults.js';
import { ServerProcess } from '../support/process.js';

jest.setTimeout(90_000); // a probe waits for two seconds, three times

let root: string;
let disk: Disk;
let server: ServerProcess;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'agent-tars-ready-'));
  disk = new Disk(root);
  const args = ['--data-dir', join(root, 'data'), '--no-config', '--model.provider', 'embedded'];
  server = await ServerProcess.start(args, { cwd: root, env: disk.env });
});
afterEach(async () => {
  await server.kill();
  await rm(root, { recursive: true, force: true });
});

const ready = () => server.get('/api/ready');

/** The first answer of another status: a result stands for a second. */
async function changed(from: number) {
  let answer = await ready();
  while (answer.status === from) answer = await ready();
  return answer;
}

/** The sentence of a refusal, which says when to ask again. */
async function refusal(): Promise<string> {
  const { status, body, headers } = await changed(200);
  expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'DATABASE_UNAVAILABLE', '5']);
  return body.error;
}

describe('GET /ready', () => {
  it('writes once for all that ask at once, and nothing when nobody asks', async () => {
    await server.createSession();
    const before = (await disk.syncs()).length;
    const answers = await Promise.all(Array.from({ length: 20 }, ready));
    expect(answers.map(({ status, body }) => [status, body.status])).toEqual(Array(20).fill([200, 'ready']));
    expect((await disk.syncs()).length).toBe(before + 1);
    expect((await server.get('/api/sessions')).status).toBe(200);
    expect((await disk.syncs()).length).toBe(before + 1);
  });

  it('is a 503 that says what to do while nothing can be written, and 200 again after that', async () => {
    const lock = await LockHolder.hold(join(root, 'data', 'agent-tars.db'));
    expect(await refusal()).toMatch(/^The database has not taken a write within 2 s: .* holds its lock/);
    expect((await server.get('/api/health')).status).toBe(200);
    await lock.release();
    expect((await changed(503)).status).toBe(200);

    await disk.break();
    expect(await refusal()).toMatch(
      /^The database has not taken a write within 2 s: its disk is slow or fails/,
    );
    await disk.mend();
    expect((await changed(503)).status).toBe(200);
  });

  const limited = spawnSync('prlimit', ['--version']).status === 0 ? it : it.skip;
  limited(
    'is one while the disk refuses to write (skipped without the prlimit(1) of util-linux)',
    async () => {
      await limitFileSize(server.child.pid ?? 0, 1);
      expect(await refusal()).toBe(
        'The database cannot be written: its disk refuses to. Look at its free space, its quota, and whether it fails.',
      );
      await limitFileSize(server.child.pid ?? 0, 'unlimited');
      expect((await changed(503)).status).toBe(200);
    },
  );
});
