import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttackSetup } from '../support/attack-setup.js';
import { eventsOf } from '../support/client.js';
import { imageMessage, store } from '../support/large-session.js';
import { SlowReader, wire } from '../support/slow-reader.js';

const STALLED_MS = 1_500;
const READERS = 12;

const sha = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

/** Resolves when the server has answered so many requests: each lets all go on that it is at work on. */
async function goOnAnswering({ server }: AttackSetup, times = 30): Promise<void> {
  for (let i = 0; i < times; i++) {
    expect((await server.get('/api/health')).status).toBe(200);
    await sleep(20);
  }
}

describe('readers of a session of 300 MB', () => {
  let attack: AttackSetup;
  let sessionId: string;
  let stored: string[];

  beforeAll(async () => {
    const limits = { stalledReaderMs: STALLED_MS };
    attack = await AttackSetup.start({ config: { server: { limits } } });
    sessionId = await attack.server.createSession();
    stored = await store(
      attack,
      sessionId,
      Array.from({ length: 30 }, () => imageMessage(10_000_000)),
    );
  }, 120_000);
  afterAll(() => attack.stop());

  const readers = (request: string, count = READERS): Promise<SlowReader[]> =>
    Promise.all(Array.from({ length: count }, () => SlowReader.open(attack.server.url, request)));

  it.each<[string, (id: string) => string]>([
    ['the events', (id) => wire('GET', `/api/sessions/events?sessionId=${id}`)],
    ['some of them', (id) => wire('GET', `/api/sessions/events?sessionId=${id}&limit=25&types=user_message`)],
    ['the latest session', () => wire('GET', '/api/sessions/events/latest')],
    ['the stream', (id) => wire('GET', `/api/sessions/stream?sessionId=${id}&after=0`)],
    ['the page', (id) => wire('POST', '/api/sessions/share', { sessionId: id })],
    ['the page for an upload', (id) => wire('POST', '/api/sessions/share', { sessionId: id, upload: true })],
  ])('cost little when they take nothing: %s', async (_what, request) => {
    await attack.forget();
    const all = await readers(request(sessionId));
    await goOnAnswering(attack);
    await attack.requireUnharmed();
    for (const reader of all) reader.leave();
  });

  it('get all of it, in order, however large it is', async () => {
    await attack.forget();
    const response = await fetch(`${attack.server.url}/api/sessions/events?sessionId=${sessionId}`);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const body = Buffer.from(await response.arrayBuffer());
    expect(sha(body)).toBe(sha(`{"events":[${stored.join(',')}],"lastSeq":30,"hasMore":false}`));
    await attack.requireUnharmed();
  });

  it('are sent the stream with what is too large cut, and the loop stays free', async () => {
    await attack.forget();
    const all = await Promise.all(Array.from({ length: READERS }, () => attack.server.follow(sessionId, 0)));
    for (const reader of all) {
      await reader.until('replay_end');
      reader.leave();
      expect(reader.events).toHaveLength(31);
    }
    await attack.requireUnharmed();
  });

  it('join over sockets likewise', async () => {
    await attack.forget();
    const joined = await Promise.all(
      Array.from({ length: READERS }, async () => {
        const socket = await attack.server.socket();
        const events = eventsOf(socket);
        await socket.emitWithAck('join-session', { sessionId, after: 0 });
        await events.until('replay_end');
        socket.close();
        return events.events.filter(({ type }) => type === 'user_message').length;
      }),
    );
    expect(joined).toEqual(joined.map(() => 30));
    await attack.requireUnharmed();
  });

  it('wait for each other: a second large answer comes when the one that stands still is dropped', async () => {
    const request = wire('GET', `/api/sessions/events?sessionId=${sessionId}`);
    const [first] = await readers(request, 1);
    await goOnAnswering(attack, 3);
    const begun = Date.now();
    const response = await fetch(`${attack.server.url}/api/sessions/events?sessionId=${sessionId}&limit=2`);
    expect(sha(Buffer.from(await response.arrayBuffer()))).toBe(
      sha(`{"events":[${stored.slice(0, 2).join(',')}],"lastSeq":30,"hasMore":true}`),
    );
    expect(Date.now() - begun).toBeGreaterThan(STALLED_MS / 2);
    const text = await first?.read();
    expect(text?.slice(0, 13)).toBe('HTTP/1.1 200 ');
    expect(text?.endsWith('0\r\n\r\n')).toBe(false); // it does not look complete
  });

  it('are dropped from a stream when they take nothing, and not while they take something', async () => {
    const id = await attack.server.createSession();
    const content = 'x'.repeat(900_000);
    const many = Array.from({ length: 20 }, () => ({
      type: 'assistant_message',
      content,
      finishReason: 'stop',
    }));
    await store(attack, id, many);
    const request = wire('GET', `/api/sessions/stream?sessionId=${id}&after=0`);
    const [stalled, slow] = await readers(request, 2);
    const taken = slow?.read('"lastSeq":20}\n\n\r\n', STALLED_MS * 2);
    expect((await taken)?.slice(-200)).toContain('replay_end');
    await sleep(2 * STALLED_MS); // a connection that is not read does not tell of its end
    expect((await stalled?.read())?.slice(-200)).not.toContain('replay_end');
    slow?.leave();
  });

  it('are told that the page would be too large, and what to do', async () => {
    const { status, body } = await attack.server.post('/api/sessions/share', { sessionId });
    expect([status, body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(body.error).toMatch(/larger than 64 MB\. Read its events with GET/);
  });

  it('do not keep small answers waiting', async () => {
    const [stands] = await readers(wire('GET', `/api/sessions/events?sessionId=${sessionId}`), 1);
    const small = await attack.server.createSession();
    expect(await attack.server.events(small)).toEqual([]);
    expect((await attack.server.get('/api/sessions?limit=10')).status).toBe(200);
    let isOpen = true;
    void stands?.closed.then(() => (isOpen = false));
    expect(isOpen).toBe(true);
    stands?.leave();
  });

  it('are told to come again when too many wait already', async () => {
    const request = wire('GET', `/api/sessions/events?sessionId=${sessionId}`);
    const all = await readers(request, 17);
    await goOnAnswering(attack, 10);
    const response = await fetch(`${attack.server.url}/api/sessions/events?sessionId=${sessionId}`);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({ code: 'RATE_LIMITED' });
    for (const reader of all) reader.leave();
  });

  it('send a thousand requests at once over one connection, and are answered one by one', async () => {
    await attack.forget();
    const request = wire('GET', `/api/sessions/events?sessionId=${sessionId}&limit=2`);
    const all = await Promise.all(
      Array.from({ length: 4 }, () => SlowReader.open(attack.server.url, request.repeat(1_000))),
    );
    await goOnAnswering(attack);
    await attack.requireUnharmed();
    for (const reader of all) reader.leave();
    const last = wire('GET', '/api/health', undefined, 'Connection: close\r\n');
    const quick = await SlowReader.open(attack.server.url, wire('GET', '/api/health').repeat(999) + last);
    expect((await quick.read()).split('HTTP/1.1 200 ')).toHaveLength(1_001);
  });

  it('are cut off when the session is deleted meanwhile', async () => {
    const id = await attack.server.createSession();
    await store(attack, id, [imageMessage(10_000_000), imageMessage(10_000_000)]);
    const [reader] = await readers(wire('GET', `/api/sessions/events?sessionId=${id}`), 1);
    await goOnAnswering(attack, 5);
    await attack.server.post('/api/sessions/delete', { sessionId: id });
    const text = await reader?.read();
    expect(text?.slice(0, 13)).toBe('HTTP/1.1 200 ');
    expect(text?.endsWith('0\r\n\r\n')).toBe(false);
  });
});

describe('an event of the worst kind', () => {
  let attack: AttackSetup;
  let sessionId: string;
  let text: string;

  beforeAll(async () => {
    attack = await AttackSetup.start();
    sessionId = await attack.server.createSession();
    text = '"\n€😀<'.repeat(2_000_000);
    const many = Object.fromEntries(
      Array.from({ length: 100_000 }, (_, i) => [`key${i}`, { i, text: 'short "<' }]),
    );
    const tool = { toolCallId: 'call', name: 'read_file' };
    await store(attack, sessionId, [
      { type: 'user_message', content: text },
      {
        type: 'tool_call',
        ...tool,
        arguments: { text: text.slice(0, 1_000_000) },
        tool: { name: 'read_file' },
      },
      { type: 'tool_result', ...tool, content: many, elapsedMs: 1 },
      { type: 'assistant_message', content: 'done', finishReason: 'stop' },
    ]);
  }, 60_000);
  afterAll(() => attack.stop());

  it('is replayed cut, and the loop stays free', async () => {
    await attack.forget();
    const reader = await attack.server.follow(sessionId, 0);
    await reader.until('replay_end');
    reader.leave();
    const [message, call, result] = reader.events;
    expect(text.startsWith((message?.['content'] as string).split('\n[… ')[0] ?? '?')).toBe(true);
    expect(message).toMatchObject({ truncated: { bytes: expect.any(Number) } });
    expect(call).toMatchObject({ type: 'tool_call', toolCallId: 'call', name: 'read_file' });
    expect(result).toMatchObject({
      toolCallId: 'call',
      content: expect.stringMatching(/^\{"key0":\{"i":0,/),
    });
    await attack.requireUnharmed();
  });

  it('is in the page of its session, whole, and the loop stays free', async () => {
    await attack.forget();
    const response = await fetch(`${attack.server.url}/api/sessions/share`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sessionId }),
    });
    const { html } = (await response.json()) as { html: string };
    const escaped = text.replaceAll('<', '&lt;').replaceAll('"', '&quot;');
    expect(html.includes(`<div class="text">${escaped}</div>`)).toBe(true);
    const args = JSON.stringify({ text: text.slice(0, 1_000_000) }, null, 2);
    expect(html.includes(`<pre>${args.replaceAll('<', '&lt;').replaceAll('"', '&quot;')}</pre>`)).toBe(true);
    expect(html.includes('key0')).toBe(true);
    expect(html.endsWith('</main>\n</body>\n</html>\n')).toBe(true);
    await attack.requireUnharmed();
  });

  it('is deleted with its session, and the loop stays free', async () => {
    await attack.forget();
    expect((await attack.server.post('/api/sessions/delete', { sessionId })).status).toBe(200);
    await attack.requireUnharmed();
  });
});

describe('a list of many large sessions', () => {
  let attack: AttackSetup;
  const ids: string[] = [];

  beforeAll(async () => {
    attack = await AttackSetup.start();
    for (let i = 0; i < 300; i++) {
      const id = await attack.server.createSession({
        name: `${i}`,
        runtimeSettings: { text: 'x'.repeat(90_000) },
      });
      ids.push(id);
    }
  }, 120_000);
  afterAll(() => attack.stop());

  it('is sent in bounded memory to readers that take nothing', async () => {
    await attack.forget();
    const all = await Promise.all(
      Array.from({ length: READERS }, () => SlowReader.open(attack.server.url, wire('GET', '/api/sessions'))),
    );
    await goOnAnswering(attack);
    await attack.requireUnharmed();
    for (const reader of all) reader.leave();
  });

  it('holds each session once, also when they change while it is sent', async () => {
    const reader = await SlowReader.open(attack.server.url, wire('GET', '/api/sessions'));
    await goOnAnswering(attack, 3);
    for (const sessionId of ids.filter((_, i) => i % 7 === 0)) {
      await attack.server.post('/api/sessions/update', { sessionId, name: 'changed' });
    }
    const text = await reader.read('0\r\n\r\n');
    reader.leave();
    const found = [...text.matchAll(/\{"id":"([^"]+)"/g)].map(([, id]) => id);
    expect(found).toHaveLength(new Set(found).size);
    expect(new Set(found)).toEqual(new Set([...ids, ...found]));
    expect(found.length).toBe(ids.length + 1); // and that of the first query
  });

  it.each([1, 64, 65, 100, 250])('is paged the same way in pages of %i', async (limit) => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const more: string = cursor === undefined ? '' : `&cursor=${cursor}`;
      const { body } = await attack.server.get(`/api/sessions?limit=${limit}${more}`);
      expect(Object.keys(body)[0]).toBe('sessions');
      found.push(...body.sessions.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    } while (cursor !== undefined && found.length < 400);
    expect(found).toHaveLength(ids.length + 1);
    expect(new Set(found).size).toBe(found.length);
  });

  it('takes no settings that would make it larger still', async () => {
    const { status, body } = await attack.server.post('/api/sessions/create', {
      runtimeSettings: { text: 'x'.repeat(100_001) },
    });
    expect([status, body.code]).toEqual([400, 'INVALID_INPUT']);
  });
});
