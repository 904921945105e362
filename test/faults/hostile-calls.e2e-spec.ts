import { afterEach, describe, expect, it } from '@jest/globals';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSqliteDriver } from '../../src/database/sqlite/drivers/index.js';
import { AttackSetup } from '../support/attack-setup.js';
import type { AnyEvent } from '../support/client.js';
import type { ModelMessage, Reply } from '../support/model-stub.js';

const LARGE = 'x'.repeat(262_000);

interface Call {
  readonly id?: string;
  readonly name?: string;
  readonly args?: string;
}

/** Makes calls, all of them in one chunk. */
function call(reply: Reply, calls: readonly Call[]): void {
  const tool_calls = calls.map(({ id, name = 'read_file', args = '{"path":"large.txt"}' }, index) => ({
    index,
    id: id ?? `call_${index}`,
    function: { name, arguments: args },
  }));
  reply.garbage(`data: ${JSON.stringify({ choices: [{ delta: { tool_calls } }] })}\n\n`).end('tool_calls');
}

const times = (count: number, made: (i: number) => Call = () => ({})) =>
  Array.from({ length: count }, (_, i) => made(i));

/** What a model may ask for. */
describe('the tool calls of a hostile model', () => {
  let attack: AttackSetup;

  afterEach(() => attack.stop());

  const start = async () => {
    attack = await AttackSetup.start({ files: { 'large.txt': LARGE } });
    return { ...attack, sessionId: await attack.server.createSession() };
  };
  const events = async (sessionId: string, type: string) =>
    (await attack.server.events(sessionId, `&types=${type}`)) as unknown as AnyEvent[];
  const bytesOnDisk = async () => {
    const files = await readdir(attack.data);
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(attack.data, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  };

  it('are run up to a number and a size, and the model is told of the rest', async () => {
    const { server, model, sessionId } = await start();
    model.next((reply) =>
      call(
        reply,
        times(6_000, (i) => ({ id: `c${i}` })),
      ),
    );
    expect((await server.query(sessionId)).status).toBe(200);

    const results = await events(sessionId, 'tool_result');
    expect(results).toHaveLength(129);
    expect(results.filter(({ error }) => error === undefined).length).toBeGreaterThan(20);
    expect(results.at(-2)?.['error']).toMatch(/results of this step have reached 6000000 bytes/);
    expect(results.at(-1)?.['error']).toMatch(/An answer may hold 128 tool calls/);
    const [message] = await events(sessionId, 'assistant_message');
    expect(message?.['toolCalls']).toHaveLength(129);
    const told = model.lastRequest.body.messages.filter(({ role }) => role === 'tool');
    expect(told.map(({ tool_call_id }) => tool_call_id)).toEqual(results.map(({ toolCallId }) => toolCallId));
    expect(await bytesOnDisk()).toBeLessThan(40_000_000);
    expect((await server.query(sessionId)).status).toBe(200);
    await attack.requireUnharmed();
  });

  it('come to an end in a run that only ever calls', async () => {
    const { server, model, sessionId } = await start();
    model.next(
      ...Array.from(
        { length: 20 },
        () => (reply: Reply) =>
          call(
            reply,
            times(128, () => ({ name: 'list_directory', args: '{}' })),
          ),
      ),
    );
    expect((await server.query(sessionId)).body.result.finishReason).toBe('max-iterations');
    const results = await events(sessionId, 'tool_result');
    expect(results.filter(({ error }) => error === undefined)).toHaveLength(1_000);
    expect(results.at(-1)?.['error']).toMatch(/This run has made 1000 tool calls/);
    const [warning] = await events(sessionId, 'system');
    expect(warning?.['message']).toMatch(/ended after 1000 tool calls, as many as one run may make/);
    expect((await server.query(sessionId)).status).toBe(200);
    await attack.requireUnharmed();
  });

  it('leave a request within its bound, however much they have read', async () => {
    const { server, model, sessionId } = await start();
    const steps = 8;
    model.next(...Array.from({ length: steps }, () => (reply: Reply) => call(reply, times(40))));
    expect((await server.query(sessionId)).status).toBe(200);
    const sizes = model.requests.map(({ body }) => JSON.stringify(body).length);
    expect(Math.max(...sizes)).toBeLessThan(9_000_000);
    const [last] = model.requests.slice(-1);
    expect(JSON.stringify(last?.body)).toContain('was left out');
    expect((await server.query(sessionId)).status).toBe(200);
    await attack.requireUnharmed();
  });

  it('with ids that come twice are kept apart, in an answer and over the session', async () => {
    const { server, model, sessionId } = await start();
    const same = ['note.txt', 'large.txt', 'none.txt'].map((path) => ({
      id: 'same',
      args: JSON.stringify({ path }),
    }));
    for (let run = 0; run < 2; run++) {
      model.next(
        (reply) => call(reply, same),
        (reply) => call(reply, same),
      );
      expect((await server.query(sessionId)).status).toBe(200);
    }
    const ids = (await events(sessionId, 'tool_call')).map(({ toolCallId }) => toolCallId);
    expect(new Set(ids).size).toBe(12);
    expect(ids[0]).toBe('same');
    expect((await events(sessionId, 'tool_result')).map(({ toolCallId }) => toolCallId)).toEqual(ids);
    await server.query(sessionId);
    const { messages } = model.lastRequest.body;
    expect(messages.flatMap(({ tool_calls: calls = [] }) => calls.map(({ id }) => id))).toEqual(ids);
    expect(messages.filter(({ role }) => role === 'tool').map(({ tool_call_id }) => tool_call_id)).toEqual(
      ids,
    );
    expect(resultOf(messages, ids[0])).toContain('sentinel-7391');
    await attack.requireUnharmed();
  });

  it('are matched to what streams of them, whatever their ids were', async () => {
    const { server, model, sessionId } = await start();
    model.next((reply) =>
      call(reply, [{ id: 'same' }, { id: 'same' }, { id: 'x'.repeat(100_000) }, { id: '' }]),
    );
    const streamed = (await (await server.stream(sessionId)).ended)
      .filter(({ type }) => type === 'assistant_streaming_tool_call')
      .map(({ toolCallId }) => toolCallId);
    const ids = (await events(sessionId, 'tool_call')).map(({ toolCallId }) => toolCallId);
    expect([...new Set(streamed)]).toEqual(ids);
    expect(ids.every((id) => String(id).length <= 200)).toBe(true);
    await attack.requireUnharmed();
  });

  it.each([
    ['nested very deep', 'list_directory', `{"path":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['very long', 'read_file', JSON.stringify({ path: 'p'.repeat(3_000_000) })],
    ['no JSON', 'read_file', `{"path": ${'"x" '.repeat(100_000)}`],
    ['of a tool with a very long name', 'n'.repeat(1_000_000), '{}'],
  ])(
    'are answered with words when they are %s, and the session can be gone on with',
    async (_what, name, args) => {
      const { server, model, sessionId } = await start();
      model.next((reply) => call(reply, [{ name, args }]));
      expect((await server.query(sessionId)).status).toBe(200);
      const [result] = await events(sessionId, 'tool_result');
      expect(typeof result?.['error']).toBe('string');
      expect((result?.['error'] as string).length).toBeLessThan(12_000);
      expect((await server.query(sessionId)).status).toBe(200);
      await attack.requireUnharmed();
    },
  );

  it('that an earlier version has let into a session do not keep it from being gone on with', async () => {
    const { server, model, sessionId } = await start();
    await server.query(sessionId);
    await fill(join(attack.data, 'agent-tars.db'), sessionId, 600);
    const { status } = await server.query(sessionId, 'still there?');
    expect(status).toBe(200);
    const { messages } = model.lastRequest.body;
    expect(messages[0]?.content).toContain('longer than a request may be');
    expect(messages.at(-1)?.content).toBe('still there?');
    const told = messages.filter(({ role }) => role === 'tool').map(({ content }) => String(content));
    expect(told).toHaveLength(600);
    expect(told[0]).toContain('left out');
    expect(told.at(-1)).toBe(LARGE);
    expect(JSON.stringify(messages).length).toBeLessThan(9_000_000);
    await attack.requireUnharmed();
  });

  it('that are more than a request may hold end the run with what to do, and not the session', async () => {
    const { server, model, sessionId } = await start();
    const args = JSON.stringify({ path: 'p'.repeat(3_900_000) });
    const { answer } = model;
    model.answer = (reply) => call(reply, [{ args }]);
    const { status, body } = await server.query(sessionId);
    model.answer = answer;
    expect([status, body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(body.error).toMatch(/larger than \d+ bytes.*go on in a new session/);
    expect((await server.query(sessionId, 'and now?')).status).toBe(200);
    expect(model.lastRequest.body.messages.at(-1)?.content).toBe('and now?');
    await attack.requireUnharmed();
  });
});

const resultOf = (messages: readonly ModelMessage[], id: unknown) =>
  messages.find(({ tool_call_id }) => tool_call_id === id)?.content;

/** Adds a run with very many large results to a session. */
async function fill(file: string, sessionId: string, results: number): Promise<void> {
  const { dataSource } = await loadSqliteDriver('better-sqlite3');
  const database = await dataSource({ type: 'better-sqlite3', database: file }).initialize();
  const [row] = await database.query<{ last: number }[]>(
    'SELECT MAX("seq") AS "last" FROM "events" WHERE "sessionId" = ?',
    [sessionId],
  );
  let seq = row?.last ?? 0;
  const add = async (type: string, fields: object) => {
    seq += 1;
    const event = { id: `e${seq}`, type, seq, sessionId, runId: 'r', timestamp: 1, ...fields };
    const values = [sessionId, seq, 'r', type, JSON.stringify(event)];
    await database.query(
      'INSERT INTO "events" ("sessionId", "seq", "runId", "type", "data") VALUES (?, ?, ?, ?, ?)',
      values,
    );
  };
  const toolCalls = Array.from({ length: results }, (_, i) => ({
    id: `r${i}`,
    type: 'function',
    function: { name: 'read_file', arguments: '{}' },
  }));
  await database.query('BEGIN');
  await add('user_message', { content: 'read much' });
  await add('assistant_message', { content: '', toolCalls, finishReason: 'tool-calls', messageId: 'm' });
  for (const { id } of toolCalls) {
    await add('tool_result', { toolCallId: id, name: 'read_file', content: LARGE, elapsedMs: 1 });
  }
  await add('agent_run_end', { iterations: 1, elapsedMs: 1, status: 'error', usage: {} });
  await database.query('COMMIT');
  await database.destroy();
}
