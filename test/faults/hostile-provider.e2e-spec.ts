import { afterEach, describe, expect, it } from '@jest/globals';
import { AttackSetup } from '../support/attack-setup.js';
import type { AnyEvent } from '../support/client.js';
import type { Reply } from '../support/model-stub.js';

const chunk = (json: string) => `data: ${json}\n\n`;
const delta = (json: string) => chunk(`{"choices":[{"delta":${json}}]}`);
const ended = (usage = '{}', reason = 'stop') =>
  chunk(`{"choices":[{"delta":{},"finish_reason":"${reason}"}],"usage":${usage}}`) + chunk('[DONE]');
const LIST = '{"tool_calls":[{"index":0,"id":"a","function":{"name":"list_directory","arguments":"{}"}}]}';

/** Answers with a stream of exactly these chunks. */
const say = (reply: Reply, ...chunks: string[]) => reply.raw(200, 'text/event-stream', chunks.join(''));

/** What a provider that is hostile or broken may send. */
describe('a hostile provider', () => {
  let attack: AttackSetup;

  afterEach(() => attack.stop());

  it('is measured: an idle server and one plain query keep the event loop free', async () => {
    attack = await AttackSetup.start();
    const id = await attack.server.createSession();
    expect((await attack.server.query(id)).status).toBe(200);
    await attack.requireUnharmed();
  });

  it.each([
    ['1e400', '-1e400'],
    ['-5', '0.25'],
    ['"7"', '[7]'],
    ['9007199254740991', '9007199254740991'],
    ['1e300', 'null'],
  ])('that says odd numbers of tokens does not keep a run from its end: %s, %s', async (first, second) => {
    attack = await AttackSetup.start({ config: { server: { exclusive: true } } });
    const { server, model } = attack;
    const sessionId = await server.createSession();
    for (let i = 0; i < 3; i++) {
      model.next(
        (reply) =>
          say(
            reply,
            delta(LIST),
            ended(`{"prompt_tokens":${first},"completion_tokens":${first}}`, 'tool_calls'),
          ),
        (reply) =>
          say(reply, delta('{"content":"hi"}'), ended(`{"prompt_tokens":${second},"completion_tokens":1}`)),
      );
      expect((await server.query(sessionId)).status).toBe(200);
    }
    const { usage, status } = (await server.get(`/api/sessions/details?sessionId=${sessionId}`)).body.session;
    expect(status).toEqual({ isProcessing: false, state: 'idle' });
    expect(Number.isSafeInteger(usage.inputTokens) && usage.inputTokens >= 0).toBe(true);
    expect(Number.isSafeInteger(usage.outputTokens) && usage.outputTokens >= 0).toBe(true);
    expect((await server.post('/api/sessions/abort', { sessionId })).body).toEqual({ success: false });
    expect((await server.post('/api/sessions/delete', { sessionId })).body).toEqual({ success: true });
    await attack.requireUnharmed();
  });

  it.each([
    ['a text after a number', '{"content":5}', { content: 'x'.repeat(100_000) }],
    ['a thought after a list', '{"reasoning_content":[1]}', { reasoning_content: 'x'.repeat(100_000) }],
    ['calls without arguments', '{}', undefined],
  ])('is ended at model.maxAnswerChars: %s', async (_what, odd, endless) => {
    attack = await AttackSetup.start();
    const { server, model } = attack;
    const sessionId = await server.createSession();
    let calls = 0;
    const next = () =>
      endless ?? { tool_calls: [{ index: ++calls, id: `c${calls}`, function: { name: 'list_directory' } }] };
    let sent = 0;
    model.next(async (reply, { closed }) => {
      let open = true;
      void closed.then(() => (open = false));
      reply.garbage(delta(odd));
      while (open) {
        const text = Array.from({ length: endless ? 1 : 200 }, () => delta(JSON.stringify(next()))).join('');
        sent += text.length;
        reply.garbage(text);
        await new Promise(setImmediate);
      }
    });
    const { status, body } = await server.query(sessionId);
    expect([status, body.code]).toEqual([502, 'MODEL_ERROR']);
    expect(body.error).toContain('grew beyond 4000000 characters');
    expect(sent).toBeLessThan(100_000_000);
    expect((await server.query(sessionId)).status).toBe(200);
    await attack.requireUnharmed();
  });

  it('that names things of the prototype is taken by its word', async () => {
    attack = await AttackSetup.start();
    const { server, model } = attack;
    for (const word of ['__proto__', 'constructor', 'toString']) {
      const sessionId = await server.createSession();
      model.next(
        (reply) => reply.toolCall(word, `{"${word}": {"${word}": 1}}`).end(),
        (reply) => say(reply, delta('{"content":"hi"}'), ended('{}', word)),
      );
      const { status, body } = await server.query(sessionId);
      expect([status, body.result.finishReason]).toEqual([200, 'other']);
      const events = (await server.events(sessionId)) as unknown as AnyEvent[];
      expect(events.find(({ type }) => type === 'tool_result')?.['error']).toContain(
        `no tool named "${word}"`,
      );
      expect((await server.query(sessionId)).status).toBe(200);
    }
    await attack.requireUnharmed();
  });

  it('that answers with headers of the prototype is read like any other', async () => {
    attack = await AttackSetup.start();
    const { server, model } = attack;
    const sessionId = await server.createSession();
    model.next((reply) => reply.fail(400, 'odd', { constructor: 'x', __proto__: 'y', valueOf: 'z' }));
    expect((await server.query(sessionId)).body.error).toContain('answered 400: odd');
    expect((await server.query(sessionId)).status).toBe(200);
    await attack.requireUnharmed();
  });

  it.each([
    ['half characters', JSON.stringify('\ud83d and \ude00 and \ud800')],
    ['what is not printed', JSON.stringify('\u0000 \u0007 \u001b[31m \u007f')],
  ])('that says %s is stored, sent and told again', async (_what, text) => {
    attack = await AttackSetup.start();
    const { server, model } = attack;
    const sessionId = await server.createSession();
    model.next(
      (reply) => say(reply, delta(`{"content":${text}}`), ended()),
      (reply) => reply.fail(400, JSON.parse(text) as string),
    );
    expect((await server.query(sessionId, JSON.parse(text))).status).toBe(200);
    expect((await server.query(sessionId, JSON.parse(text))).status).toBe(502);
    expect((await server.get(`/api/runs?sessionId=${sessionId}`)).body.runs).toHaveLength(2);
    expect((await server.query(sessionId)).status).toBe(200);
    expect(JSON.stringify(model.lastRequest.body).isWellFormed()).toBe(true);
    expect(JSON.stringify(model.lastRequest.body)).not.toMatch(/\\ud[89a-f]/);
    await attack.requireUnharmed();
  });
});
