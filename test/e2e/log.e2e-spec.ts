import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LockHolder } from '../support/database-faults.js';
import { SENTINEL_KEY } from '../support/leaks.js';
import { ModelStub } from '../support/model-stub.js';
import { placed, ServerProcess } from '../support/process.js';

const TOKEN = 'token-sentinel-4711';
const QUERY = 'query-sentinel-4711';

/** What a process prints, on both of its streams. */
class ProcessLog {
  private text = '';
  private readonly waiting = new Set<() => void>();

  constructor({ child }: ServerProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data) => {
        this.text += String(data);
        for (const look of this.waiting) look();
      });
    }
  }

  get lines(): string[] {
    // eslint-disable-next-line no-control-regex -- the colours of a terminal
    return this.text.replace(/\u001b\[\d+m/g, '').split('\n');
  }

  /** The first line that fits, once it is there. */
  line(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      const look = () => {
        const line = this.lines.find((each) => pattern.test(each));
        if (line === undefined) return;
        this.waiting.delete(look);
        resolve(line);
      };
      this.waiting.add(look);
      look();
    });
  }
}

describe('the log at the level info', () => {
  let directory: string;
  let model: ModelStub;
  let server: ServerProcess;
  let log: ProcessLog;
  let sessionId: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-log-'));
    model = await ModelStub.start();
    const args = [
      ...placed(join(directory, 'data'), directory, model.baseURL),
      '--auth',
      '--log-level',
      'info',
    ];
    server = await ServerProcess.start(args, { cwd: directory, env: { AGENT_TARS_TOKEN: TOKEN } });
    log = new ProcessLog(server);
    sessionId = ((await post('sessions/create')) as { sessionId: string }).sessionId;
  });
  afterAll(async () => {
    await server.kill();
    await model.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function post(path: string, body: object = {}): Promise<unknown> {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    return (await fetch(`${server.url}/api/${path}`, init)).json();
  }
  const ask = () => post('sessions/query', { sessionId, query: QUERY });
  const run = (rest: string) => new RegExp(`run [\\w-]+ of session ${sessionId}: ${rest}$`);

  it('has a line for the start and for the end of a run, with its model, its time, its steps and its tokens', async () => {
    await ask();
    await log.line(run('started with openai-compatible/scripted'));
    await log.line(run('completed in \\d+ ms, 1 step, 7/3 tokens'));
  });

  it('has a line for each retry', async () => {
    model.next((reply) => reply.fail(429, `${SENTINEL_KEY}\nslow down`, { 'retry-after': '0' }));
    await ask();
    await log.line(run('openai-compatible/scripted is asked again after 429 in 250 ms'));
  });

  it('says why a run failed, by its code', async () => {
    model.next((reply) => reply.fail(401, `the key ${SENTINEL_KEY} is wrong`));
    await ask();
    await log.line(run('failed \\(MODEL_AUTH\\) in \\d+ ms, 1 step, 0/0 tokens'));
  });

  it('has a line for an aborted run', async () => {
    const asked = model.request();
    model.next(() => undefined);
    const waiting = ask();
    await asked;
    await post('sessions/abort', { sessionId });
    await waiting;
    await log.line(run('aborted in \\d+ ms, 1 step, 0/0 tokens'));
  });

  it('has a line for a refused token and for a refused link, without them', async () => {
    const headers = { authorization: 'Bearer guess-sentinel' };
    expect((await fetch(`${server.url}/api/sessions`, { headers })).status).toBe(401);
    expect((await fetch(`${server.url}/auth/link?code=guess-sentinel`)).status).toBe(401);
    await log.line(/A wrong token from \S+ was refused$/);
    await log.line(/A login link from \S+ was refused$/);
  });

  it('has a line for a commit that took long', async () => {
    const lock = await LockHolder.hold(join(directory, 'data', 'agent-tars.db'));
    const created = post('sessions/create');
    await sleep(700); // the time that is logged
    await lock.release();
    await created;
    await log.line(/A commit of \d+ writes? took \d{3,} ms$/);
  });

  it('holds nothing of what was asked, and no secret', () => {
    expect(log.lines.join('\n')).not.toMatch(/sentinel/);
  });
});
