import { describe, expect, it } from '@jest/globals';
import type { ModelConfig } from '../config/index.js';
import type { QueryContent, RunEndStatus, StoredAgentEvent } from '../events/index.js';
import { dialectOf } from '../models/index.js';
import { PROMPT_EVENTS, toPrompt } from './prompt.js';
import { parseArguments, toolResultText } from './step-messages.js';

const dialect = dialectOf({ provider: 'openai', id: 'm' } as ModelConfig);

let seq = 0;
const event = (fields: { type: StoredAgentEvent['type']; [field: string]: unknown }) =>
  ({ id: `e${++seq}`, seq, sessionId: 's', runId: 'r', timestamp: 0, ...fields }) as StoredAgentEvent;

const user = (content: QueryContent) => event({ type: 'user_message', content });
const environment = (content: QueryContent) =>
  event({ type: 'environment_input', content, description: '', metadata: {} });
const assistant = (content: string, ...calls: [id: string, args?: string][]) =>
  event({
    type: 'assistant_message',
    content,
    finishReason: 'stop',
    ...(calls.length > 0 && {
      toolCalls: calls.map(([id, args = '{}']) => ({
        id,
        type: 'function',
        function: { name: 'read_file', arguments: args },
      })),
    }),
  });
const result = (toolCallId: string, content: unknown, error?: string) =>
  event({
    type: 'tool_result',
    toolCallId,
    name: 'read_file',
    content,
    elapsedMs: 1,
    ...(error !== undefined && { error }),
  });
const end = (status: RunEndStatus) => event({ type: 'agent_run_end', status, iterations: 1, elapsedMs: 1 });

/** Short form of the conversation after the instructions. */
function told(...events: StoredAgentEvent[]): string[] {
  const [system, ...messages] = toPrompt('Be brief.', events, dialect);
  expect(system).toEqual({ role: 'system', content: 'Be brief.' });
  return messages.map(({ role, content }) => {
    const parts = (content as unknown as readonly Record<string, unknown>[]).map((part) => {
      switch (part['type']) {
        case 'tool-call':
          return `call ${String(part['toolCallId'])} ${JSON.stringify(part['input'])}`;
        case 'tool-result': {
          const { type, value } = part['output'] as { type: string; value: string };
          return `${type} ${String(part['toolCallId'])} ${value}`;
        }
        default:
          return part['text'] ?? part['mediaType'];
      }
    });
    return `${role}: ${parts.join(' | ')}`;
  });
}

describe('the conversation that a model is given', () => {
  it('begins with the instructions, alone when nothing has been said', () => {
    expect(toPrompt('Be brief.', [], dialect)).toEqual([{ role: 'system', content: 'Be brief.' }]);
  });

  it('holds the turns of both, in order', () => {
    expect(
      told(
        user('one'),
        assistant('first'),
        end('completed'),
        user('two'),
        assistant('second'),
        user('three'),
      ),
    ).toEqual(['user: one', 'assistant: first', 'user: two', 'assistant: second', 'user: three']);
  });

  it('is made of these events only', () => {
    expect(PROMPT_EVENTS).toEqual([
      'user_message',
      'environment_input',
      'assistant_message',
      'tool_result',
      'agent_run_end',
    ]);
    const others = [
      event({ type: 'agent_run_start' }),
      event({ type: 'assistant_thinking_message', content: 'hm' }),
      event({ type: 'tool_call', toolCallId: 'a', name: 'read_file', arguments: {} }),
      event({ type: 'system', level: 'error', message: 'no' }),
    ];
    expect(told(user('one'), ...others, assistant('first'))).toEqual(['user: one', 'assistant: first']);
  });

  describe('after a run that gave no answer', () => {
    it.each<[RunEndStatus, string]>([
      ['aborted', '[the user stopped this request before it was answered]'],
      ['error', '[this request failed before it was answered]'],
      ['interrupted', '[the server stopped before this request was answered]'],
      ['completed', '[no answer was given]'],
    ])('says in the place of the answer that it was %s', (status, text) => {
      expect(told(user('one'), end(status), user('two'))).toEqual([
        'user: one',
        `assistant: ${text}`,
        'user: two',
      ]);
    });

    it('takes a run without an end for interrupted, whatever became of the one before', () => {
      const interrupted = 'assistant: [the server stopped before this request was answered]';
      expect(told(user('one'), user('two'))).toEqual(['user: one', interrupted, 'user: two']);
      expect(told(user('zero'), assistant('yes'), end('completed'), user('one'), user('two'))).toEqual([
        'user: zero',
        'assistant: yes',
        'user: one',
        interrupted,
        'user: two',
      ]);
    });

    it('says so of each of several', () => {
      expect(told(user('one'), end('aborted'), user('two'), end('error'), user('three'))).toEqual([
        'user: one',
        'assistant: [the user stopped this request before it was answered]',
        'user: two',
        'assistant: [this request failed before it was answered]',
        'user: three',
      ]);
    });

    it.each(['', '\n', ' \n\t '])('leaves out the empty message %j that an abort has stored', (text) => {
      expect(told(user('one'), assistant(text), end('aborted'), user('two'))).toEqual([
        'user: one',
        'assistant: [the user stopped this request before it was answered]',
        'user: two',
      ]);
    });

    it('keeps the half of an answer that had come', () => {
      expect(told(user('one'), assistant('half an'), end('aborted'), user('two'))).toEqual([
        'user: one',
        'assistant: half an',
        'user: two',
      ]);
    });

    it('needs to say nothing after results: they are no turn of the user', () => {
      expect(
        told(user('one'), assistant('', ['a']), result('a', 'x'), assistant(''), end('aborted'), user('two')),
      ).toEqual(['user: one', 'assistant: call a {}', 'tool: text a x', 'user: two']);
    });
  });

  describe('of tool calls', () => {
    it('holds the calls of a message together, then their results in the order of the calls', () => {
      expect(
        told(
          user('one'),
          assistant('I look.', ['a', '{"path":"x"}'], ['b']),
          result('b', 'second'),
          result('a', [{ type: 'text', text: 'first' }]),
          assistant('Done.'),
        ),
      ).toEqual([
        'user: one',
        'assistant: I look. | call a {"path":"x"} | call b {}',
        'tool: text a first | text b second',
        'assistant: Done.',
      ]);
    });

    it('holds what failed as an error', () => {
      expect(told(user('one'), assistant('', ['a']), result('a', [], 'There is no "x".'))).toEqual([
        'user: one',
        'assistant: call a {}',
        'tool: error-text a There is no "x".',
      ]);
    });

    it.each<RunEndStatus>(['aborted', 'error', 'interrupted'])(
      'gives each call without a result one that says so, after a run that was %s',
      (status) => {
        const missing = 'The run ended before this tool had answered.';
        expect(
          told(user('one'), assistant('', ['a'], ['b']), result('a', 'x'), end(status), user('two')),
        ).toEqual([
          'user: one',
          'assistant: call a {} | call b {}',
          `tool: text a x | error-text b ${missing}`,
          'user: two',
        ]);
      },
    );

    it('gives each its own result when a provider uses the same id in every answer', () => {
      expect(
        told(
          ...[user('one'), assistant('', ['call_0']), result('call_0', 'first'), assistant('', ['call_0'])],
          ...[result('call_0', 'second'), assistant('Done.'), end('completed')],
          ...[user('two'), assistant('', ['call_0']), end('aborted')],
          ...[user('three'), assistant('', ['call_0']), result('call_0', 'third')],
        ),
      ).toEqual([
        'user: one',
        'assistant: call call_0 {}',
        'tool: text call_0 first',
        'assistant: call call_0 {}',
        'tool: text call_0 second',
        'assistant: Done.',
        'user: two',
        'assistant: call call_0 {}',
        'tool: error-text call_0 The run ended before this tool had answered.',
        'user: three',
        'assistant: call call_0 {}',
        'tool: text call_0 third',
      ]);
    });

    it('leaves out the blank text beside a call', () => {
      expect(told(user('one'), assistant(' \n', ['a']), result('a', 'x'))).toEqual([
        'user: one',
        'assistant: call a {}',
        'tool: text a x',
      ]);
    });

    it('has an object for arguments that were none', () => {
      expect(told(user('one'), assistant('', ['a', '{"path": '], ['b', '[1]'], ['c', '']))[1]).toBe(
        'assistant: call a {} | call b {} | call c {}',
      );
    });
  });

  describe('of what the environment adds', () => {
    it('joins it to what the user said', () => {
      expect(
        told(user('what is in @file:a?'), environment('a holds 1'), environment('b holds 2'), assistant('1')),
      ).toEqual(['user: what is in @file:a? | a holds 1 | b holds 2', 'assistant: 1']);
    });

    it('joins it to images too', () => {
      const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,QUJD' } };
      expect(told(user([{ type: 'text', text: 'look' }, image]), environment([image]))).toEqual([
        'user: look | image/png | image/png',
      ]);
    });

    it('makes it a turn of its own after an answer or a result', () => {
      expect(
        told(
          user('one'),
          assistant('', ['a']),
          result('a', 'x'),
          environment('news'),
          assistant('Ah.'),
          environment('more'),
        ),
      ).toEqual([
        'user: one',
        'assistant: call a {}',
        'tool: text a x',
        'user: news',
        'assistant: Ah.',
        'user: more',
      ]);
    });
  });

  it('holds texts and images: data as data, links as links with the type that their name tells', () => {
    const image = (url: string) => ({ type: 'image_url' as const, image_url: { url } });
    const links = ['a.PNG?x=1', 'b.jpg', 'c.jpeg', 'd.gif', 'e.webp', 'f', 'g.svg', 'png', 'h.constructor'];
    const [, message] = toPrompt(
      '',
      [
        user([
          { type: 'text', text: 'Compare.' },
          image('data:image/svg+xml;base64,QUJD'),
          ...links.map((link) => image(`https://images.example/${link}`)),
        ]),
      ],
      dialect,
    );
    expect(message?.content.slice(0, 3)).toEqual([
      { type: 'text', text: 'Compare.' },
      { type: 'file', mediaType: 'image/svg+xml', data: 'QUJD' },
      { type: 'file', mediaType: 'image/png', data: new URL('https://images.example/a.PNG?x=1') },
    ]);
    expect((message?.content as { mediaType?: string }[]).slice(2).map(({ mediaType }) => mediaType)).toEqual(
      [
        ...['image/png', 'image/jpeg', 'image/jpeg', 'image/gif', 'image/webp'],
        ...['image/*', 'image/*', 'image/*', 'image/*'],
      ],
    );
  });

  it('leaves out the empty texts that a client has put beside an image', () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,QUJD' } };
    expect(told(user([{ type: 'text', text: '' }, image, { type: 'text', text: ' \n' }]))).toEqual([
      'user: image/png',
    ]);
  });
});

describe("what a model reads of a tool's result", () => {
  it.each<[string, unknown, string]>([
    ['a text', 'fine', 'fine'],
    [
      'text parts, named where they have a name',
      [
        { type: 'text', name: 'STDOUT', text: 'a' },
        { type: 'text', text: 'b' },
      ],
      'STDOUT:\na\nb',
    ],
    ['no parts', [], ''],
    ['search results', [{ title: 't', url: 'u', content: 'c' }], '[{"title":"t","url":"u","content":"c"}]'],
    ['an object', { n: 1 }, '{"n":1}'],
    ['null', null, 'null'],
    ['nothing', undefined, ''],
  ])('is plain for %s', (_what, content, text) => {
    expect(toolResultText(content)).toBe(text);
  });
});

describe('the arguments that a model wrote', () => {
  it.each<[string, Record<string, unknown> | undefined]>([
    ['{"path":"x"}', { path: 'x' }],
    ['', {}],
    [' \n', {}],
    ['{"path": ', undefined],
    ['[1]', undefined],
    ['"x"', undefined],
    ['null', {}],
    ['"{\\"path\\":\\"x\\"}"', { path: 'x' }],
    ['"\\"{}\\""', undefined],
    ['""', {}],
    ['"null"', {}],
    ['7', undefined],
    ['{"id":12345678901234567890}', { id: '12345678901234567890' }],
    ['"{\\"id\\":12345678901234567890}"', { id: '12345678901234567890' }],
  ])('%j are %j', (json, args) => {
    expect(parseArguments(json)).toEqual(args);
  });
});
