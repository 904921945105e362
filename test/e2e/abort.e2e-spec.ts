import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineTool } from '../../src/index.js';
import { joinedDeltas, types } from '../support/client.js';
import { expectDeltasJoin, expectNoGap } from '../support/expect-events.js';
import { Gate, lastUserText, type Script } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

/** Begins when it is called, ends when the test says so, whatever its signal does. */
class StubbornTool {
  private started = new Gate();
  private finish = new Gate();
  heard: AbortSignal | undefined;

  readonly tool = defineTool({
    name: 'stubborn',
    description: 'Works on.',
    parameters: z.object({}),
    execute: async (_args, { signal }) => {
      this.heard = signal;
      this.started.open();
      await this.finish.opened;
      return 'too late';
    },
  });

  get running(): Promise<void> {
    return this.started.opened;
  }

  end(): void {
    this.finish.open();
    this.started = new Gate();
    this.finish = new Gate();
  }
}

describe('abort', () => {
  const stubborn = new StubbornTool();
  let app: TestServer;
  let held: Gate;
  let original: Script;

  beforeAll(async () => {
    app = await TestServer.start({ config: { tools: [stubborn.tool] } });
    original = app.model.answer;
  });
  afterAll(() => app.stop());
  afterEach(() => {
    held?.open();
    stubborn.end();
    app.model.answer = original;
  });

  const abort = (sessionId: string, more: object = {}) =>
    app.post('/api/sessions/abort', { sessionId, ...more });

  /** The model answers "hold" with these deltas and then nothing, anything else as it always does. */
  function modelHolds(...deltas: string[]): void {
    const gate = (held = new Gate());
    app.model.answer = async (reply, request) => {
      if (lastUserText(request) !== 'hold') return original(reply, request);
      if (deltas.length > 0) reply.text(...deltas);
      await gate.opened;
      reply.text(' too late').end();
    };
  }

  /** A run whose model has said these deltas and goes on no further. */
  async function streaming(...deltas: string[]) {
    modelHolds(...deltas);
    const sessionId = await app.createSession();
    const asked = app.model.request();
    const reader = await app.stream(sessionId, 'hold');
    await reader.until(() => [...joinedDeltas(reader.events).values()][0] === deltas.join(''));
    return { sessionId, reader, request: await asked };
  }

  it('ends the run while the model is silent, closes the connection to it, and keeps the text that had come', async () => {
    const { sessionId, reader, request } = await streaming('Once', ' upon', ' a time');
    const { status, body } = await abort(sessionId); // the model says no more before the test ends
    expect(status).toBe(200);
    expect(body).toEqual({ success: true });
    await request.closed;
    const stored = await app.events(sessionId);
    expect(types(stored)).toEqual(['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end']);
    expect(stored[2]).toMatchObject({ content: 'Once upon a time', finishReason: 'abort' });
    expect(stored[3]).toMatchObject({ status: 'aborted', iterations: 1 });
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'aborted' });
    const live = await reader.ended;
    expect(live.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
    expectDeltasJoin(live);
    expectNoGap(live);
  });

  it('has answered when everything of the run is written', async () => {
    const { sessionId } = await streaming('half');
    await abort(sessionId);
    const before = await app.events(sessionId);
    held.open();
    const next = await app.stream(sessionId, 'go on');
    await next.until('user_message');
    expect((await app.events(sessionId)).slice(0, before.length)).toEqual(before);
    await next.ended;
    const after = await app.events(sessionId);
    expect(after.slice(0, before.length)).toEqual(before);
    expect(types(after.slice(before.length))).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'agent_run_end',
    ]);
    expectNoGap(after as never);
  });

  it('gives the waiting standard query its partial message', async () => {
    modelHolds('half', ' an answer');
    const sessionId = await app.createSession();
    const follower = await app.follow(sessionId);
    const waiting = app.query(sessionId, 'hold');
    await follower.until(({ content }) => content === ' an answer');
    follower.leave();
    await abort(sessionId);
    const { status, body } = await waiting;
    expect(status).toBe(200);
    expect(body.result).toMatchObject({ content: 'half an answer', finishReason: 'abort' });
  });

  it('before the first token leaves an empty message', async () => {
    modelHolds();
    const sessionId = await app.createSession();
    const asked = app.model.request();
    const waiting = app.query(sessionId, 'hold');
    const request = await asked;
    expect((await abort(sessionId)).body).toEqual({ success: true });
    await request.closed;
    expect((await waiting).body.result).toMatchObject({ content: '', finishReason: 'abort' });
    expect(types(await app.events(sessionId))).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'aborted' });
  });

  it('in the very moment of the query ends it', async () => {
    modelHolds();
    for (let i = 0; i < 10; i++) {
      const sessionId = await app.createSession();
      const reader = await app.stream(sessionId, 'hold'); // accepted; whether the model has been asked is open
      expect((await abort(sessionId)).body).toEqual({ success: true });
      expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
    }
  });

  it('of an idle session has nothing to do', async () => {
    const sessionId = await app.createSession();
    expect(await abort(sessionId)).toMatchObject({ status: 200, body: { success: false } });
    await app.query(sessionId);
    expect(await abort(sessionId)).toMatchObject({ status: 200, body: { success: false } });
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
    expect(await app.events(sessionId)).toHaveLength(4);
  });

  it('of an unknown session is 404', async () => {
    expect(await abort('nobody')).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } });
  });

  it('of a run that has ended has nothing to do', async () => {
    const { sessionId, reader } = await streaming('half');
    const runId = reader.events[0]?.['runId'];
    await abort(sessionId);
    expect((await abort(sessionId, { runId })).body).toEqual({ success: false });
    expect((await abort(sessionId, { runId: 'none' })).body).toEqual({ success: false });
  });

  it('may come many times at once: the run ends once, and every answer comes after its end', async () => {
    const { sessionId } = await streaming('half');
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const { body } = await abort(sessionId);
        return { body, state: await app.status(sessionId) };
      }),
    );
    expect(answers.map(({ body }) => (body as { success: boolean }).success)).toContain(true);
    for (const { state } of answers) expect(state).toEqual({ isProcessing: false, state: 'aborted' });
    expect(types(await app.events(sessionId)).filter((type) => type === 'agent_run_end')).toHaveLength(1);
  });

  it('does not wait for a tool that ignores its signal', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.text('I work.').toolCall('stubborn', {}).toolCall('stubborn', {}).end());
    const waiting = app.query(sessionId, 'work');
    await stubborn.running;
    expect(await app.status(sessionId)).toMatchObject({ isProcessing: true, waitingOn: 'tool' });
    expect((await abort(sessionId)).body).toEqual({ success: true }); // the tool is still at work
    expect(stubborn.heard?.aborted).toBe(true);
    const before = await app.events(sessionId);
    expect(types(before)).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'tool_call',
      'tool_result',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(before[4]).toMatchObject({
      name: 'stubborn',
      error: 'The run was stopped before the tool had answered.',
    });
    expect(before[5]).toMatchObject({ content: '', finishReason: 'abort' });
    expect(before[6]).toMatchObject({ status: 'aborted' });
    expect((await waiting).body.result).toMatchObject({ finishReason: 'abort' });

    stubborn.end(); // its late result goes nowhere
    await app.query(sessionId, 'and now?');
    expect((await app.events(sessionId)).slice(0, before.length)).toEqual(before);
    expect(JSON.stringify(await app.events(sessionId))).not.toContain('too late');
    const { messages } = app.model.lastRequest.body;
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool', 'user']);
    const called = messages[2]?.tool_calls?.map(({ id }) => id);
    expect(messages.slice(3, 5).map(({ tool_call_id }) => tool_call_id)).toEqual(called);
  });

  it('followed at once by a new query never mixes the two runs', async () => {
    modelHolds('half', ' of it');
    const sessionId = await app.createSession();
    for (let turn = 0; turn < 10; turn++) {
      const reader = await app.stream(sessionId, 'hold');
      if (turn % 2 === 0) await reader.until('assistant_streaming_message');
      await abort(sessionId);
      const next = await app.query(sessionId, `next ${turn}`);
      expect(next.status).toBe(200);
      expect(next.body.result.content).toBe('Hello there!');
      const live = await reader.ended;
      expect(new Set(live.map(({ runId }) => runId)).size).toBe(1);
    }
    held.open();
    const events = await app.events(sessionId);
    expectNoGap(events as never);
    const runs = events.map(({ runId }) => runId);
    const changes = runs.filter((runId, i) => runId !== runs[i - 1]);
    expect(changes).toHaveLength(20);
    expect(new Set(changes).size).toBe(20);
    const ends = events.flatMap((event) => (event.type === 'agent_run_end' ? [event.status] : []));
    expect(ends).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'aborted' : 'completed')));
  });

  it('leaves a conversation that the model can go on with', async () => {
    const { sessionId } = await streaming('half');
    await abort(sessionId);
    modelHolds();
    const asked = app.model.request();
    const waiting = app.query(sessionId, 'hold');
    await asked;
    await abort(sessionId);
    await waiting;
    await app.query(sessionId, 'go on');
    const { messages } = app.model.lastRequest.body;
    expect(messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ]);
    expect(messages[2]?.content).toBe('half');
    expect(messages[4]?.content).toBe('[the user stopped this request before it was answered]');
  });

  describe('by deleting the session', () => {
    it('ends the run first, on every stream', async () => {
      const { sessionId, reader, request } = await streaming('half');
      const follower = await app.follow(sessionId);
      const { status, body } = await app.post('/api/sessions/delete', { sessionId });
      expect(status).toBe(200);
      expect(body).toEqual({ success: true });
      await request.closed;
      for (const events of [await reader.ended, await follower.ended]) {
        expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
        expect(events.at(-2)).toMatchObject({
          type: 'assistant_message',
          content: 'half',
          finishReason: 'abort',
        });
      }
      expect((await app.get(`/api/sessions/events?sessionId=${sessionId}`)).status).toBe(404);
      expect((await app.get(`/api/runs/${String(reader.events[0]?.['runId'])}`)).status).toBe(404);
      expect(await abort(sessionId)).toMatchObject({ status: 404 });
    });

    it('answers the waiting standard query', async () => {
      modelHolds('half');
      const sessionId = await app.createSession();
      const asked = app.model.request();
      const waiting = app.query(sessionId, 'hold');
      await asked;
      await app.post('/api/sessions/delete', { sessionId });
      const { status, body } = await waiting;
      expect(status).toBe(200);
      expect(body.result).toMatchObject({ finishReason: 'abort' });
    });

    it('while a stubborn tool runs does not wait for it', async () => {
      const sessionId = await app.createSession();
      app.model.next((reply) => reply.toolCall('stubborn', {}).end());
      const waiting = app.query(sessionId, 'work');
      await stubborn.running;
      expect((await app.post('/api/sessions/delete', { sessionId })).status).toBe(200);
      expect((await waiting).status).toBe(200);
    });

    it('while queries come ends each that got in, and its connection to the model', async () => {
      modelHolds('half');
      for (let round = 0; round < 10; round++) {
        const first = app.model.requests.length;
        const { sessionId } = await streaming('half');
        const deleted = app.post('/api/sessions/delete', { sessionId });
        const queries = Array.from({ length: 8 }, () => app.query(sessionId, 'hold'));
        expect((await deleted).status).toBe(200);
        for (const { status } of await Promise.all(queries)) expect([200, 404, 409]).toContain(status);
        await Promise.all(app.model.requests.slice(first).map(({ closed }) => closed));
      }
    });

    it('may come twice at once: one deletes, the other finds nothing or the same', async () => {
      const { sessionId } = await streaming('half');
      const answers = await Promise.all([1, 2, 3].map(() => app.post('/api/sessions/delete', { sessionId })));
      const codes = answers.map(({ status }) => status).sort();
      expect(codes[0]).toBe(200);
      expect(codes.slice(1).every((code) => code === 200 || code === 404)).toBe(true);
      expect((await app.get(`/api/sessions/details?sessionId=${sessionId}`)).status).toBe(404);
    });
  });
});
