import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AnyEvent, type EventReader, joinedDeltas, types } from '../support/client.js';
import { expectDeltasJoin, expectNoGap, isStreaming, plain, storedOf } from '../support/expect-events.js';
import { Gate } from '../support/model-stub.js';
import { Rng, SEED } from '../support/rng.js';
import { RawConnection, type RawHeaders, toBytes } from '../support/raw-http.js';
import { TestServer } from '../support/test-server.js';

/** The frames as they stand on the wire, without comments and the time after which to reconnect. */
function frames(reader: EventReader): { readonly id: string | undefined; readonly event: AnyEvent }[] {
  return reader
    .raw()
    .split('\n\n')
    .filter((frame) => frame !== '' && !/^(:|retry:)/.test(frame))
    .map((frame) => {
      const lines = frame.split('\n');
      const id = lines.find((line) => line.startsWith('id: '))?.slice(4);
      const data = lines.filter((line) => line.startsWith('data: '));
      expect(data).toHaveLength(1);
      expect(lines).toHaveLength(id === undefined ? 1 : 2);
      return { id, event: JSON.parse(data[0]?.slice(6) ?? '') as AnyEvent };
    });
}

describe('GET /api/sessions/stream', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
    app = await app.restart({ model: { ...app.model.config, maxAnswerChars: 100_000_000 } });
  });
  afterAll(() => app.stop());

  /** A session with one finished run: thinking, a tool call, an answer. */
  async function finishedSession(): Promise<{ sessionId: string; stored: AnyEvent[] }> {
    const sessionId = await app.createSession();
    app.model.next(
      (reply) =>
        reply
          .thinking('Let me', ' look.')
          .text('One', ' moment.')
          .toolCall('read_file', { path: 'note.txt' })
          .end(),
      (reply) => reply.text('It', ' is', ' there.').end(),
    );
    await app.query(sessionId, 'what does the note say?');
    const stored = (await app.events(sessionId)) as unknown as AnyEvent[];
    expect(types(stored)).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_thinking_message',
      'assistant_message',
      'tool_call',
      'tool_result',
      'assistant_message',
      'agent_run_end',
    ]);
    return { sessionId, stored };
  }

  it('sends what is stored, then replay_end', async () => {
    const { sessionId, stored } = await finishedSession();
    const reader = await app.follow(sessionId);
    const end = await reader.until('replay_end');
    reader.leave();
    expect(reader.status).toBe(200);
    expect(reader.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(reader.headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(end).toMatchObject({ type: 'replay_end', sessionId, lastSeq: 8 });
    expect(reader.events.map(plain)).toEqual([...stored, end]);
  });

  it('begins with replay_end when there is nothing yet', async () => {
    const sessionId = await app.createSession();
    const reader = await app.follow(sessionId);
    expect(await reader.until('replay_end')).toEqual({ type: 'replay_end', sessionId, lastSeq: 0 });
    expect(reader.events).toHaveLength(1);
    reader.leave();
  });

  it('gives exactly the rest of a run at every cursor, named by after or by Last-Event-ID', async () => {
    const { sessionId, stored } = await finishedSession();
    for (let cursor = 0; cursor <= stored.length; cursor++) {
      const readers = [
        await app.follow(sessionId, cursor),
        await app.follow(sessionId, undefined, { 'last-event-id': String(cursor) }),
      ];
      for (const reader of readers) {
        const end = await reader.until('replay_end');
        reader.leave();
        expect(reader.events.map(plain)).toEqual([...stored.slice(cursor), end]);
        expect(end).toMatchObject({ lastSeq: stored.length });
      }
    }
  });

  it('goes by Last-Event-ID when both are given, as a reconnecting browser repeats its address', async () => {
    const { sessionId, stored } = await finishedSession();
    const reader = await app.follow(sessionId, 1, { 'last-event-id': '5' });
    await reader.until('replay_end');
    reader.leave();
    expect(reader.events.slice(0, -1).map(plain)).toEqual(stored.slice(5));
  });

  it('numbers the frames of stored events, and no others', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.thinking('hm').text('a', 'b').end());
    const reader = await app.follow(sessionId);
    await reader.until('replay_end');
    await app.query(sessionId);
    await reader.until('agent_run_end');
    reader.leave();
    const seen = frames(reader);
    expect(seen.some(({ event }) => isStreaming(event))).toBe(true);
    for (const { id, event } of seen) {
      expect(id).toBe((event['seq'] as number | undefined)?.toString());
      expect(event['seq'] === undefined).toBe(isStreaming(event) || event.type === 'replay_end');
    }
  });

  it("goes on with what comes, whoever asked, the same as on the query's own stream", async () => {
    const { sessionId } = await finishedSession();
    const reader = await app.follow(sessionId, 8);
    await reader.until('replay_end');
    const query = await app.stream(sessionId, 'again');
    const own = await query.ended;
    await reader.until('agent_run_end');
    reader.leave();
    expect(reader.events.slice(1).map(plain)).toEqual(own);
    expectNoGap(own, 8);
  });

  it('gives who joins in the middle of an answer the text so far, once, then the deltas', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.thinking('I', ' think').text('Once', ' upon', ' a').toolCall('read_file', { path: 'note.txt' });
      await gate.opened;
      reply.toolCall('read_file', { path: 'other.txt' }).end();
    });
    const early = await app.stream(sessionId, 'tell me');
    const argsOf = (events: readonly AnyEvent[]) =>
      events
        .map((event) => (event.type === 'assistant_streaming_tool_call' ? event['arguments'] : ''))
        .join('');
    await early.until(() => argsOf(early.events).includes('}'));
    const late = await app.follow(sessionId);
    await late.until('replay_end');
    const [, , thinking, text, call, end] = late.events;
    expect(types(late.events).slice(0, 2)).toEqual(['user_message', 'agent_run_start']);
    expect(thinking).toMatchObject({
      type: 'assistant_streaming_thinking_message',
      content: 'I think',
      isComplete: false,
    });
    expect(text).toMatchObject({
      type: 'assistant_streaming_message',
      content: 'Once upon a',
      isComplete: false,
    });
    expect(call).toMatchObject({
      type: 'assistant_streaming_tool_call',
      toolName: 'read_file',
      arguments: '{"path":"note.txt"}',
    });
    expect(end).toMatchObject({ type: 'replay_end', lastSeq: 2 });
    expect(late.events).toHaveLength(6);
    gate.open();
    await late.until('agent_run_end');
    await early.ended;
    late.leave();
    expect(storedOf(late.events)).toEqual(storedOf(early.events));
    expect(joinedDeltas(late.events)).toEqual(joinedDeltas(early.events));
    expect(argsOf(late.events)).toBe(argsOf(early.events));
    expectDeltasJoin(late.events);
  });

  it('refuses a cursor beyond the end and says where the end is', async () => {
    const { sessionId } = await finishedSession();
    const { status, body } = await app.get(`/api/sessions/stream?sessionId=${sessionId}&after=9`);
    expect(status).toBe(400);
    expect(body).toEqual({
      error: 'The cursor 9 is beyond the last event of this session (8). Begin again with after=0.',
      code: 'INVALID_INPUT',
      details: { lastSeq: 8 },
    });
    const reader = await app.follow(sessionId, undefined, { 'last-event-id': '9' });
    expect(reader.status).toBe(400);
  });

  it.each([
    ['after=-1', {}],
    ['after=1.5', {}],
    ['after=x', {}],
    ['after=1&after=2', {}],
    ['after=99999999999999999999', {}],
    ['', { 'last-event-id': 'x' }],
    ['', { 'last-event-id': '-1' }],
    ['', { 'last-event-id': '1.5' }],
  ])('refuses the cursor %s %j', async (query, headers) => {
    const sessionId = await app.createSession();
    const path = `/api/sessions/stream?sessionId=${sessionId}&${query}`;
    const { status, body } = await app.send<{ code: string }>('GET', path, undefined, headers);
    expect(status).toBe(400);
    expect(body.code).toBe('INVALID_INPUT');
  });

  it('answers HEAD with the headers alone, and at once', async () => {
    const connection = await RawConnection.open(app.server.port);
    const headers: RawHeaders = [['Host', `127.0.0.1:${app.server.port}`]];
    const ask = (method: string, target: string) => {
      connection.write(toBytes({ method, target, headers }));
      return connection.answer(method);
    };
    const target = `/api/sessions/stream?sessionId=${await app.createSession()}`;
    const head = await ask('HEAD', target);
    expect([head?.status, head?.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(await ask('GET', '/api/health')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
    expect((await ask('HEAD', '/api/sessions/stream?sessionId=nope'))?.status).toBe(404);
    connection.destroy();
  });

  it('answers 404 for an unknown session, as JSON', async () => {
    const { status, headers, body } = await app.get('/api/sessions/stream?sessionId=nobody');
    expect(status).toBe(404);
    expect(headers.get('content-type')).toContain('application/json');
    expect(body.code).toBe('SESSION_NOT_FOUND');
  });

  it('ends when the session is deleted', async () => {
    const { sessionId, stored } = await finishedSession();
    const reader = await app.follow(sessionId);
    await reader.until('replay_end');
    await app.post('/api/sessions/delete', { sessionId });
    expect(storedOf(await reader.ended)).toEqual(stored);
  });

  it('replays a session of more events than fit a page, while it grows', async () => {
    const { sessionId, stored } = await finishedSession();
    for (let i = 0; i < 60; i++) await app.query(sessionId, `turn ${i}`);
    const growing = app.query(sessionId, 'one more');
    const reader = await app.follow(sessionId);
    await growing;
    await reader.until(({ seq }) => seq === stored.length + 61 * 4);
    reader.leave();
    expect(storedOf(reader.events)).toEqual(await app.events(sessionId));
    expectNoGap(reader.events);
  });

  it.each([1, 2, 3])(
    'loses and repeats nothing for 30 clients that join at random moments (round %i)',
    async (round) => {
      const rng = new Rng(SEED + round);
      const sessionId = await app.createSession();
      const joinBefore = Array.from({ length: 30 }, () => rng.below(300));
      const joining: Promise<EventReader>[] = [];
      const follow = async () => {
        const reader = await app.follow(sessionId);
        await reader.until('replay_end');
        return reader;
      };
      app.model.next(async (reply) => {
        for (let token = 0; token < 300; token++) {
          for (const moment of joinBefore) if (moment === token) joining.push(follow());
          // Sometimes the answer waits until they are in, sometimes it runs on while they join.
          if (rng.chance(0.05)) await Promise.all(joining);
          reply.text(`t${token} `);
          await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(joining);
        reply.end();
      });
      const whole = Array.from({ length: 300 }, (_, token) => `t${token} `).join('');
      const { body } = await app.query(sessionId, 'count');
      expect(body.result.content).toBe(whole);
      const stored = await app.events(sessionId);
      const readers = await Promise.all(joining);
      expect(readers).toHaveLength(30);
      for (const reader of readers) {
        await reader.until('agent_run_end');
        reader.leave();
        expect(storedOf(reader.events)).toEqual(stored);
        expect(joinedDeltas(reader.events)).toEqual(new Map([[body.result.messageId, whole]]));
        expect(types(reader.events).filter((type) => type === 'replay_end')).toHaveLength(1);
        const positions = types(reader.events);
        expect(positions.lastIndexOf('assistant_streaming_message')).toBeLessThan(
          positions.indexOf('assistant_message'),
        );
      }
    },
  );

  it('carries the text so far, also when that is larger than the bound of a slow reader', async () => {
    const sessionId = await app.createSession();
    const end = new Gate();
    app.model.next(async (reply) => {
      for (let i = 0; i < 30; i++) reply.text('x'.repeat(100_000));
      await end.opened;
      reply.end();
    });
    const own = await app.stream(sessionId, 'go');
    const deltas = () => own.events.filter(isStreaming).length;
    await own.until(() => deltas() === 30);
    const reader = await app.follow(sessionId);
    await reader.until('replay_end');
    end.open();
    await reader.until('agent_run_end');
    reader.leave();
    const soFar = reader.events.find(isStreaming);
    expect(soFar?.['content']).toHaveLength(3_000_000);
  });

  it('drops a reader that stops reading, and the run goes on', async () => {
    const sessionId = await app.createSession();
    // Not fetch: one whose connection is reset while nobody reads from it may never say so.
    const reader = await new Promise<IncomingMessage>((resolve) =>
      http.get(`${app.url}/api/sessions/stream?sessionId=${sessionId}`, resolve),
    );
    reader.setEncoding('utf8');
    // It has to be among the live: who comes later is sent the answer so far, in one frame however long.
    for (let text = ''; !text.includes('replay_end');) text += String(await once(reader, 'data'));
    reader.pause();
    const part = 'x'.repeat(100_000);
    app.model.next(async (reply) => {
      for (let i = 0; i < 200; i++) {
        reply.text(part);
        await new Promise((resolve) => setImmediate(resolve));
      }
      reply.end();
    });
    const { body } = await app.query(sessionId);
    expect(body.result.content).toHaveLength(20_000_000);
    let received = 0;
    reader.on('data', (text: string) => (received += text.length)).resume();
    await expect(once(reader, 'end')).rejects.toMatchObject({ message: 'aborted' });
    expect(received).toBeLessThan(20_000_000);
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
  });

  it('replays a history that is larger than the bound of a slow reader', async () => {
    const sessionId = await app.createSession();
    for (let i = 0; i < 8; i++) await app.query(sessionId, `${i}`.repeat(400_000));
    const reader = await app.follow(sessionId);
    await reader.until('replay_end');
    reader.leave();
    expect(storedOf(reader.events)).toEqual(await app.events(sessionId));
  });
});

describe('a client that asks for its connection to be closed', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
  });
  afterAll(() => app.stop());

  it('finds it closed when its stream has ended', async () => {
    const body = JSON.stringify({ sessionId: await app.createSession(), query: 'hello' });
    const headers = [
      ['Host', `127.0.0.1:${app.server.port}`],
      ['Content-Type', 'application/json'],
    ] as const;
    const post = (more: RawHeaders) =>
      toBytes({ method: 'POST', target: '/api/sessions/query/stream', headers: [...headers, ...more], body });
    const connection = await RawConnection.open(app.server.port);
    connection.write(post([])); // kept open, as HTTP/1.1 does
    await connection.until('0\r\n\r\n');
    connection.write(post([['Connection', 'close']]));
    const answer = await connection.everything();
    expect(answer.match(/^connection: .*$/gim)).toEqual(['Connection: keep-alive', 'Connection: close']);
    expect(answer.match(/agent_run_end/g)).toHaveLength(2);
  });
});

describe('the streams of a server that stops', () => {
  it('end, and their run is interrupted', async () => {
    const app = await TestServer.start();
    const sessionId = await app.createSession();
    const model = new Gate();
    app.model.next(async (reply) => {
      reply.text('half an');
      await model.opened;
    });
    const follower = await app.follow(sessionId);
    const query = await app.stream(sessionId, 'go');
    await query.until('assistant_streaming_message');
    const idle = await app.follow(await app.createSession());
    await idle.until('replay_end');
    await app.server.stop();
    const streams = await Promise.all([follower.ended, query.ended, idle.ended]);
    for (const events of streams.slice(0, 2)) {
      expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'interrupted' });
      expect(events.at(-2)).toMatchObject({ type: 'assistant_message', content: 'half an' });
    }
    expect(types(streams[2] ?? [])).toEqual(['replay_end']);
    model.open();
    await app.stop();
  });
});
