import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { AgentTARSServer } from '../../src/index.js';
import { SENTINEL_KEY } from '../support/leaks.js';
import { ModelStub } from '../support/model-stub.js';
import { placed, ServerProcess } from '../support/process.js';

const CONFIG = `export default { tools: [{
  name: 'careless',
  description: 'Awaits nothing.',
  parameters: {},
  async execute() {
    void (async () => { throw new Error('nobody saw\\n${SENTINEL_KEY}'); })();
    void Promise.reject(undefined);
    return 'done';
  },
}] };`;

describe('a rejection that a tool leaves behind', () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-detached-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('is one line of the command, which goes on', async () => {
    const model = await ModelStub.start();
    const config = join(directory, 'careless.config.mjs');
    await writeFile(config, CONFIG);
    const args = ['--config', config, ...placed(join(directory, 'data'), directory, model.config.baseURL)];
    const app = await ServerProcess.start(args);
    const lines = createInterface(app.child.stderr as Readable)[Symbol.asyncIterator]();
    model.next(
      (reply) => reply.toolCall('careless', {}).end(),
      (reply) => reply.text('fine').end(),
    );
    const { body } = await app.query(await app.createSession());
    expect(body.result.content).toBe('fine');
    const said = [(await lines.next()).value, (await lines.next()).value] as string[];
    expect(said[0]).toMatch(
      /^A promise that nobody awaited was rejected: Error: nobody saw \*\*\* \(at .*careless\.config\.mjs/,
    );
    expect(said[1]).toBe('A promise that nobody awaited was rejected: undefined');
    expect((await app.get('/api/health')).status).toBe(200);
    app.child.kill();
    await once(app.child, 'exit');
    await model.stop();
  });

  it("is the embedder's to handle: an embedded server listens for nothing in the process", async () => {
    const names = ['unhandledRejection', 'uncaughtException', 'SIGTERM', 'SIGINT', 'exit', 'beforeExit'];
    const counts = () => names.map((name) => process.listenerCount(name));
    const before = counts();
    const server = new AgentTARSServer({
      dataDir: directory,
      workspace: directory,
      logLevel: 'silent',
      server: { port: 0, storage: { type: 'memory' } },
    });
    await server.start();
    expect(counts()).toEqual(before);
    await server.stop();
  });
});
