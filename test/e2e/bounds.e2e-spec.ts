import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket as TcpSocket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as tick } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import { defineTool } from '../../src/index.js';
import { type AnyEvent, eventsOf, types } from '../support/client.js';
import { storedOf } from '../support/expect-events.js';
import type { Reply } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

const LIMIT = 20_000;

const big = defineTool({
  name: 'big',
  description: 'Answers much.',
  parameters: { properties: { kind: { type: 'string' } } },
  execute: async ({ kind }: Record<string, unknown>) => {
    if (kind === 'many') return Array.from({ length: 50_000 }, (_, i) => ({ i, name: `item ${i}` }));
    return [{ type: 'text', text: 'ä€😀'.repeat(100_000) }];
  },
});

describe('an event that is larger than a frame may be', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ config: { server: { maxFrameBytes: LIMIT }, tools: [big] } });
  });
  afterAll(() => app.stop());

  it.each([
    ['one long text', { kind: 'long' }],
    ['many short ones', { kind: 'many' }],
    ['long arguments', { kind: 'long', note: 'n'.repeat(300_000) }],
  ])('is stored whole and sent cut, the same live and replayed: %s', async (_what, args) => {
    const sessionId = await app.createSession();
    app.model.next(
      (reply) => reply.toolCall('big', args).end(),
      (reply) => reply.text('done').end(),
    );
    const socket = await app.socket();
    const overSocket = eventsOf(socket);
    await socket.emitWithAck('join-session', sessionId);
    const follower = await app.follow(sessionId);
    const own = await (await app.stream(sessionId, 'go')).ended;
    await Promise.all([overSocket.until('agent_run_end'), follower.until('agent_run_end')]);
    follower.leave();
    const replay = await app.follow(sessionId, 0);
    await replay.until('replay_end');
    replay.leave();

    const live = storedOf(own);
    expect(storedOf(replay.events)).toEqual(live);
    expect(storedOf(follower.events)).toEqual(live);
    expect(storedOf(overSocket.events)).toEqual(live);
    for (const event of live) expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThanOrEqual(LIMIT);
    expect(live.map(({ seq }) => seq)).toEqual(live.map((_, i) => i + 1));

    const whole = (await app.events(sessionId)) as unknown as AnyEvent[];
    const result = live.find(({ type }) => type === 'tool_result');
    const stored = whole.find(({ type }) => type === 'tool_result');
    expect(stored).not.toHaveProperty('truncated');
    expect(result).toMatchObject({
      id: stored?.['id'],
      seq: stored?.['seq'],
      toolCallId: stored?.['toolCallId'],
    });
    const { bytes, whole: path } = result?.['truncated'] as { bytes: number; whole: string };
    expect(bytes).toBe(Buffer.byteLength(JSON.stringify(stored)));
    expect((await app.get(path)).body.events).toEqual([stored]);
  });

  it('reaches the model whole, and is the whole answer of a query that waits for it', async () => {
    const sessionId = await app.createSession();
    const long = 'word '.repeat(20_000);
    app.model.next((reply) => reply.text(long).end());
    const { body } = await app.query(sessionId, `${long}?`);
    expect(body.result.content).toBe(long);
    expect(body.result).not.toHaveProperty('truncated');
    expect(JSON.stringify(app.model.lastRequest.body.messages)).toContain(`${long}?`);
  });

  it('keeps nothing of an image, rather than a broken one', async () => {
    const sessionId = await app.createSession();
    const url = `data:image/png;base64,${'A'.repeat(100_000)}`;
    const reader = await app.stream(sessionId, [
      { type: 'text', text: 'look' },
      { type: 'image_url', image_url: { url } },
    ]);
    const [first] = await reader.ended;
    expect(first).toMatchObject({
      content: [
        { text: 'look' },
        { image_url: { url: expect.stringMatching(/^data:,\[\d+ characters left out]$/) } },
      ],
    });
    const [stored] = await app.events(sessionId);
    expect(stored).toMatchObject({ content: [{ text: 'look' }, { image_url: { url } }] });
  });

  it('leaves events at the limit as they are', async () => {
    const sessionId = await app.createSession();
    const reader = await app.stream(sessionId, 'x'.repeat(LIMIT - 1_000));
    const [first] = await reader.ended;
    expect(first).not.toHaveProperty('truncated');
    expect(first?.['content']).toHaveLength(LIMIT - 1_000);
  });
});

describe.each(['better-sqlite3', 'libsql', 'sqlite3'] as const)(
  'a long event in a database of %s',
  (driver) => {
    it('is read whole, cut for a frame, and shown in a page', async () => {
      const app = await TestServer.start();
      const path = join(app.directory, `${driver}.db`);
      const server = { maxFrameBytes: LIMIT, storage: { type: 'sqlite', path, driver } } as const;
      const stored = await app.restart({ server });
      try {
        const sessionId = await stored.createSession();
        const texts = [20_000, 500_000].map((length) => 'ä"€😀'.repeat(length / 10));
        for (const text of texts) await stored.query(sessionId, text);
        const asked = (await stored.events(sessionId)).filter(({ type }) => type === 'user_message');
        expect(asked.map((event) => texts.includes((event as { content: string }).content))).toEqual([
          true,
          true,
        ]);
        const reader = await stored.follow(sessionId, 0);
        await reader.until('replay_end');
        reader.leave();
        const [, cut] = reader.events.filter(({ type }) => type === 'user_message');
        expect(cut).toMatchObject({ truncated: { bytes: Buffer.byteLength(JSON.stringify(asked[1])) } });
        const { html } = (await stored.post('/api/sessions/share', { sessionId })).body;
        for (const text of texts) expect(html.includes(text.replaceAll('"', '&quot;'))).toBe(true);
      } finally {
        await stored.stop();
      }
    });
  },
);

describe('a socket whose reader stops reading', () => {
  let app: TestServer;

  beforeAll(async () => {
    const model = { maxAnswerChars: 100_000_000 };
    app = await TestServer.start();
    app = await app.restart({ model: { ...app.model.config, ...model } });
  });
  afterAll(() => app.stop());

  /** 40 MB: more than what the kernel's buffers of both ends take. */
  async function much(reply: Reply): Promise<void> {
    const part = 'x'.repeat(500_000);
    for (let i = 0; i < 80; i++) {
      reply.text(part);
      await tick();
    }
    reply.end();
  }

  const tcpOf = (socket: Socket): TcpSocket =>
    (socket.io.engine.transport as unknown as { ws: { _socket: TcpSocket } }).ws._socket;

  it('is dropped, costs the others nothing, and comes back with its cursor', async () => {
    const sessionId = await app.createSession();
    const [slow, quick] = [await app.socket(), await app.socket()];
    const [fromSlow, fromQuick] = [eventsOf(slow), eventsOf(quick)];
    for (const socket of [slow, quick]) await socket.emitWithAck('join-session', sessionId);
    const dropped = new Promise((resolve) => slow.io.engine.once('close', resolve));
    tcpOf(slow).pause();
    app.model.next(much);
    const { status } = await app.query(sessionId, 'go');
    expect(status).toBe(200);
    await fromQuick.until('agent_run_end');
    tcpOf(slow).resume();
    await dropped;
    expect(types(fromSlow.events)).not.toContain('agent_run_end');
    expect(types(fromQuick.events).filter((type) => type === 'assistant_streaming_message')).toHaveLength(81);

    const again = await app.socket();
    const events = eventsOf(again);
    await again.emitWithAck('join-session', { sessionId, after: 2 });
    await events.until('replay_end');
    expect(types(storedOf(events.events))).toEqual(['assistant_message', 'agent_run_end']);
    expect(await app.status(sessionId)).toMatchObject({ state: 'idle' });
  });

  it('is dropped by polling too, when it polls no more', async () => {
    const sessionId = await app.createSession();
    const socket = await app.socket(['polling']);
    await socket.emitWithAck('join-session', sessionId);
    const transport = socket.io.engine.transport as unknown as { doPoll(): void };
    transport.doPoll = () => undefined; // the poll under way is its last
    app.model.next(much);
    await app.query(sessionId, 'go');
    const { sid } = await app
      .get(`/socket.io/?EIO=4&transport=polling&sid=${socket.io.engine.id}`)
      .then(({ status, body }) => ({
        sid: status === 400 ? (body as { message: string }).message : 'still there',
      }));
    expect(sid).toBe('Session ID unknown');
  });

  it('gets a history that is larger than the bound, however slowly it reads', async () => {
    const sessionId = await app.createSession();
    for (let i = 0; i < 12; i++) await app.query(sessionId, `${i % 10}`.repeat(400_000));
    const stored = (await app.events(sessionId)) as unknown as AnyEvent[];
    const socket = await app.socket();
    const events = eventsOf(socket);
    const tcp = tcpOf(socket);
    tcp.on('data', () => {
      tcp.pause();
      setImmediate(() => tcp.resume());
    });
    await socket.emitWithAck('join-session', { sessionId, after: 0 });
    await events.until('replay_end');
    expect(storedOf(events.events)).toEqual(stored);
  });
});

describe('an answer that does not end', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
    app = await app.restart({ model: { ...app.model.config, maxAnswerChars: 10_000 } });
  });
  afterAll(() => app.stop());

  it.each([
    ['a text', (reply: Reply) => reply.text('again and again, ')],
    ['a thought', (reply: Reply) => reply.thinking('hm, ')],
  ])('is ended at model.maxAnswerChars, with what came: %s', async (_what, say) => {
    const sessionId = await app.createSession();
    const asked = app.model.request();
    let open = true;
    app.model.next(async (reply, request) => {
      void request.closed.then(() => (open = false));
      while (open) {
        say(reply);
        await tick();
      }
    });
    const { status, body } = await app.query(sessionId, 'go');
    await (
      await asked
    ).closed;
    expect(status).toBe(502);
    expect(body).toMatchObject({ code: 'MODEL_ERROR', error: expect.stringContaining('10000 characters') });
    const events = (await app.events(sessionId)) as unknown as AnyEvent[];
    expect(types(events).slice(-3)).toEqual(['assistant_message', 'system', 'agent_run_end']);
    const kept = events.find(({ type }) => /^assistant_(thinking_)?message$/.test(type));
    expect((kept?.['content'] as string).length).toBeGreaterThan(9_000);
    expect((await app.query(sessionId)).status).toBe(200);
  });

  it('is ended when a line of it has no end', async () => {
    const sessionId = await app.createSession();
    const asked = app.model.request();
    let open = true;
    app.model.next(async (reply, request) => {
      void request.closed.then(() => (open = false));
      reply.text('so far').garbage('data: {"choices": "');
      while (open) {
        reply.garbage('x'.repeat(100_000));
        await tick();
      }
    });
    const { status, body } = await app.query(sessionId, 'go');
    await (
      await asked
    ).closed;
    expect(status).toBe(502);
    expect(body).toMatchObject({ code: 'MODEL_ERROR', error: expect.stringContaining('no end') });
    expect((await app.events(sessionId)).at(-3)).toMatchObject({ content: 'so far', finishReason: 'error' });
  });
});

describe('a body that is too large', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
  });
  afterAll(() => app.stop());

  /** Sends the head of a request and, piece by piece, a body that never ends; answers what came back. */
  async function send(head: string, piece = ''): Promise<{ answer: string; sent: number }> {
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    let answer = '';
    let sent = 0;
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', () => undefined); // the server hangs up on who goes on sending
    const over = once(socket, 'close');
    socket.write(
      `POST /api/sessions/query HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n${head}\r\n\r\n`,
    );
    const first = new Promise<void>((resolve) => socket.once('data', () => resolve()));
    while (piece !== '' && answer === '' && !socket.destroyed && sent < 200_000_000) {
      sent += piece.length;
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), over, first]);
      await tick();
    }
    await Promise.race([first, over]);
    socket.destroy();
    return { answer, sent };
  }

  it('is refused by its length alone, before any of it has come', async () => {
    const { answer } = await send(`Content-Length: ${33 * 1024 * 1024 + 1}`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('PAYLOAD_TOO_LARGE');
  });

  it('is refused at the limit when it names no length', async () => {
    const chunk = 'x'.repeat(65_536);
    const { answer, sent } = await send('Transfer-Encoding: chunked', `10000\r\n${chunk}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeLessThan(60_000_000);
  });

  it.each([
    [
      'metadata',
      '/api/sessions/update',
      (sessionId: string, list: unknown[]) => ({ sessionId, metadata: { list } }),
    ],
    [
      'settings',
      '/api/runtime-settings',
      (sessionId: string, list: unknown[]) => ({ sessionId, runtimeSettings: { list } }),
    ],
    ['a query', '/api/sessions/query', (sessionId: string, list: unknown[]) => ({ sessionId, query: list })],
  ])('is refused when a list in it is too long: %s', async (_what, path, bodyOf) => {
    const sessionId = await app.createSession();
    const { status, body } = await app.post(
      path,
      bodyOf(
        sessionId,
        Array.from({ length: 10_001 }, () => 0),
      ),
    );
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'INVALID_INPUT', error: expect.stringContaining('10000') });
  });
});
