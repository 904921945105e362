import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { UnitOfWork } from '../../src/database/index.js';
import { types } from '../support/client.js';
import { Gate, lastUserText, ModelStub } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

let app: TestServer;
/** A second model, for sessions that choose. */
let other: ModelStub;

beforeAll(async () => {
  other = await ModelStub.start();
  app = await TestServer.start({
    config: {
      server: {
        models: [{ ...other.config, id: 'other', displayName: 'The Other One' }],
        runtimeSettings: {
          schema: {
            type: 'object',
            properties: { mode: { type: 'string', enum: ['fast', 'careful'] } },
            additionalProperties: false,
          },
        },
      },
    },
  });
});

afterAll(async () => {
  await app.stop();
  await other.stop();
});

const details = async (sessionId: string) => {
  const { body } = await app.get(`/api/sessions/details?sessionId=${sessionId}`);
  return body.session;
};

describe('creating a session', () => {
  it('answers 201 with an idle session that has no events', async () => {
    const { status, body } = await app.post('/api/sessions/create');
    expect(status).toBe(201);
    expect(body).toEqual({
      sessionId: body.session.id,
      session: {
        id: expect.stringMatching(/^[A-Za-z0-9_-]{25}$/),
        createdAt: expect.any(Number),
        updatedAt: body.session.createdAt,
        name: '',
        tags: [],
        workspace: app.workspace,
        metadata: {
          name: '',
          tags: [],
          modelConfig: { provider: 'openai-compatible', id: 'scripted', displayName: 'scripted' },
          agentInfo: { name: 'Agent TARS' },
        },
        usage: { inputTokens: 0, outputTokens: 0 },
        status: { isProcessing: false, state: 'idle' },
      },
      events: [],
    });
    expect(Math.abs(Date.now() - body.session.createdAt)).toBeLessThan(60_000);
  });

  it('needs no body at all', async () => {
    const { status } = await app.send('POST', '/api/sessions/create');
    expect(status).toBe(201);
  });

  it('keeps the name, tags, agent options and runtime settings that it is given', async () => {
    const agentOptions = {
      instructions: 'Be brief.',
      maxIterations: 5,
      temperature: 0.5,
      maxOutputTokens: 99,
    };
    const runtimeSettings = { mode: 'fast' };
    const { body } = await app.post('/api/sessions/create', {
      name: 'Ärger & <b>',
      tags: ['a', 'b'],
      agentOptions,
      runtimeSettings,
      somethingElse: 'is ignored',
    });
    expect(body.session).toMatchObject({ name: 'Ärger & <b>', tags: ['a', 'b'] });
    expect(body.session.metadata).toMatchObject({
      name: 'Ärger & <b>',
      tags: ['a', 'b'],
      agentOptions,
      runtimeSettings,
    });
    expect(JSON.stringify(body)).not.toContain('somethingElse');
    expect(await details(body.sessionId)).toEqual(body.session);
  });

  it('takes null for what is not given', async () => {
    const nothing = { name: null, tags: null, agentOptions: null, runtimeSettings: null };
    const { status, body } = await app.post('/api/sessions/create', nothing);
    expect(status).toBe(201);
    expect(body.session).toMatchObject({ name: '', tags: [] });
    expect(body.session.metadata).not.toHaveProperty('agentOptions');
  });

  it('gives every session an id of its own', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => app.createSession()));
    expect(new Set(ids).size).toBe(20);
  });

  it('refuses agent options that the server does not offer to clients, by leaving them out', async () => {
    const { body } = await app.post('/api/sessions/create', {
      agentOptions: { temperature: 1, apiKey: 'sk-own', baseURL: 'http://127.0.0.1:1', tools: ['x'] },
    });
    expect(body.session.metadata.agentOptions).toEqual({ temperature: 1 });
  });
});

describe('the list of sessions', () => {
  let listing: TestServer;
  const names: string[] = [];

  beforeAll(async () => {
    listing = await TestServer.start();
    for (let i = 0; i < 7; i++) {
      await listing.createSession({ name: `session ${i}`, tags: i % 2 ? ['odd'] : ['even', 'x","odd'] });
      names.unshift(`session ${i}`);
      await nextMillisecond();
    }
  });
  afterAll(() => listing.stop());

  const list = async (query = '') => (await listing.get(`/api/sessions${query}`)).body;
  const namesOf = (sessions: { name: string }[]) => sessions.map(({ name }) => name);

  it('is empty on a new server', async () => {
    const empty = await TestServer.start();
    try {
      const { status, body } = await empty.get('/api/sessions');
      expect(status).toBe(200);
      expect(body).toEqual({ sessions: [] });
    } finally {
      await empty.stop();
    }
  });

  it('holds every session, the one updated last first', async () => {
    const body = await list();
    expect(namesOf(body.sessions)).toEqual(names);
    expect(Object.keys(body)).toEqual(['sessions']);
  });

  it('shows each session as its details do', async () => {
    const { sessions } = await list('?limit=1');
    const { body } = await listing.get(`/api/sessions/details?sessionId=${sessions[0].id}`);
    expect(sessions[0]).toEqual(body.session);
  });

  it('is paged by a limit and a cursor, without a gap or a repeat', async () => {
    const pages: string[][] = [];
    let cursor = '';
    do {
      const { sessions, nextCursor } = await list(`?limit=3${cursor && `&cursor=${cursor}`}`);
      pages.push(namesOf(sessions));
      cursor = nextCursor;
    } while (cursor);
    expect(pages).toEqual([names.slice(0, 3), names.slice(3, 6), names.slice(6)]);
  });

  it('gives no cursor with the last page, however exactly it is filled', async () => {
    const body = await list('?limit=7');
    expect(body.sessions).toHaveLength(7);
    expect(body).not.toHaveProperty('nextCursor');
  });

  it('is narrowed to a tag, which must fit as a whole', async () => {
    expect(namesOf((await list('?tag=odd')).sessions)).toEqual(['session 5', 'session 3', 'session 1']);
    expect(namesOf((await list(`?tag=${encodeURIComponent('x","odd')}`)).sessions)).toHaveLength(4);
    for (const tag of ['od', 'ODD', 'o%25', '_dd', '"odd"', '', "'"]) {
      expect(await list(`?tag=${encodeURIComponent(tag)}`)).toEqual({ sessions: [] });
    }
  });

  it('is paged within a tag too', async () => {
    const first = await list('?tag=odd&limit=2');
    expect(namesOf(first.sessions)).toEqual(['session 5', 'session 3']);
    const second = await list(`?tag=odd&limit=2&cursor=${first.nextCursor}`);
    expect(namesOf(second.sessions)).toEqual(['session 1']);
    expect(second).not.toHaveProperty('nextCursor');
  });

  it('has a session first that was changed or has worked', async () => {
    const { sessions } = await list();
    const [changed, worked] = [sessions[3].id, sessions[5].id];
    await listing.post('/api/sessions/update', { sessionId: changed, tags: ['new'] });
    expect((await list()).sessions[0].id).toBe(changed);
    await nextMillisecond();
    await listing.query(worked);
    expect((await list()).sessions[0].id).toBe(worked);
  });
});

describe('the details of a session', () => {
  it('hold what it has used', async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId);
    await app.query(sessionId);
    expect((await details(sessionId)).usage).toEqual({ inputTokens: 14, outputTokens: 6 });
  });

  it('hold its status while it works', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text('wait');
      await gate.opened;
      reply.end();
    });
    const reader = await app.stream(sessionId);
    await reader.until('assistant_streaming_message');
    expect((await details(sessionId)).status).toEqual({ isProcessing: true, state: 'executing' });
    gate.open();
    await reader.ended;
    expect((await details(sessionId)).status).toEqual({ isProcessing: false, state: 'idle' });
  });
});

describe('the status of a session', () => {
  it('is exactly this when it is idle', async () => {
    const sessionId = await app.createSession();
    const { status, body } = await app.get(`/api/sessions/status?sessionId=${sessionId}`);
    expect(status).toBe(200);
    expect(body).toEqual({ sessionId, status: { isProcessing: false, state: 'idle' } });
  });

  it('names the run and what it waits for while it works', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text('wait');
      await gate.opened;
      reply.end();
    });
    const reader = await app.stream(sessionId);
    const { runId } = await reader.until('assistant_streaming_message');
    expect(await app.status(sessionId)).toEqual({
      isProcessing: true,
      state: 'executing',
      runId,
      waitingOn: 'model',
      since: expect.any(Number),
      lastProgress: expect.any(Number),
      queue: [],
      queued: 0,
    });
    gate.open();
    await reader.ended;
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
  });

  it('is error after a model that failed, and idle after the next query', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.fail(400, 'no'));
    expect((await app.query(sessionId)).status).toBe(502);
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'error' });
    expect((await app.query(sessionId)).status).toBe(200);
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
  });
});

describe('the events of a session', () => {
  let sessionId: string;
  let runs: number;

  beforeAll(async () => {
    sessionId = await app.createSession();
    for (const question of ['one', 'two']) await app.query(sessionId, question);
    runs = 2;
  });

  const page = async (more = '') =>
    (await app.get(`/api/sessions/events?sessionId=${sessionId}${more}`)).body;
  const seqs = (events: { seq: number }[]) => events.map(({ seq }) => seq);

  it('are all there, in seq order', async () => {
    const body = await page();
    expect(Object.keys(body)).toEqual(['events', 'lastSeq', 'hasMore']);
    expect(seqs(body.events)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(body).toMatchObject({ lastSeq: 8, hasMore: false });
    const run = ['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end'];
    expect(types(body.events)).toEqual(Array.from({ length: runs }, () => run).flat());
    expect(new Set(body.events.map((event: { sessionId: string }) => event.sessionId))).toEqual(
      new Set([sessionId]),
    );
  });

  it('are none in a new session', async () => {
    const empty = await app.createSession();
    const { body } = await app.get(`/api/sessions/events?sessionId=${empty}`);
    expect(body).toEqual({ events: [], lastSeq: 0, hasMore: false });
  });

  it('can be asked for after a seq', async () => {
    expect(seqs((await page('&after=5')).events)).toEqual([6, 7, 8]);
    expect(await page('&after=8')).toEqual({ events: [], lastSeq: 8, hasMore: false });
    expect((await page('&after=999')).events).toEqual([]);
  });

  it('are paged by a limit, and say whether there are more', async () => {
    expect(await page('&limit=3')).toMatchObject({
      events: [{ seq: 1 }, { seq: 2 }, { seq: 3 }],
      hasMore: true,
    });
    expect(await page('&after=6&limit=2')).toMatchObject({
      events: [{ seq: 7 }, { seq: 8 }],
      hasMore: false,
    });
    expect(await page('&limit=8')).toMatchObject({ lastSeq: 8, hasMore: false });
  });

  it('are narrowed to types', async () => {
    expect(seqs((await page('&types=user_message')).events)).toEqual([1, 5]);
    const two = await page('&types=user_message,agent_run_end&limit=3');
    expect(seqs(two.events)).toEqual([1, 4, 5]);
    expect(two).toMatchObject({ lastSeq: 8, hasMore: true });
    expect((await page('&types=no_such_type')).events).toEqual([]);
    expect((await page('&types=')).events).toHaveLength(8);
  });
});

describe('the latest events', () => {
  it('are those of the session that was updated last', async () => {
    const [first] = [await app.createSession({ name: 'first' }), await app.createSession({ name: 'second' })];
    await nextMillisecond();
    await app.query(first, 'hello');
    const { status, body } = await app.get('/api/sessions/events/latest');
    expect(status).toBe(200);
    expect(body).toEqual({
      sessionId: first,
      sessionInfo: await details(first),
      events: await app.events(first),
    });
    expect(body.events).toHaveLength(4);
  });

  it('are a 404 when there is no session', async () => {
    const empty = await TestServer.start();
    try {
      const { status, body } = await empty.get('/api/sessions/events/latest');
      expect(status).toBe(404);
      expect(body).toEqual({ code: 'SESSION_NOT_FOUND', error: expect.stringContaining('Create one') });
    } finally {
      await empty.stop();
    }
  });
});

describe('updating a session', () => {
  const update = async (sessionId: string, changes: object) =>
    (await app.post('/api/sessions/update', { sessionId, ...changes })).body.session;

  it('changes the name and the tags, in both places where they stand', async () => {
    const sessionId = await app.createSession({ name: 'old', tags: ['old'] });
    const session = await update(sessionId, { name: 'New Session Name', tags: ['tag1', 'tag2'] });
    expect(session).toMatchObject({ name: 'New Session Name', tags: ['tag1', 'tag2'] });
    expect(session.metadata).toMatchObject({ name: 'New Session Name', tags: ['tag1', 'tag2'] });
    expect(await details(sessionId)).toEqual(session);
  });

  it('leaves alone what it does not name', async () => {
    const sessionId = await app.createSession({ name: 'kept', tags: ['kept'] });
    expect(await update(sessionId, { tags: [] })).toMatchObject({ name: 'kept', tags: [] });
    expect(await update(sessionId, { name: '' })).toMatchObject({ name: '', tags: [] });
  });

  it('merges metadata key by key, and removes what is null', async () => {
    const sessionId = await app.createSession();
    await update(sessionId, { metadata: { colour: 'red', size: { w: 1, h: 2 }, gone: 1 } });
    await update(sessionId, { metadata: { size: { w: 3 }, gone: null, list: [1, null] } });
    const { metadata } = await details(sessionId);
    expect(metadata).toMatchObject({ colour: 'red', list: [1, null] });
    expect(metadata.size).toEqual({ w: 3 });
    expect(metadata).not.toHaveProperty('gone');
  });

  it('takes the name and the tags from metadata as well; the flat ones win', async () => {
    const sessionId = await app.createSession();
    const both = await update(sessionId, { metadata: { name: 'inner', tags: ['inner'] } });
    expect(both).toMatchObject({
      name: 'inner',
      tags: ['inner'],
      metadata: { name: 'inner', tags: ['inner'] },
    });
    const flat = await update(sessionId, { name: 'flat', metadata: { name: 'inner', tags: ['again'] } });
    expect(flat).toMatchObject({
      name: 'flat',
      tags: ['again'],
      metadata: { name: 'flat', tags: ['again'] },
    });
  });

  it.each([
    ['modelConfig', { provider: 'openai', id: 'gpt-x', displayName: 'X' }],
    ['agentInfo', { name: 'Somebody else' }],
    ['agentOptions', { temperature: 2 }],
    ['runtimeSettings', { mode: 'wrong' }],
  ])('does not let metadata change %s', async (key, value) => {
    const sessionId = await app.createSession({
      agentOptions: { temperature: 1 },
      runtimeSettings: { mode: 'fast' },
    });
    const before = await details(sessionId);
    const after = await update(sessionId, { metadata: { [key]: value } });
    expect(after.metadata).toEqual(before.metadata);
    expect((await update(sessionId, { metadata: { [key]: null } })).metadata).toEqual(before.metadata);
  });

  it('survives a restart', async () => {
    const sessionId = await app.createSession();
    const session = await update(sessionId, { name: 'n', tags: ['t'], metadata: { deep: { er: [1] } } });
    app = await app.restart();
    expect(await details(sessionId)).toEqual(session);
  });

  it('refuses metadata that grows without end', async () => {
    const sessionId = await app.createSession();
    const big = 'x'.repeat(60_000);
    expect((await app.post('/api/sessions/update', { sessionId, metadata: { a: big } })).status).toBe(200);
    const { status, body } = await app.post('/api/sessions/update', { sessionId, metadata: { b: big } });
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'INVALID_INPUT', error: expect.stringContaining('100000') });
  });
});

describe('deleting a session', () => {
  const remove = (sessionId: string) => app.post('/api/sessions/delete', { sessionId });

  it('takes its events and runs with it', async () => {
    const sessionId = await app.createSession();
    const kept = await app.createSession();
    const { body: answer } = await app.query(sessionId);
    await app.query(kept);
    const { status, body } = await remove(sessionId);
    expect(status).toBe(200);
    expect(body).toEqual({ success: true });
    for (const path of ['details', 'status', 'events', 'stream']) {
      const { status, body } = await app.get(`/api/sessions/${path}?sessionId=${sessionId}`);
      expect([path, status, body.code]).toEqual([path, 404, 'SESSION_NOT_FOUND']);
    }
    expect((await app.get(`/api/runs?sessionId=${sessionId}`)).body.code).toBe('SESSION_NOT_FOUND');
    expect((await app.get(`/api/runs/${answer.runId}`)).body.code).toBe('RUN_NOT_FOUND');
    const { sessions } = (await app.get('/api/sessions')).body;
    expect(sessions.map(({ id }: { id: string }) => id)).not.toContain(sessionId);
    expect(await app.events(kept)).toHaveLength(4);
  });

  it('leaves nothing of it in the database', async () => {
    const own = await TestServer.start({ extensions: { imports: [Rows] } });
    try {
      const sessionId = await own.createSession();
      await own.query(sessionId);
      expect(await Rows.count()).toEqual([1, 1, 4]);
      await own.post('/api/sessions/delete', { sessionId });
      expect(await Rows.count()).toEqual([0, 0, 0]);
    } finally {
      await own.stop();
    }
  });

  it('is a 404 the second time', async () => {
    const sessionId = await app.createSession();
    await remove(sessionId);
    const { status, body } = await remove(sessionId);
    expect(status).toBe(404);
    expect(body.code).toBe('SESSION_NOT_FOUND');
  });

  it('succeeds once when it is asked for many times at once', async () => {
    const sessionId = await app.createSession();
    const answers = await Promise.all(Array.from({ length: 5 }, () => remove(sessionId)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404]);
  });

  it('ends the run under way first, and every stream of the session', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => void reply.text('this never ends'));
    const asked = app.model.request();
    const follower = await app.follow(sessionId);
    const reader = await app.stream(sessionId, 'go');
    await reader.until('assistant_streaming_message');
    expect((await remove(sessionId)).body).toEqual({ success: true });
    await (
      await asked
    ).closed; // the model's connection is cut
    expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
    expect((await follower.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
    expect((await app.get(`/api/sessions/details?sessionId=${sessionId}`)).status).toBe(404);
  });

  it('answers the queries that were waiting for it', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => void reply.text('this never ends'));
    const asked = app.model.request();
    const first = app.query(sessionId, 'one');
    await asked;
    const waiting = await app.stream(sessionId, 'two', { whenBusy: 'queue' });
    await waiting.until('queued');
    const second = app.query(sessionId, 'three', { whenBusy: 'queue' });
    await until(async () => (await app.status(sessionId))['queued'] === 2);
    const asks = app.model.requests.length;
    expect((await remove(sessionId)).status).toBe(200);
    expect(await first).toMatchObject({ status: 200, body: { result: { finishReason: 'abort' } } });
    expect((await second).body).toMatchObject({ code: expect.any(String), error: expect.any(String) });
    await waiting.ended;
    expect(app.model.requests).toHaveLength(asks); // none of the queue was started
  });
});

describe('a title', () => {
  const messages = [
    { role: 'user', content: 'How do I bake sourdough bread at home without a scale?' },
    { role: 'assistant', content: [{ type: 'text', text: 'Use cups and patience.' }] },
  ];
  const titleOf = (sessionId: string, more: object = {}) =>
    app.post('/api/sessions/generate-summary', { sessionId, messages, ...more });

  it('is what the model makes of the conversation, asked without a stream', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.whole('Baking Bread Without a Scale'));
    const { status, body } = await titleOf(sessionId);
    expect(status).toBe(200);
    expect(body).toEqual({ summary: 'Baking Bread Without a Scale' });
    const request = app.model.lastRequest;
    expect(request.body.stream ?? false).toBe(false);
    expect(lastUserText(request)).toContain('How do I bake sourdough');
    expect(lastUserText(request)).toContain('Use cups and patience.');
  });

  it('has at most six words, and no quotes or full stop, whatever the model says', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.whole('"One two\nthree  four five six. seven eight"'));
    expect((await titleOf(sessionId)).body).toEqual({ summary: 'One two three four five six' });
    app.model.next((reply) => reply.whole(''));
    expect((await titleOf(sessionId)).body).toEqual({ summary: 'New conversation' });
  });

  it('stores nothing and leaves the session idle', async () => {
    const sessionId = await app.createSession();
    await titleOf(sessionId);
    expect(await app.events(sessionId)).toEqual([]);
    expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
  });

  it.each([
    ['fails', 500, 'MODEL_ERROR'],
    ['refuses the key', 401, 'MODEL_AUTH'],
    ['limits the rate', 429, 'MODEL_RATE_LIMITED'],
  ])('is a 502 when the model %s', async (_what, providerStatus, code) => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.fail(providerStatus, 'key sk-test-sentinel is bad'));
    const { status, body } = await titleOf(sessionId);
    expect(status).toBe(502);
    expect(body).toMatchObject({ code, error: expect.any(String) });
    expect(JSON.stringify(body)).not.toContain('sk-test-sentinel');
  });

  it('is a 502 when the model answers nonsense', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.raw(200, 'text/html', '<html>'));
    expect(await titleOf(sessionId)).toMatchObject({ status: 502, body: { code: 'MODEL_ERROR' } });
  });

  it('comes from the model that is named, by id, provider or both', async () => {
    const sessionId = await app.createSession();
    const named = [{ model: 'other' }, { model: 'other', provider: 'openai-compatible' }];
    for (const choice of named) {
      const asked = other.requests.length;
      expect((await titleOf(sessionId, choice)).status).toBe(200);
      expect(other.requests).toHaveLength(asked + 1);
    }
    for (const choice of [
      { model: 'nope' },
      { model: 'other', provider: 'openai' },
      { provider: 'openai' },
    ]) {
      const { status, body } = await titleOf(sessionId, choice);
      expect([status, body.code]).toEqual([400, 'UNKNOWN_MODEL']);
    }
  });

  it("comes from the session's own model otherwise", async () => {
    const sessionId = await app.createSession();
    const model = { provider: 'openai-compatible', id: 'other' };
    await app.post('/api/sessions/model', { sessionId, model });
    const asked = other.requests.length;
    await titleOf(sessionId);
    expect(other.requests).toHaveLength(asked + 1);
  });

  it('is what the user said first, when there is only the built-in demo', async () => {
    const demo = await TestServer.start({ withoutModel: true });
    try {
      const sessionId = await demo.createSession();
      const { status, body } = await demo.post('/api/sessions/generate-summary', { sessionId, messages });
      expect(status).toBe(200);
      expect(body).toEqual({ summary: 'How do I bake sourdough bread' });
    } finally {
      await demo.stop();
    }
  });
});

describe("a session's model", () => {
  const choose = (sessionId: string, provider: string, id: string) =>
    app.post('/api/sessions/model', { sessionId, model: { provider, id } });

  it("is chosen from the server's list, and used by the next run", async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId, 'to the first');
    const { status, body } = await choose(sessionId, 'openai-compatible', 'other');
    expect(status).toBe(200);
    expect(body).toEqual({ success: true, sessionInfo: await details(sessionId) });
    expect(body.sessionInfo.metadata.modelConfig).toEqual({
      provider: 'openai-compatible',
      id: 'other',
      displayName: 'The Other One',
    });
    other.next((reply) => reply.text('I am the other').end());
    expect((await app.query(sessionId, 'to the second')).body.result.content).toBe('I am the other');
    expect(other.lastRequest.body.model).toBe('other');
    expect(JSON.stringify(other.lastRequest.body.messages)).toContain('to the first');
    const [start] = (await app.events(sessionId, '&types=agent_run_start')).slice(-1);
    expect(start).toMatchObject({
      provider: 'openai-compatible',
      model: 'other',
      modelDisplayName: 'The Other One',
    });
  });

  it('is its own: other sessions keep theirs', async () => {
    const [chosen, standard] = [await app.createSession(), await app.createSession()];
    await choose(chosen, 'openai-compatible', 'other');
    await app.query(standard, 'from the standard one');
    expect(app.model.lastRequest.body.model).toBe('scripted');
    expect(lastUserText(app.model.lastRequest)).toBe('from the standard one');
  });

  it('survives a restart', async () => {
    const sessionId = await app.createSession();
    await choose(sessionId, 'openai-compatible', 'other');
    app = await app.restart();
    expect((await details(sessionId)).metadata.modelConfig.id).toBe('other');
    await app.query(sessionId, 'after the restart');
    expect(lastUserText(other.lastRequest)).toBe('after the restart');
  });

  it.each([
    ['openai-compatible', 'nope'],
    ['openai', 'other'],
    ['__proto__', 'constructor'],
  ])('cannot be %s/%s, which the server does not have', async (provider, id) => {
    const sessionId = await app.createSession();
    const { status, body } = await choose(sessionId, provider, id);
    expect(status).toBe(400);
    expect(body.code).toBe('UNKNOWN_MODEL');
    expect(body.error).toContain('openai-compatible/scripted, openai-compatible/other');
    expect((await details(sessionId)).metadata.modelConfig.id).toBe('scripted');
  });

  it('that is no longer configured is refused clearly, and can be changed', async () => {
    const shrinking = await TestServer.start({
      config: { server: { models: [{ ...other.config, id: 'other' }] } },
    });
    const sessionId = await shrinking.createSession();
    await shrinking.post('/api/sessions/model', {
      sessionId,
      model: { provider: 'openai-compatible', id: 'other' },
    });
    const smaller = await shrinking.restart({ server: { models: [] } });
    try {
      const refused = await smaller.query(sessionId);
      expect([refused.status, refused.body.code]).toEqual([400, 'UNKNOWN_MODEL']);
      const model = { provider: 'openai-compatible', id: 'scripted' };
      expect((await smaller.post('/api/sessions/model', { sessionId, model })).status).toBe(200);
      expect((await smaller.query(sessionId)).status).toBe(200);
    } finally {
      await smaller.stop();
    }
  });
});

describe("a session's agent options", () => {
  const agentOptions = {
    instructions: 'Answer like sentinel-5521.',
    temperature: 0.25,
    maxOutputTokens: 321,
  };

  it('reach the model, and survive a restart', async () => {
    const sessionId = await app.createSession({ agentOptions });
    const check = () => {
      const { body } = app.model.lastRequest;
      expect(body).toMatchObject({ temperature: 0.25, max_tokens: 321 });
      expect(body.messages[0]).toMatchObject({
        role: 'system',
        content: expect.stringContaining('sentinel-5521'),
      });
    };
    await app.query(sessionId);
    check();
    app = await app.restart();
    await app.query(sessionId);
    check();
    const start = (await app.events(sessionId)).find(({ type }) => type === 'agent_run_start');
    expect(start).toMatchObject({ runOptions: agentOptions });
  });

  it('reach the model of no other session', async () => {
    await app.createSession({ agentOptions });
    await app.query(await app.createSession());
    const { body } = app.model.lastRequest;
    expect(JSON.stringify(body)).not.toContain('sentinel-5521');
    expect(body).not.toHaveProperty('temperature');
  });

  it('that are null reach the model no more than those that are not there', async () => {
    const nothing = { instructions: null, temperature: null, maxOutputTokens: null, maxIterations: null };
    const sessionId = await app.createSession({ agentOptions: nothing });
    expect((await app.query(sessionId)).status).toBe(200);
    expect(app.model.lastRequest.body).not.toHaveProperty('temperature');
    expect(app.model.lastRequest.body).not.toHaveProperty('max_tokens');
    expect((await details(sessionId)).metadata.agentOptions).toEqual({});
  });

  it('limit the steps of a run', async () => {
    const sessionId = await app.createSession({ agentOptions: { maxIterations: 1 } });
    app.model.next((reply) => reply.toolCall('list_directory', {}).end());
    const { body } = await app.query(sessionId);
    expect(body.result).toMatchObject({ finishReason: 'max-iterations' });
  });
});

describe('the same routes below /api/v1', () => {
  it.each(['details', 'status', 'events'])('answer %s with the same body', async (path) => {
    const sessionId = await app.createSession({ name: 'both' });
    await app.query(sessionId);
    const query = `sessions/${path}?sessionId=${sessionId}`;
    const [plain, versioned] = [await app.get(`/api/${query}`), await app.get(`/api/v1/${query}`)];
    expect(versioned.status).toBe(200);
    expect(versioned.body).toEqual(plain.body);
  });

  it('create, list, change, title, choose and delete', async () => {
    const { status, body } = await app.post('/api/v1/sessions/create', { name: 'v1', tags: ['only-v1'] });
    expect(status).toBe(201);
    const { sessionId } = body;
    expect((await app.get('/api/v1/sessions?tag=only-v1')).body.sessions).toMatchObject([{ id: sessionId }]);
    expect((await app.post('/api/v1/sessions/update', { sessionId, name: 'new' })).body.session.name).toBe(
      'new',
    );
    const messages = [{ role: 'user', content: 'hi' }];
    const title = await app.post('/api/v1/sessions/generate-summary', { sessionId, messages });
    expect(title.body).toEqual({ summary: 'A Short Title' });
    const model = { provider: 'openai-compatible', id: 'scripted' };
    expect((await app.post('/api/v1/sessions/model', { sessionId, model })).body.success).toBe(true);
    expect((await app.get('/api/v1/sessions/events/latest')).body.sessionId).toBe(sessionId);
    expect((await app.post('/api/v1/sessions/delete', { sessionId })).body).toEqual({ success: true });
    expect((await app.get(`/api/v1/sessions/details?sessionId=${sessionId}`)).status).toBe(404);
  });
});

/** Looks into the database of the server that imports it. */
@Module({})
class Rows {
  private static work: UnitOfWork;

  constructor(work: UnitOfWork) {
    Rows.work = work;
  }

  static count(): Promise<number[]> {
    return Rows.work.write(async (tx) => {
      const counts: number[] = [];
      for (const table of ['sessions', 'runs', 'events']) {
        const [row] = await tx.query<{ n: number }>(`SELECT COUNT(*) AS "n" FROM "${table}"`);
        counts.push(Number(row?.n));
      }
      return counts;
    });
  }
}

/** Until the clock shows another millisecond: sessions that are written in the same one are in no order. */
async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  await until(() => Date.now() > now);
}

/** Asks again until it is so; the test's time limit ends it otherwise. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}
