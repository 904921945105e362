import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defineTool } from '../../src/index.js';
import { type AnyEvent, eventsOf, types } from '../support/client.js';
import { Gate } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

let tool = new Gate();
const wait = defineTool({
  name: 'wait',
  description: 'Waits.',
  parameters: { properties: {} },
  execute: async () => {
    await tool.opened;
    return 'waited';
  },
});

describe('what a busy session says of itself', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ config: { tools: [wait] } });
  });
  afterAll(() => app.stop());

  it('names what it waits for, since when, and the last progress', async () => {
    const sessionId = await app.createSession();
    const model = new Gate();
    tool = new Gate();
    app.model.next(
      async (reply) => {
        await model.opened;
        reply.toolCall('wait', {}).end();
      },
      (reply) => reply.text('done').end(),
    );
    const before = Date.now();
    const asked = app.model.request();
    const reader = await app.stream(sessionId, 'go');
    await asked;
    const atModel = await app.status(sessionId);
    expect(atModel).toMatchObject({
      isProcessing: true,
      state: 'executing',
      waitingOn: 'model',
      queued: 0,
      queue: [],
    });
    model.open();
    await reader.until('tool_call');
    const atTool = await app.status(sessionId);
    expect(atTool).toMatchObject({ waitingOn: 'tool', runId: atModel['runId'] });
    for (const key of ['since', 'lastProgress']) {
      expect(atModel[key]).toBeGreaterThanOrEqual(before);
      expect(atTool[key]).toBeGreaterThanOrEqual(atModel[key] as number);
      expect(atTool[key]).toBeLessThanOrEqual(Date.now());
    }
    tool.open();
    await reader.ended;
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
  });

  it('moves its last progress with every token', async () => {
    const sessionId = await app.createSession();
    const second = new Gate();
    const end = new Gate();
    app.model.next(async (reply) => {
      reply.text('one');
      await second.opened;
      reply.text('two');
      await end.opened;
      reply.end();
    });
    const reader = await app.stream(sessionId, 'go');
    await reader.until('assistant_streaming_message');
    const { lastProgress } = await app.status(sessionId);
    while (Date.now() <= (lastProgress as number)) await app.status(sessionId);
    second.open();
    await reader.until(({ content }) => content === 'two');
    expect((await app.status(sessionId))['lastProgress']).toBeGreaterThan(lastProgress as number);
    end.open();
    await reader.ended;
  });

  it('lists its queue, which a restart keeps', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      await gate.opened;
      reply.end();
    });
    const socket = await app.socket();
    const send = (query: string) => socket.emitWithAck('send-query', { sessionId, query, whenBusy: 'queue' });
    const first = await send('first');
    const second = await send('second');
    const third = await send('third');
    expect([second, third]).toMatchObject([{ queued: true, position: 1 }, { position: 2 }]);
    const status = await app.status(sessionId);
    expect(status).toMatchObject({
      runId: first.runId,
      queued: 2,
      queue: [
        { runId: second.runId, position: 1, since: expect.any(Number) },
        { runId: third.runId, position: 2, since: expect.any(Number) },
      ],
    });
    await app.post('/api/sessions/abort', { sessionId, runId: second.runId });
    expect(await app.status(sessionId)).toMatchObject({
      queued: 1,
      queue: [{ runId: third.runId, position: 1 }],
    });
    gate.open();
  });
});

describe('a run that makes no progress', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ config: { tools: [wait], server: { watchdogMs: 60 } } });
  });
  afterAll(() => app.stop());

  const warnings = (events: readonly AnyEvent[]) => events.filter(({ type }) => type === 'system');

  it.each(['model', 'tool'] as const)(
    'is told of, and goes on to its end: it waits for the %s',
    async (what) => {
      const sessionId = await app.createSession();
      const model = new Gate();
      tool = new Gate();
      if (what === 'tool') model.open();
      app.model.next(
        async (reply) => {
          await model.opened;
          reply.toolCall('wait', {}).end();
        },
        (reply) => reply.text('done').end(),
      );
      const socket = await app.socket();
      const overSocket = eventsOf(socket);
      await socket.emitWithAck('join-session', sessionId);
      const reader = await app.stream(sessionId, 'go');
      const warning = await reader.until('system');
      expect(warning).toMatchObject({
        level: 'warning',
        message: expect.stringContaining(`waits for the ${what}`),
        details: {
          code: 'NO_PROGRESS',
          waitingOn: what,
          since: expect.any(Number),
          lastProgress: expect.any(Number),
        },
      });
      // Again when the silence is twice as long, with the same last progress: the warning itself was none.
      const seq = warning['seq'] as number;
      const again = await reader.until((event) => event.type === 'system' && (event['seq'] as number) > seq);
      expect((again['details'] as AnyEvent)['lastProgress']).toBe(
        (warning['details'] as AnyEvent)['lastProgress'],
      );
      expect((again['timestamp'] as number) - (warning['timestamp'] as number)).toBeGreaterThanOrEqual(50);
      model.open();
      tool.open();
      const events = await reader.ended;
      expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
      expect(types(events)).toContain('tool_result');
      await overSocket.until('agent_run_end');
      expect(warnings(overSocket.events)).toEqual(warnings(events));
    },
  );

  it('is not told of while tokens come', async () => {
    const sessionId = await app.createSession();
    const started = Date.now();
    app.model.next(async (reply) => {
      // Tokens at a pace: what is tested is time itself.
      while (Date.now() - started < 300) {
        reply.text('.');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      reply.end();
    });
    const events = await (await app.stream(sessionId, 'go')).ended;
    expect(warnings(events)).toEqual([]);
  });
});
