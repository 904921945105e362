import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AnyEvent, joinedDeltas, types } from '../support/client.js';
import { Gate, lastUserText } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

describe('a query', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
  });
  afterAll(() => app.stop());

  it('is answered with the final message and its run', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.text('Good', ' day').end());
    const { status, body } = await app.query(sessionId, 'Hello, Agent TARS!');
    expect(status).toBe(200);
    expect(body.result).toMatchObject({
      type: 'assistant_message',
      content: 'Good day',
      finishReason: 'stop',
      sessionId,
    });
    expect(body.runId).toBe(body.result.runId);
  });

  it('stores its events with a seq without gaps, from user_message to agent_run_end', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.thinking('hm', '…').text('ok').end());
    await app.query(sessionId, 'think');
    const events = await app.events(sessionId);
    expect(types(events)).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_thinking_message',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(events[2]).toMatchObject({ content: 'hm…' });
    expect(events[4]).toMatchObject({
      status: 'completed',
      iterations: 1,
      usage: { inputTokens: 7, outputTokens: 3 },
    });
    expect(new Set(events.map(({ id }) => id)).size).toBe(5);
  });

  it('streams each delta as the model sends it, and they join to the final message', async () => {
    const sessionId = await app.createSession();
    const gates = [new Gate(), new Gate(), new Gate()];
    app.model.next(async (reply) => {
      for (const [i, gate] of gates.entries()) {
        await gate.opened;
        reply.text(`part ${i} `);
      }
      reply.end();
    });
    const reader = await app.stream(sessionId, 'go');
    await reader.until('agent_run_start');
    for (const [i, gate] of gates.entries()) {
      gate.open(); // the next delta cannot have been sent before this one has arrived
      await reader.until(({ content }) => content === `part ${i} `);
    }
    const events = await reader.ended;
    const final = events.find(({ type }) => type === 'assistant_message');
    expect(joinedDeltas(events).get(final?.['messageId'] as string)).toBe('part 0 part 1 part 2 ');
    expect(final?.['content']).toBe('part 0 part 1 part 2 ');
    expect(events.at(-1)?.type).toBe('agent_run_end');
  });

  it('streams frames of one data line each, without id or event lines', async () => {
    const sessionId = await app.createSession();
    const reader = await app.stream(sessionId, 'frames');
    await reader.ended;
    expect(reader.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(reader.headers.get('cache-control')).toBe('no-cache, no-transform');
    for (const frame of reader.raw().split('\n\n').filter(Boolean)) expect(frame).toMatch(/^data: \{.*\}$/);
  });

  it('runs tools, stores each call before its result, and gives the model what came out', async () => {
    const sessionId = await app.createSession();
    app.model.next(
      (reply) => reply.text('Let me see.').toolCall('read_file', { path: 'note.txt' }).end(),
      (reply) => reply.text('It says sentinel-7391.').end(),
    );
    const reader = await app.stream(sessionId, 'what does the note say?');
    const events = await reader.ended;
    const seen = types(events).filter((type) => !type.includes('streaming') && !type.startsWith('agent_run'));
    expect(seen).toEqual([
      'user_message',
      'assistant_message',
      'tool_call',
      'tool_result',
      'assistant_message',
    ]);
    const call = events.find(({ type }) => type === 'tool_call');
    const result = events.find(({ type }) => type === 'tool_result');
    expect(call).toMatchObject({
      name: 'read_file',
      arguments: { path: 'note.txt' },
      tool: { name: 'read_file' },
    });
    expect(result).toMatchObject({ name: 'read_file', toolCallId: call?.['toolCallId'] });
    expect(JSON.stringify(result?.['content'])).toContain('sentinel-7391');
    const streamed = events.filter(({ type }) => type === 'assistant_streaming_tool_call');
    expect(streamed.map((event) => event['arguments']).join('')).toBe('{"path":"note.txt"}');
    const told = app.model.lastRequest.body.messages.at(-1);
    expect(told).toMatchObject({ role: 'tool', tool_call_id: call?.['toolCallId'] });
    expect(JSON.stringify(told?.content)).toContain('sentinel-7391');
  });

  it.each([
    ['a tool that does not exist', 'launch_rocket', {}, /no tool named "launch_rocket"/],
    ['arguments that are no JSON', 'read_file', '{"path": ', /no JSON object/],
    ['arguments of the wrong type', 'read_file', { path: 7 }, /arguments of read_file are wrong/],
    ['a file that is not there', 'read_file', { path: 'missing.txt' }, /no "missing.txt"/],
    ['a path outside the workspace', 'read_file', { path: '../../etc/passwd' }, /outside the workspace/],
    ['a hidden file', 'read_file', { path: '.env' }, /off limits/],
  ])('goes on after %s', async (_what, name, args, error) => {
    const sessionId = await app.createSession();
    app.model.next(
      (reply) => reply.toolCall(name, args).end(),
      (reply) => reply.text('I will do without.').end(),
    );
    const { body } = await app.query(sessionId);
    expect(body.result.content).toBe('I will do without.');
    const result = (await app.events(sessionId)).find(
      ({ type }) => type === 'tool_result',
    ) as unknown as AnyEvent;
    expect(result['error']).toMatch(error);
    expect(JSON.stringify(app.model.lastRequest.body.messages.at(-1))).toMatch(
      /error|no|wrong|outside|limits/i,
    );
  });

  it('gives text and images to the model, and stores them as they came', async () => {
    const sessionId = await app.createSession();
    const url =
      'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
    const query = [
      { type: 'text', text: "What's in this image?" },
      { type: 'image_url', image_url: { url } },
    ];
    expect((await app.query(sessionId, query)).status).toBe(200);
    const sent = app.model.lastRequest.body.messages.at(-1)?.content as {
      type: string;
      image_url?: { url: string };
    }[];
    expect(sent[1]).toMatchObject({ type: 'image_url', image_url: { url } });
    expect((await app.events(sessionId))[0]).toMatchObject({ type: 'user_message', content: query });
  });

  it('gives the model the earlier turns', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.text('Noted.').end());
    await app.query(sessionId, 'my number is 8842');
    await app.query(sessionId, 'what was it?');
    const { messages } = app.model.lastRequest.body;
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
    expect(JSON.stringify(messages)).toContain('8842');
  });

  it('is refused with 409 while another one runs, and the two never mix', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text('one');
      await gate.opened;
      reply.end();
    });
    const first = await app.stream(sessionId, 'first');
    await first.until('assistant_streaming_message');
    expect((await app.status(sessionId)).isProcessing).toBe(true);
    const second = await app.query(sessionId, 'second');
    expect(second.status).toBe(409);
    expect(second.body.code).toBe('SESSION_BUSY');
    const streamed = await app.stream(sessionId, 'second');
    expect(streamed.status).toBe(409);
    gate.open();
    await first.ended;
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
    expect(JSON.stringify(await app.events(sessionId))).not.toContain('second');
  });

  it('lets one of many simultaneous queries through, whatever their number', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      await gate.opened;
      reply.text('the only one').end();
    });
    let refused = 0;
    const answers = Array.from({ length: 10 }, async () => {
      const answer = await app.query(sessionId);
      if (answer.status !== 200 && ++refused === 9) gate.open();
      return answer;
    });
    const codes = (await Promise.all(answers)).map(({ status }) => status).sort();
    expect(codes).toEqual([200, ...Array.from({ length: 9 }, () => 409)]);
    expect(types(await app.events(sessionId)).filter((type) => type === 'user_message')).toHaveLength(1);
  });

  it('runs in 50 sessions at once, each whole and in order', async () => {
    const sessions = await Promise.all(Array.from({ length: 50 }, () => app.createSession()));
    const original = app.model.answer;
    app.model.answer = (reply, request) =>
      reply.text(...`answer to ${lastUserText(request)}`.split(/(?= )/)).end();
    const readers = await Promise.all(sessions.map((id) => app.stream(id, `question of ${id}`)));
    const streams = await Promise.all(readers.map((reader) => reader.ended));
    app.model.answer = original;
    for (const [i, events] of streams.entries()) {
      const id = sessions[i];
      expect(events.every((event) => event['sessionId'] === id)).toBe(true);
      expect(events.flatMap(({ seq }) => (seq === undefined ? [] : [seq]))).toEqual([1, 2, 3, 4]);
      expect([...joinedDeltas(events).values()]).toEqual([`answer to question of ${id}`]);
    }
  });

  it('goes on when its client leaves', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text('before');
      await gate.opened;
      reply.text(' and after').end();
    });
    const watcher = await app.follow(sessionId);
    const reader = await app.stream(sessionId, 'go');
    await reader.until('assistant_streaming_message');
    reader.leave();
    await reader.ended;
    gate.open();
    await watcher.until('agent_run_end');
    watcher.leave();
    expect((await app.events(sessionId)).at(-2)).toMatchObject({
      content: 'before and after',
      finishReason: 'stop',
    });
  });

  it('ends clearly when the model calls tools without end', async () => {
    const limited = await TestServer.start({ config: { agent: { maxIterations: 3 } } });
    try {
      limited.model.answer = (reply) => reply.toolCall('list_directory', {}).end();
      const sessionId = await limited.createSession();
      const { status, body } = await limited.query(sessionId);
      expect(status).toBe(200);
      expect(body.result).toMatchObject({ finishReason: 'max-iterations' });
      expect(body.result.content).toContain('after 3 steps');
      expect(limited.model.requests).toHaveLength(3);
      const events = await limited.events(sessionId);
      expect(events.filter(({ type }) => type === 'system')).toMatchObject([{ level: 'warning' }]);
      expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed', iterations: 3 });
    } finally {
      await limited.stop();
    }
  });
});

describe('a oneshot query', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
  });
  afterAll(() => app.stop());

  it('is answered in a session of its own', async () => {
    const { status, body } = await app.post('/api/oneshot/query', {
      query: 'hi',
      sessionName: 'Once',
      sessionTags: ['a'],
    });
    expect(status).toBe(200);
    expect(body.result.content).toBe('Hello there!');
    const { body: details } = await app.get(`/api/sessions/details?sessionId=${body.sessionId}`);
    expect(details.session).toMatchObject({ name: 'Once', tags: ['a'] });
  });

  it('streams session_created first', async () => {
    const reader = await app.sse('POST', '/api/oneshot/query/stream', { query: 'hi' });
    const events = await reader.ended;
    expect(events[0]).toMatchObject({
      type: 'session_created',
      sessionId: expect.any(String),
      timestamp: expect.any(Number),
    });
    expect(types(events).slice(1, 3)).toEqual(['user_message', 'agent_run_start']);
    expect(events.at(-1)?.type).toBe('agent_run_end');
  });
});
