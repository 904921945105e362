import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { type Agent, type RunContext, defineTool, DomainError } from '../../src/index.js';
import type { AnyEvent } from '../support/client.js';
import { TestServer } from '../support/test-server.js';

/** Comes to an end that no database takes as it is. */
@Injectable()
class OddAgent implements Agent {
  async run({ log, usage }: RunContext): Promise<void> {
    const [message] = (await log.history(['user_message'])).slice(-1);
    log.openMessage().addText('so far');
    switch (message?.type === 'user_message' && message.content) {
      case 'count what is no number':
        Object.assign(usage, { iterations: 0.5, inputTokens: NaN, outputTokens: -Infinity });
        return;
      case 'fail with what is no JSON':
        throw new DomainError('MODEL_ERROR', 'It failed.', { big: 1n });
      case 'fail with half a character':
        throw new DomainError('MODEL_ERROR', 'It \u0000 failed \ud800.');
    }
    await Promise.resolve();
  }
}

describe('a run whose end cannot be stored as it is', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({
      config: { server: { exclusive: true } },
      extensions: { agent: OddAgent },
    });
  });
  afterAll(() => app.stop());

  it.each([
    ['count what is no number', 200, undefined],
    ['fail with what is no JSON', 500, 'INTERNAL'],
    ['fail with half a character', 502, 'MODEL_ERROR'],
  ])('ends all the same, and the next one begins: %s', async (query, status, code) => {
    const sessionId = await app.createSession();
    const [odd, next] = await Promise.all([
      app.query(sessionId, query),
      app.query(sessionId, 'go on', { whenBusy: 'queue' }),
    ]);
    expect([odd.status, odd.body.code]).toEqual([status, code]);
    expect(next.status).toBe(200);
    const events = (await app.events(sessionId)) as unknown as AnyEvent[];
    expect(events.filter(({ type }) => type === 'agent_run_end')).toHaveLength(2);
    expect(events.find(({ type }) => type === 'agent_run_end')?.['usage']).toEqual({
      inputTokens: 0,
      outputTokens: 0,
    });
    expect((await app.status(sessionId)).isProcessing).toBe(false);
    expect((await app.post('/api/sessions/delete', { sessionId })).status).toBe(200);
  });
});

describe("a result of a tool of one's own", () => {
  let app: TestServer;
  const results: Readonly<Record<string, () => unknown>> = {
    text: () => 'x'.repeat(5_000_000),
    parts: () => Array.from({ length: 30 }, () => ({ type: 'text', text: 'y'.repeat(200_000) })),
    json: () => Array.from({ length: 300_000 }, (_, i) => ({ i })),
    deep: () => JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown,
  };

  beforeAll(async () => {
    const odd = defineTool({
      name: 'odd',
      description: 'Answers much.',
      parameters: { properties: { kind: { type: 'string' } } },
      execute: async ({ kind }: Record<string, unknown>) => Promise.resolve(results[String(kind)]?.()),
    });
    app = await TestServer.start({ config: { tools: [odd] } });
  });
  afterAll(() => app.stop());

  it.each(['text', 'parts', 'json'])('is cut at 1 MB, and the model is told so: %s', async (kind) => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.toolCall('odd', { kind }).end());
    await app.query(sessionId);
    const [result] = (await app.events(sessionId, '&types=tool_result')) as unknown as AnyEvent[];
    const bytes = Buffer.byteLength(JSON.stringify(result?.['content']));
    expect(bytes).toBeLessThanOrEqual(1_000_000);
    expect(bytes).toBeGreaterThan(700_000);
    expect(app.model.lastRequest.body.messages.at(-1)?.content).toMatch(/\[… the rest was cut: .*\]$/);
  });

  it('is refused in words when it is nested too deep', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.toolCall('odd', { kind: 'deep' }).end());
    expect((await app.query(sessionId)).status).toBe(200);
    expect(app.model.lastRequest.body.messages.at(-1)?.content).toMatch(/nested more than 200 levels deep/);
  });
});
