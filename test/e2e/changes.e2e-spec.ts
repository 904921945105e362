import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineTool } from '../../src/index.js';
import { expectNoGap } from '../support/expect-events.js';
import { Gate, ModelStub } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

describe('a session that is changed while a run is on', () => {
  let app: TestServer;
  let other: ModelStub;
  let working: Gate;
  let finish: Gate;

  const slow = defineTool({
    name: 'slow',
    description: 'Waits.',
    parameters: z.object({}),
    execute: async () => {
      working.open();
      await finish.opened;
      return 'done';
    },
  });

  beforeAll(async () => {
    other = await ModelStub.start();
    app = await TestServer.start({
      config: {
        tools: [slow],
        server: {
          models: [{ ...other.config, id: 'other' }],
          runtimeSettings: {
            schema: { type: 'object', properties: { mode: { type: 'string', enum: ['fast', 'deep'] } } },
          },
        },
      },
    });
  });
  afterAll(async () => {
    await app.stop();
    await other.stop();
  });

  it('goes on as it began, and its next query takes the change', async () => {
    [working, finish] = [new Gate(), new Gate()];
    const { body } = await app.post('/api/sessions/create', {
      agentOptions: { temperature: 0.5 },
      runtimeSettings: { mode: 'fast' },
    });
    const { sessionId } = body;
    app.model.next((reply) => reply.toolCall('slow', {}).end());
    const first = app.query(sessionId, 'work');
    await working.opened;

    const model = { provider: other.config.provider, id: 'other' };
    const changes = await Promise.all([
      app.post('/api/sessions/model', { sessionId, model }),
      app.post('/api/runtime-settings', { sessionId, runtimeSettings: { mode: 'deep' } }),
      app.post('/api/sessions/update', { sessionId, name: 'Changed', metadata: { colour: 'red' } }),
    ]);
    expect(changes.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await app.status(sessionId)).toMatchObject({ isProcessing: true, waitingOn: 'tool' });
    finish.open();
    expect((await first).status).toBe(200);
    expect(app.model.requests.map(({ body }) => body.model)).toEqual(['scripted', 'scripted']);
    expect(app.model.requests.map(({ body }) => body.temperature)).toEqual([0.5, 0.5]);
    expect(other.requests).toHaveLength(0);

    expect((await app.query(sessionId, 'again')).status).toBe(200);
    expect(other.requests.map(({ body }) => body.model)).toEqual(['other']);
    expect(app.model.requests).toHaveLength(2);
    const events = await app.events(sessionId);
    expectNoGap(events as never);
    const starts = events.filter(({ type }) => type === 'agent_run_start');
    expect(starts).toMatchObject([
      { model: 'scripted', runOptions: { temperature: 0.5, runtimeSettings: { mode: 'fast' } } },
      { model: 'other', runOptions: { temperature: 0.5, runtimeSettings: { mode: 'deep' } } },
    ]);
    const details = await app.get(`/api/sessions/details?sessionId=${sessionId}`);
    expect(details.body.session).toMatchObject({
      name: 'Changed',
      metadata: { colour: 'red', modelConfig: { id: 'other' }, runtimeSettings: { mode: 'deep' } },
      status: { isProcessing: false, state: 'idle' },
    });
  });
});
