import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyEvent, eventsOf, joinedDeltas } from '../support/client.js';
import { requireNoKey, requireNoKeyBelow, SENTINEL_KEY as KEY } from '../support/leaks.js';
import { Gate, ModelStub } from '../support/model-stub.js';
import { ServerProcess } from '../support/process.js';

/** A real process at its most talkative: what it prints counts too. The client's own reading looks for the key. */
describe('the key of a model, whoever says it', () => {
  let model: ModelStub;
  let app: ServerProcess;
  let directory: string;
  let printed = '';

  beforeAll(async () => {
    model = await ModelStub.start();
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-secrets-'));
    await writeFile(join(directory, 'config.txt'), `apiKey: '${KEY}'\n`);
    app = await ServerProcess.start([
      ...['--data-dir', join(directory, 'data'), '--workspace', directory, '--log-level', 'debug'],
      ...['--model.provider', 'openai-compatible', '--model.id', 'scripted'],
      ...['--model.baseURL', model.baseURL, '--model.apiKey', KEY],
    ]);
    printed = app.greeting.join('\n');
    for (const stream of [app.child.stdout, app.child.stderr])
      stream?.on('data', (data) => (printed += String(data)));
  });
  afterAll(async () => {
    await app.kill('SIGTERM');
    await model.stop();
    requireNoKey('what the server printed', printed);
    expect(printed).toContain('agent-tars'); // it was listened to
    await requireNoKeyBelow(join(directory, 'data'));
    await rm(directory, { recursive: true, force: true });
  });

  it('reaches the model, and no further', async () => {
    await app.query(await app.createSession());
    expect(model.lastRequest.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  it.each([1, 3, 100])(
    'is hidden in an answer, a thought and a call that say it in pieces of %i',
    async (size) => {
      const pieces = (text: string) => text.match(new RegExp(`.{1,${size}}`, 'g')) ?? [];
      const sessionId = await app.createSession({ name: `named ${KEY}`, tags: [KEY] });
      model.next(
        (reply) =>
          reply
            .thinking(...pieces(`I know ${KEY} now.`))
            .text(...pieces(`It is ${KEY}, and sk-t`))
            .toolCall('read_file', { path: `${KEY}.txt` })
            .end(),
        (reply) => reply.toolCall('read_file', { path: 'config.txt' }).end(),
        (reply) => reply.text('done').end(),
      );
      const socket = await app.socket();
      const overSocket = eventsOf(socket);
      await socket.emitWithAck('join-session', sessionId);
      const own = await (await app.stream(sessionId, `is ${KEY} mine?`)).ended;
      await overSocket.until('agent_run_end');
      const stored = (await app.events(sessionId)) as unknown as AnyEvent[];
      const message = stored.find(({ type }) => type === 'assistant_message');
      expect(message?.['content']).toMatch(/^It is (s|sk|sk-)?\*\*\*, and sk-t$/);
      for (const events of [own, overSocket.events]) {
        expect(joinedDeltas(events).get(message?.['messageId'] as string)).toBe(message?.['content']);
      }
      expect(stored[0]).toMatchObject({ content: 'is *** mine?' });
      // The model itself is not told what a tool has read: it might say it in other words.
      expect(JSON.stringify(model.lastRequest.body.messages)).toContain("apiKey: '***'");
    },
  );

  it('is hidden in the queue, in errors, in settings and in every page about the server', async () => {
    const sessionId = await app.createSession({ agentOptions: { instructions: `say ${KEY}` } });
    const gate = new Gate();
    model.next(
      async (reply) => {
        await gate.opened;
        reply.fail(400, `the key ${KEY} is wrong`);
      },
      (reply) => reply.fail(401, `bad ${KEY}`),
    );
    const first = app.query(sessionId);
    const queued = app.query(sessionId, `about ${KEY}`, { whenBusy: 'queue' });
    gate.open();
    expect([(await first).status, (await queued).status].every((status) => status >= 400)).toBe(true);
    await app.post('/api/sessions/update', { sessionId, name: KEY, metadata: { note: KEY } });
    for (const path of [
      '/',
      '/api/agent/options',
      '/api/models',
      '/api/sessions',
      `/api/sessions/details?sessionId=${sessionId}`,
      `/api/sessions/status?sessionId=${sessionId}`,
      `/api/runs?sessionId=${sessionId}`,
      `/api/sessions/details?sessionId=${KEY.slice(0, -1)}`,
      '/api/docs/openapi.json',
      '/api/runtime-settings',
    ]) {
      await app.get(path);
    }
    await app.post('/api/sessions/share', { sessionId });
    await app.post('/api/sessions/generate-summary', {
      sessionId,
      messages: [{ role: 'user', content: 'hi' }],
    });
  });
});
