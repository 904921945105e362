import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Reply, type Script } from '../support/model-stub.js';
import { refusesHalfCharacters } from '../support/provider-rules.js';
import { TestServer } from '../support/test-server.js';

const HALF = '\ud83d';

describe('half a surrogate pair', () => {
  let app: TestServer;
  let sessionId: string;

  beforeAll(async () => {
    app = await TestServer.start({
      config: {
        tools: [
          {
            name: 'broken',
            description: 'Gives half characters.',
            parameters: { type: 'object', properties: {} },
            execute: () => Promise.resolve({ text: HALF, [HALF]: 1 }),
          },
          {
            name: 'failing',
            description: 'Fails with half a character.',
            parameters: { type: 'object', properties: {} },
            execute: () => Promise.reject(new Error(`no ${HALF}`)),
          },
        ],
      },
    });
  });
  afterAll(() => app.stop());

  /** Asks twice: the provider refuses what holds half a character, now or in the session's next request. */
  async function requireTaken(script: Script, query = 'hello'): Promise<void> {
    sessionId = await app.createSession();
    const careful =
      (answer: Script): Script =>
      (reply, request) => {
        const refusal = refusesHalfCharacters(request.body);
        return refusal
          ? reply.raw(400, 'application/json', JSON.stringify(refusal[1]))
          : answer(reply, request);
      };
    const fine = (reply: Reply) => reply.text('fine').end();
    app.model.answer = careful(fine);
    app.model.next(careful(script));
    for (const text of [query, 'and now?']) {
      const { status, body } = await app.query(sessionId, text);
      expect([status, body.error]).toEqual([200, undefined]);
    }
  }

  it('of a query is sent to no provider', () =>
    requireTaken((reply) => reply.text('fine').end(), `a ${HALF}`));

  it('of an answer is sent to no provider', () => requireTaken((reply) => reply.text(`a ${HALF}`).end()));

  it.each([
    ['of a text', JSON.stringify({ path: HALF })],
    ['of a name', JSON.stringify({ [HALF]: 1 })],
  ])("%s in a tool's arguments is sent to no provider", (_what, args) =>
    requireTaken((reply) => reply.toolCall('list_directory', args).end()),
  );

  it.each(['broken', 'failing'])("of a tool's result is sent to no provider: %s", (name) =>
    requireTaken((reply) => reply.toolCall(name, {}).end()),
  );

  it('is not made by a search that cuts a line', async () => {
    await writeFile(join(app.workspace, 'notes.md'), `note ${'😀'.repeat(400)}`);
    await requireTaken((reply) => reply.toolCall('search_files', { query: 'note ' }).end());
    const result = (await app.events(sessionId)).find(({ type }) => type === 'tool_result');
    expect(JSON.stringify(result)).toContain('note 😀');
    expect(JSON.stringify(result)).not.toMatch(/\\ud[89a-f]/);
  });

  it('is not made of a file that is read in parts: each ends with a whole character', async () => {
    const text = `a${'😀'.repeat(70_000)}`;
    await writeFile(join(app.workspace, 'long.txt'), text);
    await requireTaken((reply) => reply.toolCall('read_file', { path: 'long.txt' }).end());
    const events = JSON.stringify(await app.events(sessionId));
    expect(events).not.toContain('\ufffd');
    const [, offset] = /read on with offset (\d+)/.exec(events) ?? [];
    expect(Number(offset) % 4).toBe(1);
  });

  it('is not made by the cut of a conversation that gets a title', async () => {
    app.model.answer = (reply, request) =>
      refusesHalfCharacters(request.body) ? reply.fail(400) : reply.whole('A Title');
    const messages = [{ role: 'user', content: `a${'😀'.repeat(9_000)}` }];
    const id = await app.createSession();
    const { status } = await app.post('/api/sessions/generate-summary', { sessionId: id, messages });
    expect(status).toBe(200);
  });
});
