import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { referencesIn } from '../../src/workspace/references.js';
import { type AnyEvent, eventsOf, types } from '../support/client.js';
import { expectNoGap, expectValidConversation } from '../support/expect-events.js';
import { Gate, lastUserText, type ModelRequest } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

const MB = 1024 * 1024;

describe('the references of a text', () => {
  const found = (text: string) =>
    referencesIn([text]).map(({ kind, paths }) => `${kind} ${paths.join(' | ')}`);

  it.each([
    ['look at @file:src/a.ts please', ['file src/a.ts']],
    ['@dir:src', ['dir src']],
    ['@file:a.txt\n@file:b.txt\t@dir:c', ['file a.txt', 'file b.txt', 'dir c']],
    ['@file:"my notes.txt" and @dir:"a b/c"', ['file my notes.txt', 'dir a b/c']],
    ['see @file:a.txt.', ['file a.txt. | a.txt']],
    ['(@file:a.txt), then?', ['file a.txt), | a.txt) | a.txt']],
    ['看@file:a.txt。', ['file a.txt。 | a.txt']],
    ['@file:a.txt @file:a.txt. @dir:a.txt', ['file a.txt', 'dir a.txt']],
    ['@dir:.', ['dir .']],
    ['@dir:..', ['dir ..']],
    ['@dir:a/..', ['dir a/..']],
    ['@file:...', ['file ...']],
    ['@file: a', []],
    ['@file:', []],
    ['@file:""', []],
    ['@files:a @File:a file:a', []],
    ['me@file:a @@file:a', []],
    ['@file:"unclosed', []],
  ])('%j: %j', (text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  it('are found in a long text without delay', () => {
    const text = `${'@file:'.repeat(100_000)} ${'@file:"'.repeat(100_000)} ${'.'.repeat(100_000)}`;
    const before = process.cpuUsage();
    found(text);
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000); // a busy machine takes no more of it
  });
});

describe('a query with references', () => {
  let app: TestServer;

  const put = async (path: string, content: string | Buffer) => {
    const file = join(app.workspace, path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, content);
  };

  beforeAll(async () => {
    // Frames as large as the event may become: what is read is looked at in a stream.
    app = await TestServer.start({ config: { server: { maxFrameBytes: 20_000_000 } } });
    await put('src/a.ts', 'export const a = 1;\n');
    await put('src/b.ts', 'export const b = 2;');
    await put('src/logo.png', Buffer.from([137, 80, 0, 1]));
    await put('src/lib/c.ts', 'export const c = 3;\n');
    await put('src/built/out.js', 'ignored\n');
    await put('src/.gitignore', 'built\n');
    await put('src/.env', 'SECRET=sentinel-env');
    await put('src/server.key', 'sentinel-key');
    await put('src/node_modules/x/index.js', 'ignored\n');
    await put('my notes.txt', 'a blank\n');
    await put('tag <b>"x".txt', 'odd\n');
    await put('.env', 'SECRET=sentinel-env');
    await symlink('/etc/passwd', join(app.workspace, 'passwd'));
    await symlink('/etc', join(app.workspace, 'src', 'etc'));
  });
  afterAll(() => app.stop());

  /** Sends it, and gives the run's events and the one that holds what was referred to. */
  async function ask(query: unknown, sessionId?: string) {
    const reader = await app.stream(sessionId ?? (await app.createSession()), query);
    const events = await reader.ended;
    expectNoGap(events, (events[0]?.['seq'] as number) - 1);
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    const contexts = events.filter(({ type }) => type === 'environment_input');
    expect(contexts.length).toBeLessThanOrEqual(1);
    return { events, context: contexts[0], content: contexts[0]?.['content'] as string };
  }

  it('stores what they name as one event, before the model is asked', async () => {
    const { events, context } = await ask('what is in @file:note.txt and @dir:src/lib?');
    expect(types(events).slice(0, 4)).toEqual([
      'user_message',
      'agent_run_start',
      'environment_input',
      'assistant_streaming_message',
    ]);
    expect(context).toMatchObject({
      seq: 3,
      description: 'Expanded context from 2 references',
      metadata: { type: 'codebase' },
      content: [
        '<file path="note.txt">\nthe note says sentinel-7391\n</file>',
        '<directory path="src/lib">\n<file path="src/lib/c.ts">\nexport const c = 3;\n</file>\n</directory>',
      ].join('\n\n'),
    });
    expect(events[0]).toMatchObject({ content: 'what is in @file:note.txt and @dir:src/lib?' });
  });

  it('gives it to the model with what the user said, in this turn and in later ones', async () => {
    const sessionId = await app.createSession();
    await ask('first @file:note.txt', sessionId);
    expectValidConversation(app.model.lastRequest);
    expect(lastUserText(app.model.lastRequest)).toBe(
      'first @file:note.txt<file path="note.txt">\nthe note says sentinel-7391\n</file>',
    );
    await ask('second @file:src/b.ts', sessionId);
    expectValidConversation(app.model.lastRequest);
    expect(lastUserText(app.model.lastRequest)).toContain('export const b = 2;');
    await ask('third', sessionId);
    expectValidConversation(app.model.lastRequest);
    expect(usersOf(app.model.lastRequest)).toEqual([
      expect.stringMatching(/^first .*sentinel-7391/s),
      expect.stringMatching(/^second .*export const b/s),
      'third',
    ]);
  });

  it('finds them in the text parts, beside images', async () => {
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
    const { content } = await ask([
      { type: 'text', text: 'look at @file:note.txt' },
      image,
      { type: 'text', text: 'and @file:"my notes.txt"' },
    ]);
    expect(content).toContain('sentinel-7391');
    expect(content).toContain('<file path="my notes.txt">\na blank\n</file>');
    const last = app.model.lastRequest.body.messages.at(-1)?.content as { type: string }[];
    expect(last.map(({ type }) => type)).toEqual(['text', 'image_url', 'text', 'text']);
  });

  it('reads the text files of a directory, names the others, and passes over what is ignored or hidden', async () => {
    const { content } = await ask('@dir:src');
    expect(content).toBe(
      [
        '<directory path="src">',
        '<file path="src/a.ts">\nexport const a = 1;\n</file>',
        '<file path="src/b.ts">\nexport const b = 2;\n</file>',
        '<file path="src/lib/c.ts">\nexport const c = 3;\n</file>',
        '<note>src/logo.png was not read: it is no text file (4 bytes).</note>',
        '</directory>',
      ].join('\n'),
    );
  });

  it.each([
    ['@file:missing.txt', 'There is no "missing.txt" in the workspace.'],
    ['@file:missing.txt.', 'There is no "missing.txt" in the workspace.'],
    ['@file:src', '"src" is a directory.'],
    ['@dir:note.txt', '"note.txt" is no directory.'],
    ['@dir:missing', 'There is no "missing" in the workspace.'],
    ['@file:.env', '".env" cannot be used: hidden files and key files are off limits.'],
    ['@file:src/server.key', 'off limits'],
    ['@file:/etc/passwd', 'it lies outside the workspace'],
    ['@file:../../etc/passwd', 'it lies outside the workspace'],
    ['@file:passwd', 'leads out of the workspace'],
    ['@dir:src/etc', 'leads out of the workspace'],
    ['@dir:..', 'it lies outside the workspace'],
    ['@file:src/logo.png', 'src/logo.png was not read: it is no text file (4 bytes).'],
  ])('says why %s was not read, and answers', async (query, reason) => {
    const { content } = await ask(query);
    expect(content).toMatch(/^<note>[^\n]*<\/note>$/);
    expect(content).toContain(reason);
  });

  it('reads the file whose name ends in the punctuation, when there is one', async () => {
    await put('what?', 'a question\n');
    expect((await ask('@file:what?')).content).toBe('<file path="what?">\na question\n</file>');
    expect((await ask('is it (@file:note.txt)?')).content).toContain('sentinel-7391');
    expect((await ask('see @file:note.txt, @file:src/a.ts; thanks')).context).toMatchObject({
      description: 'Expanded context from 2 references',
    });
    expect((await ask('@file:note.txt, and again @file:note.txt.')).context).toMatchObject({
      description: 'Expanded context from 1 reference',
    });
  });

  it('lets no name end the element that it stands in', async () => {
    const { content } = await ask('@file:"tag <b>\\"x\\".txt" and @dir:. @file:"<note>"');
    expect(content).toContain('<file path="tag \ufffdb\ufffd&quot;x&quot;.txt">\nodd\n</file>');
    expect(content).toContain('\ufffdnote\ufffd');
  });

  it('reads 2 MB of a file at most', async () => {
    await put('large/two.txt', 'a'.repeat(2 * MB));
    await put('large/more.txt', 'a'.repeat(2 * MB + 1));
    const { content } = await ask('@file:large/two.txt @file:large/more.txt');
    expect(content).toContain(`<file path="large/two.txt">\n${'a'.repeat(2 * MB)}\n</file>`);
    expect(content).toContain(
      'large/more.txt was not read: it has 2097153 bytes, and 2097152 is the limit of one file.',
    );
    await rm(join(app.workspace, 'large'), { recursive: true });
  });

  it('reads 8 MB in all, and every client gets them', async () => {
    for (let i = 0; i < 5; i++) await put(`large/${i}.txt`, `${i}`.repeat(2 * MB));
    const sessionId = await app.createSession();
    const [socket, follower] = [await app.socket(), await app.follow(sessionId)];
    const heard = eventsOf(socket);
    await socket.emitWithAck('join-session', sessionId);
    const { content, events } = await ask('@dir:large', sessionId);
    expect(content.length).toBeGreaterThan(8 * MB);
    expect(content.length).toBeLessThan(8 * MB + 1_000);
    expect(content).toContain(
      'large/4.txt was not read: with it, what was read would be more than 8388608 bytes.',
    );
    await heard.until('agent_run_end');
    await follower.until('agent_run_end');
    follower.leave();
    const stored = (list: readonly AnyEvent[]) =>
      list.filter(({ seq }) => seq !== undefined).map(({ id }) => id);
    expect(stored(heard.events)).toEqual(stored(events));
    expect(stored(follower.events)).toEqual(stored(events));
    const [one] = await app.events(sessionId, '&types=environment_input');
    expect(one).toMatchObject({ content });
    await rm(join(app.workspace, 'large'), { recursive: true });
  });

  it('reads 500 files of a directory, and says how many more there are', async () => {
    for (let i = 0; i < 750; i++) await put(`many/f-${String(i).padStart(3, '0')}`, 'x');
    const { content } = await ask('@dir:many');
    expect(content.match(/<file /g)).toHaveLength(500);
    expect(content.match(/ was not read: only 500 files are read\./g)).toHaveLength(200);
    expect(content).toContain('<note>50 more files were not read.</note>');
    await rm(join(app.workspace, 'many'), { recursive: true });
  });

  it('reads 100 references of a query', async () => {
    const { content, context } = await ask(Array.from({ length: 102 }, (_, i) => `@file:f-${i}`).join(' '));
    expect(context).toMatchObject({ description: 'Expanded context from 102 references' });
    expect(content.match(/ was not read\. There is no/g)).toHaveLength(100);
    expect(content).toContain('2 more references were left out: 100 is the limit.');
  });

  it('adds nothing to a query without any', async () => {
    for (const query of ['hello', 'mail me@file:x', 'the syntax is @file: and a path']) {
      expect((await ask(query)).context).toBeUndefined();
    }
  });

  it('reads them when the turn of a query comes, not when it is put into the queue', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      await gate.opened;
      reply.text('first').end();
    });
    const asked = app.model.request();
    const first = app.query(sessionId, 'first');
    await asked;
    await put('late.txt', 'before');
    const second = await app.stream(sessionId, 'second @file:late.txt', { whenBusy: 'queue' });
    await second.until('queued');
    await put('late.txt', 'after');
    gate.open();
    await Promise.all([first, second.ended]);
    const events = await app.events(sessionId);
    expect(events.find(({ type }) => type === 'environment_input')).toMatchObject({
      content: '<file path="late.txt">\nafter\n</file>',
    });
    expectValidConversation(app.model.lastRequest);
  });

  it('ends at once when it is aborted while they are read', async () => {
    for (let i = 0; i < 300; i++) await put(`slow/f-${i}`, 'x'.repeat(20_000));
    const sessionId = await app.createSession();
    const before = app.model.requests.length;
    const reader = await app.stream(sessionId, '@dir:slow');
    const { body } = await app.post('/api/sessions/abort', { sessionId });
    expect(body).toEqual({ success: true });
    const events = await reader.ended;
    expectNoGap(events);
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
    expect(app.model.requests.slice(before)).toEqual([]);
    await ask('and now @file:note.txt', sessionId);
    expectValidConversation(app.model.lastRequest);
    await rm(join(app.workspace, 'slow'), { recursive: true });
  });

  it('is answered also when the workspace is gone', async () => {
    const workspace = join(app.directory, 'gone');
    await mkdir(workspace);
    const other = await TestServer.start({ config: { workspace } });
    try {
      await rm(workspace, { recursive: true });
      const reader = await other.stream(await other.createSession(), 'read @file:a.txt');
      const events = await reader.ended;
      expect(events.find(({ type }) => type === 'environment_input')).toMatchObject({
        content: '<note>Nothing was read. The workspace directory of this session does not exist.</note>',
      });
      expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    } finally {
      await other.stop();
    }
  });

  it('works the same over a socket, and stands in the shared page', async () => {
    const sessionId = await app.createSession();
    const socket = await app.socket();
    const heard = eventsOf(socket);
    await socket.emitWithAck('join-session', sessionId);
    await socket.emitWithAck('send-query', { sessionId, query: '@file:note.txt' });
    await heard.until('agent_run_end');
    expect(heard.events.filter(({ type }) => type === 'environment_input')).toHaveLength(1);
    const { body } = await app.post('/api/sessions/share', { sessionId, upload: false });
    expect(body.html).toContain('Expanded context from 1 reference');
    expect(body.html).toContain('sentinel-7391');
  });
});

/** The texts of all user messages of a request. */
function usersOf({ body }: ModelRequest): string[] {
  return body.messages
    .filter(({ role }) => role === 'user')
    .map(({ content }) => {
      if (typeof content === 'string') return content;
      return (content as { text?: string }[]).map(({ text }) => text ?? '').join('');
    });
}
