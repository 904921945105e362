import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UnitOfWork } from '../../src/index.js';
import type { Wire } from '../support/client.js';
import { inside } from '../support/inside.js';
import { TestServer } from '../support/test-server.js';

describe('an Idempotency-Key', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
  });
  afterAll(() => app.stop());

  const create = (key: string, body: object = {}) =>
    app.post<Wire>('/api/sessions/create', body, { 'idempotency-key': key });
  const oneshot = (key: string, body: object) =>
    app.post<Wire>('/api/oneshot/query', body, { 'idempotency-key': key });
  const countSessions = async () => (await app.get('/api/sessions')).body.sessions.length as number;
  const age = (key: string, hours: number) =>
    inside(app, UnitOfWork).write((tx) =>
      tx.execute('UPDATE "session_keys" SET "createdAt" = "createdAt" - ? WHERE "key" = ?', [
        hours * 3_600_000,
        key,
      ]),
    );

  it('creates one session, however often the request comes, also after a restart', async () => {
    const body = { name: 'once', agentOptions: { temperature: 0, maxIterations: 3 } };
    const first = await create('one', body);
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    const sameInAnotherOrder = { agentOptions: { maxIterations: 3, temperature: 0 }, name: 'once' };
    const again = await create('one', sameInAnotherOrder);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    app = await app.restart();
    expect((await create('one', body)).body.sessionId).toBe(first.body.sessionId);
  });

  it('creates one session for requests that come at once', async () => {
    const before = await countSessions();
    const answers = await Promise.all(Array.from({ length: 20 }, () => create('at once')));
    expect(new Set(answers.map(({ body }) => body.sessionId as string)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(await countSessions()).toBe(before + 1);
  });

  it('is refused for another request', async () => {
    const { body: first } = await create('other', { name: 'a' });
    for (const answer of [
      await create('other', { name: 'b' }),
      await oneshot('other', { query: 'hi', sessionName: 'a' }),
    ]) {
      expect([answer.status, answer.body]).toEqual([
        409,
        {
          error: expect.stringContaining('Use a new key.'),
          code: 'IDEMPOTENCY_MISMATCH',
          details: { sessionId: first.sessionId },
        },
      ]);
    }
  });

  it('must be a text of 1 to 200 characters', async () => {
    for (const key of ['', 'x'.repeat(201)]) {
      const { status, body } = await create(key);
      expect([status, body.code, body.error]).toEqual([
        400,
        'INVALID_INPUT',
        expect.stringContaining('Idempotency-Key must be'),
      ]);
    }
    expect((await create('x'.repeat(200))).status).toBe(201);
  });

  it('is forgotten with its session, and after 24 hours', async () => {
    const { body: first } = await create('deleted');
    await app.post('/api/sessions/delete', { sessionId: first.sessionId });
    expect((await create('deleted')).body.sessionId).not.toBe(first.sessionId);
    const { body: fresh } = await create('old');
    await age('old', 23);
    expect((await create('old')).body.sessionId).toBe(fresh.sessionId);
    await age('old', 2);
    const { body: next } = await create('old', { name: 'another' });
    expect(next.sessionId).not.toBe(fresh.sessionId);
    expect((await create('old', { name: 'another' })).body.sessionId).toBe(next.sessionId);
  });

  it('runs one oneshot query, in one session', async () => {
    const before = await countSessions();
    app.model.next((reply) => reply.text('Paid.').end());
    const asked = app.model.requests.length;
    const body = { query: 'pay', sessionName: 'payment' };
    const answers = await Promise.all([oneshot('pay', body), oneshot('pay', body)]);
    const [{ body: first }] = answers as [Wire, Wire];
    for (const answer of answers) expect([answer.status, answer.body]).toEqual([200, first]);
    expect(first.result.content).toBe('Paid.');
    const stream = await app.sse('POST', '/api/oneshot/query/stream', body, { 'idempotency-key': 'pay' });
    expect(stream.headers.get('idempotency-replayed')).toBe('true');
    const [created, ...events] = await stream.ended;
    expect(created).toMatchObject({ type: 'session_created', sessionId: first.sessionId });
    expect(events.map(({ type }) => type)).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_message',
      'agent_run_end',
    ]);
    expect(app.model.requests.length).toBe(asked + 1);
    expect(await countSessions()).toBe(before + 1);
    const other = await oneshot('pay', { ...body, query: 'pay twice' });
    expect([other.status, other.body.code]).toEqual([409, 'IDEMPOTENCY_MISMATCH']);
  });
});
