import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AttackSetup } from '../support/attack-setup.js';
import type { AnyEvent } from '../support/client.js';
import type { Reply, Script } from '../support/model-stub.js';

/** 106 bytes, as a rule of a repository. */
const HOSTILE_RULE = `/${'**/a/'.repeat(20)}**/b\n`;
const DEEP = `${'a/'.repeat(80)}file.txt`;
const GRACE_MS = 500;
const config = { server: { shutdownGraceMs: GRACE_MS } };

/** A tool call in one chunk, as some providers send it. */
const call =
  (name: string, args: object): Script =>
  (reply) => {
    const fn = { name, arguments: JSON.stringify(args) };
    chunk(reply, { tool_calls: [{ index: 0, id: 'call', type: 'function', function: fn }] });
    reply.end('tool_calls');
  };

const chunk = (reply: Reply, delta: object) =>
  reply.garbage(`data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`);

/** Line by line nothing, then all of a line but its end, and the rest of it in pieces of a byte. */
const endlessLine =
  (pieces: number): Script =>
  (reply) => {
    chunk(reply, { content: 'x' }).garbage(`data: "${'x'.repeat(7_000_000)}`);
    for (let i = 0; i < pieces; i++) reply.garbage('x');
  };

describe('what keeps no event loop busy', () => {
  let attack: AttackSetup;

  beforeAll(async () => {
    attack = await AttackSetup.start({
      config,
      files: {
        '.gitignore': HOSTILE_RULE,
        [DEEP]: 'sentinel-7391\n',
        'repetitive.txt': 'a'.repeat(2_000_000),
        'empty-lines.txt': '\n'.repeat(2_000_000) + 'needle',
        'controls.txt': '\u0001'.repeat(2_000_000),
        ...Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`quotes/${i}`, '"'.repeat(2_000_000)])),
      },
    });
  });
  beforeEach(() => attack.forget());
  afterEach(() => attack.requireUnharmed());
  afterAll(() => attack.stop());

  /** Has the model call tools, one after the other, and gives the results. */
  const callTools = async (...scripts: Script[]): Promise<AnyEvent[]> => {
    const id = await attack.server.createSession();
    attack.model.next(...scripts);
    expect((await attack.server.query(id)).status).toBe(200);
    return (await attack.server.events(id, '&types=tool_result')) as unknown as AnyEvent[];
  };

  describe('a provider that sends', () => {
    it('a line without an end, in pieces of a byte', async () => {
      attack.model.next((reply, request) => {
        void endlessLine(3_000)(reply, request);
        reply.garbage('"\n\n').end();
      });
      const { body } = await attack.server.query(await attack.server.createSession());
      expect(body.error).toContain('a chunk is no object with a list of choices');
    });

    it('a chunk of very many values', async () => {
      const values: Script = (reply) => {
        reply.garbage(`data: {"choices":[${'{},'.repeat(2_500_000)}{}]}\n\n`).end();
      };
      attack.model.next(values, values, values); // it is asked again twice
      const { body } = await attack.server.query(await attack.server.createSession());
      expect(body.error).toContain('holds more than 100000 values');
    });

    it('arguments of very many values', async () => {
      const [result] = await callTools(call('list_directory', { path: '.', more: Array(500_000).fill({}) }));
      expect(result?.['error']).toBeDefined();
    });
  });

  describe('an edit', () => {
    it('of 20,000 lines, which is shown as far as it can be read', async () => {
      const [, result] = await callTools(
        call('write_file', { path: 'lines.txt', content: 'a\n'.repeat(20_000) }),
        call('edit_file', { path: 'lines.txt', old_text: 'a', new_text: 'b', replace_all: true }),
      );
      expect(JSON.stringify(result?.['content'])).toMatch(/@@ -1,\d+ \+1,\d+ @@\\n.*of 20000 replacements/);
    });

    it('that would make gigabytes of a megabyte, which is refused in words', async () => {
      const [, result] = await callTools(
        call('write_file', { path: 'bomb.txt', content: 'a'.repeat(2_500) }),
        call('edit_file', {
          path: 'bomb.txt',
          old_text: 'a',
          new_text: 'b'.repeat(1_000_000),
          replace_all: true,
        }),
      );
      expect(result?.['error']).toBe(
        'The edit would make bomb.txt 2500000000 bytes long, and 10485760 is the limit. Nothing was changed: replace fewer places, or by a shorter text.',
      );
    });

    it('of a text that repeats itself, in one that does too', async () => {
      const [result] = await callTools(
        call('edit_file', {
          path: 'repetitive.txt',
          old_text: `${'a'.repeat(20_000)}b${'a'.repeat(20_000)}`,
          new_text: 'b',
        }),
      );
      expect(result?.['error']).toContain('old_text does not occur in repetitive.txt.');
    });
  });

  describe('a repository with a .gitignore of 106 bytes over a deep directory', () => {
    it('is searched by a client', async () => {
      const id = await attack.server.createSession();
      const { status } = await attack.server.get(`/api/sessions/workspace/search?sessionId=${id}&q=file`);
      expect(status).toBe(200);
    });

    it('is searched by the model', async () => {
      const [found, needle] = await callTools(
        call('search_files', { query: 'sentinel-7391' }),
        call('search_files', { query: 'needle' }),
      );
      expect(JSON.stringify(found?.['content'])).toContain('note.txt:1: the note says sentinel-7391');
      expect(JSON.stringify(needle?.['content'])).toContain('empty-lines.txt:2000001: needle');
    });

    it('is read into a query', async () => {
      const id = await attack.server.createSession();
      expect((await attack.server.query(id, 'what is in @dir:a and in @dir:. now?')).status).toBe(200);
      const [context] = await attack.server.events(id, '&types=environment_input');
      expect(JSON.stringify(context)).toContain('controls.txt was not read: it is no text file');
    });

    it('is read into a query as far as it takes 8 MB as JSON', async () => {
      const id = await attack.server.createSession();
      expect((await attack.server.query(id, 'what is in @dir:quotes now?')).status).toBe(200);
      const [context] = await attack.server.events(id, '&types=environment_input');
      expect(JSON.stringify(context)).toContain(
        'quotes/2 was not read: with it, what was read would be more',
      );
    });
  });

  it('a directory whose names take long to be compared', async () => {
    const directory = join(attack.workspace, 'names');
    await mkdir(directory);
    const name = '\u0301\u0323'.repeat(60);
    for (let i = 0; i < 3_000; i++) await writeFile(join(directory, `${name}${(i * 7_919) % 3_001}`), '');
    const id = await attack.server.createSession();
    await attack.forget();
    const { body } = await attack.server.get(`/api/sessions/workspace/files?sessionId=${id}&path=names`);
    expect(body.files).toHaveLength(3_000);
  });
});

describe('SIGTERM is obeyed', () => {
  let attack: AttackSetup;

  beforeEach(async () => {
    attack = await AttackSetup.start({ config, files: { '.gitignore': HOSTILE_RULE, [DEEP]: '' } });
  });
  afterEach(() => attack.stop());

  const requireEnd = async () => {
    expect(await attack.server.kill('SIGTERM')).toBe(0);
  };

  it('while a line goes on without an end', async () => {
    let goesOn = true;
    attack.model.next(async (reply, request) => {
      void endlessLine(0)(reply, request);
      void request.closed.then(() => (goesOn = false));
      for (; goesOn; await sleep(1)) for (let i = 0; i < 100; i++) reply.garbage('x');
    });
    const reader = await attack.server.stream(await attack.server.createSession());
    await reader.until('assistant_streaming_message');
    await requireEnd();
  });

  it('while 20,000 lines are edited', async () => {
    attack.model.next(
      call('write_file', { path: 'lines.txt', content: 'a\n'.repeat(20_000) }),
      call('edit_file', { path: 'lines.txt', old_text: 'a', new_text: 'b', replace_all: true }),
    );
    const reader = await attack.server.stream(await attack.server.createSession());
    await reader.until(({ type, name }) => type === 'tool_call' && name === 'edit_file');
    await requireEnd();
  });

  it('while a hostile repository is searched', async () => {
    const id = await attack.server.createSession();
    const search = `/api/sessions/workspace/search?sessionId=${id}&q=x`;
    const searches = Array.from({ length: 20 }, () => attack.server.get(search).catch(() => undefined));
    await Promise.race(searches);
    await requireEnd();
    await Promise.all(searches);
  });
});
