import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectDeltasJoin, expectNoGap } from '../support/expect-events.js';
import { type AnyEvent, types } from '../support/client.js';
import { TestServer } from '../support/test-server.js';

// One red pixel.
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const UNKNOWN =
  'I am only the built-in demo and understand few things (ask "what can you do"). To talk to a real model, set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or start with --model.provider, --model.id and --model.apiKey.';

describe('the embedded model', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ withoutModel: true, config: { model: { provider: 'embedded' } } });
    await mkdir(join(app.workspace, 'src', 'deep'), { recursive: true });
    await writeFile(join(app.workspace, 'src', 'index.ts'), 'export const answer = 42; // TODO: why?\n');
    await writeFile(join(app.workspace, 'my notes.txt'), 'a file with a blank in its name\n');
    await writeFile(join(app.workspace, '.env'), 'TODO=secret\n');
  });
  afterAll(() => app.stop());

  async function ask(query: unknown, sessionId?: string): Promise<{ text: string; events: AnyEvent[] }> {
    const reader = await app.stream(sessionId ?? (await app.createSession()), query);
    const events = await reader.ended;
    expectNoGap(events, (events[0]?.['seq'] as number) - 1);
    expectDeltasJoin(events);
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    const final = events.findLast(({ type }) => type === 'assistant_message');
    return { text: final?.['content'] as string, events };
  }

  it('is the model of a server that has no other', async () => {
    const { events } = await ask('hello');
    expect(events[1]).toMatchObject({
      type: 'agent_run_start',
      provider: 'embedded',
      model: 'demo',
      modelDisplayName: 'Built-in demo',
    });
  });

  it('gives the event stream of every model: its tools are the real ones', async () => {
    const { text, events } = await ask('list the files');
    expect(text).toBe('Here is what is there:\n\n[DIR] src\n[FILE] my notes.txt\n[FILE] note.txt');
    const seen = types(events).filter((type, i, all) => type !== all[i - 1]);
    expect(seen).toEqual([
      'user_message',
      'agent_run_start',
      'assistant_streaming_tool_call',
      'assistant_message',
      'tool_call',
      'tool_result',
      'assistant_streaming_message',
      'assistant_message',
      'agent_run_end',
    ]);
    const deltas = events.filter(({ type }) => type === 'assistant_streaming_message');
    expect(deltas.length).toBeGreaterThan(5);
    expect(events.find(({ type }) => type === 'tool_call')).toMatchObject({
      name: 'list_directory',
      arguments: { path: '.' },
    });
  });

  it.each([
    ['list the files'],
    ['List all files.'],
    ['please list the files here'],
    ['list the files in the workspace'],
    ['list the files in this directory'],
    ['list the files in the current folder'],
    ['show me the files in my workspace'],
  ])('lists the workspace for "%s"', async (query) => {
    expect((await ask(query)).text).toBe(
      'Here is what is there:\n\n[DIR] src\n[FILE] my notes.txt\n[FILE] note.txt',
    );
  });

  it.each([
    ['list the files in src'],
    ['list the files in "src"'],
    ['list the files in src/.'],
    ['What about you list the files in the src directory?'],
    ['show the files of the src folder'],
    ['list the files in @dir:src'],
  ])('lists a directory for "%s"', async (query) => {
    expect((await ask(query)).text).toBe('Here is what is there:\n\n[DIR] deep\n[FILE] index.ts');
  });

  it.each([
    ['read note.txt', 'the note says sentinel-7391\n'],
    ['Please read the file note.txt.', 'the note says sentinel-7391\n'],
    ['open `note.txt`', 'the note says sentinel-7391\n'],
    ['cat src/index.ts', 'export const answer = 42; // TODO: why?\n'],
    ['show me src/index.ts', 'export const answer = 42; // TODO: why?\n'],
    ['read my notes.txt', 'a file with a blank in its name\n'],
    ['read "my notes.txt"!', 'a file with a blank in its name\n'],
    ['read @file:note.txt', 'the note says sentinel-7391\n'],
    ['read @file:"my notes.txt"', 'a file with a blank in its name\n'],
  ])('reads a file for "%s"', async (query, content) => {
    expect((await ask(query)).text).toBe(content);
  });

  it.each([
    ['read missing.txt', 'That did not work: There is no "missing.txt" in the workspace.'],
    ['read src', 'That did not work: "src" is a directory.'],
    ['list the files in nowhere', 'That did not work: There is no "nowhere" in the workspace.'],
    [
      'read ../../etc/passwd',
      /^That did not work: "\.\.\/\.\.\/etc\/passwd" cannot be used: .*outside the workspace/,
    ],
    ['read .env', /^That did not work: "\.env" cannot be used: .*off limits/],
  ])('says what went wrong for "%s"', async (query, problem) => {
    const { text, events } = await ask(query);
    expect(text).toEqual(typeof problem === 'string' ? problem : expect.stringMatching(problem));
    expect(events.find(({ type }) => type === 'tool_result')?.['error']).toBe(
      text.slice('That did not work: '.length),
    );
  });

  it.each([
    ['search for TODO', 'Here is what I found:\n\nsrc/index.ts:1: export const answer = 42; // TODO: why?'],
    [
      'search the files for "sentinel-7391".',
      'Here is what I found:\n\nnote.txt:1: the note says sentinel-7391',
    ],
    ['Look for index', 'Here is what I found:\n\nsrc/index.ts'],
    ['search for a needle', 'Here is what I found:\n\nNothing found for "a needle" in 3 files.'],
  ])('searches for "%s"', async (query, found) => {
    expect((await ask(query)).text).toBe(found);
  });

  it.each([
    ['12 * (3 + 4)', '12 * (3 + 4) = 84'],
    ['What is 2+2?', '2+2 = 4'],
    ['calculate 0.1 + 0.2', '0.1 + 0.2 = 0.3'],
    ['how much is 3 x 4 =', '3 x 4 = 12'],
    ['1234567 * 7654321', '1234567 * 7654321 = 9449772114007'],
    ['10 / 4', '10 / 4 = 2.5'],
  ])('calculates "%s"', async (query, answer) => {
    const { text, events } = await ask(query);
    expect(text).toBe(answer);
    expect(types(events)).not.toContain('tool_call');
  });

  it.each(['what can you do', 'What can you do?', 'help'])('says what it can do for "%s"', async (query) => {
    const { text } = await ask(query);
    for (const ability of ['list the files', 'read README.md', 'search for TODO', '12 * (3 + 4)', 'image']) {
      expect(text).toContain(ability);
    }
    expect(text).toContain('not a language model');
  });

  it('tells the type and size of an attached image', async () => {
    const query = [
      { type: 'text', text: "What's in this image?" },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
      { type: 'image_url', image_url: { url: 'data:image/jpeg;base64,/9j/4AAQ' } },
      { type: 'image_url', image_url: { url: 'https://example.com/image.png' } },
    ];
    expect((await ask(query)).text.split('\n')).toEqual([
      'The image is of type image/png and has 70 bytes, 1 × 1 pixels. I am the built-in demo and cannot see what it shows.',
      'The image is of type image/jpeg and has 6 bytes. I am the built-in demo and cannot see what it shows.',
      'The image is a link, and the built-in demo opens no links.',
    ]);
  });

  it.each([
    ['a greeting', 'Hello, Agent TARS!'],
    ['a question', 'What is the capital of France?'],
    ['a wish', 'Write a poem about the sea.'],
    ['a number', '42'],
    ['a division by zero', '1 / 0'],
    ['signs', '?!'],
    ['another script', '你好'],
    ['markup', '<script>alert(1)</script>'],
    ['one word a thousand times', 'list '.repeat(100_000)],
    ['many dots', `read ${'.'.repeat(200_000)}x`],
    ['many parentheses', '('.repeat(200_000)],
  ])('says of %s that it is the demo, and how to get a real model', async (_what, query) => {
    const { text, events } = await ask(query);
    expect(text).toBe(UNKNOWN);
    expect(types(events)).not.toContain('tool_call');
  });

  it('answers turn after turn in one session, each to its own request', async () => {
    const sessionId = await app.createSession();
    expect((await ask('list the files in src', sessionId)).text).toContain('index.ts');
    expect((await ask('1 + 1', sessionId)).text).toBe('1 + 1 = 2');
    expect((await ask('read note.txt', sessionId)).text).toContain('sentinel-7391');
    expect((await ask('hello', sessionId)).text).toBe(UNKNOWN);
  });

  it('takes the first words of the user for a title', async () => {
    const sessionId = await app.createSession();
    const messages = [{ role: 'user', content: 'Please list all the files of my project.' }];
    const { body } = await app.post('/api/sessions/generate-summary', { sessionId, messages });
    expect(body).toEqual({ summary: 'Please list all the files of' });
  });
});
