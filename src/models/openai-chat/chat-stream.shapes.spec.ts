import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { readError } from '../error-body.js';
import { ChatStream } from './chat-stream.js';

const data = (chunk: unknown) => `data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`;
const delta = (fields: object, finish_reason: unknown = null) =>
  data({ choices: [{ index: 0, delta: fields, finish_reason }] });
const END = delta({}, 'stop');
const DONE = 'data: [DONE]\n\n';

function read(...texts: string[]): LanguageModelV3StreamPart[] {
  const parts: LanguageModelV3StreamPart[] = [];
  const stream = new ChatStream((part) => parts.push(part));
  for (const text of texts) stream.push(text);
  stream.end();
  return parts;
}

type Parts = readonly LanguageModelV3StreamPart[];
const text = (parts: Parts) => parts.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('');
const thinking = (parts: Parts) =>
  parts.map((part) => (part.type === 'reasoning-delta' ? part.delta : '')).join('');
const ofType = <Type extends LanguageModelV3StreamPart['type']>(parts: Parts, type: Type) =>
  parts.filter((part): part is Extract<LanguageModelV3StreamPart, { type: Type }> => part.type === type);
/** Metadata of the reasoning part for the next request, the last value of each kind. */
const kept = (parts: Parts, type: 'reasoning' | 'text') =>
  Object.assign(
    {},
    ...parts
      .filter((part) => part.type.startsWith(type))
      .map((part) => ('providerMetadata' in part ? part.providerMetadata : {})),
  ) as object;

describe('an answer in the words of others', () => {
  it('may have a list of parts for its content (Mistral)', () => {
    const parts = read(
      delta({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'H' }] }] }),
      delta({ content: [{ type: 'thinking', thinking: 'm.' }] }),
      delta({
        content: [
          { type: 'text', text: 'Hel' },
          { type: 'reference', reference_ids: [1] },
        ],
      }),
      delta({ content: 'lo' }),
      delta({ content: { type: 'text', text: '!' } }),
      END,
    );
    expect([thinking(parts), text(parts)]).toEqual(['Hm.', 'Hello!']);
    expect(kept(parts, 'reasoning')).toEqual({ chat: { field: 'content' } });
  });

  it('may hold its thinking in tags', () => {
    const parts = read(delta({ content: '<thi' }), delta({ content: 'nk>Hm.</think>\n\nYes.' }), END);
    expect([thinking(parts), text(parts)]).toEqual(['Hm.', 'Yes.']);
    expect(kept(parts, 'reasoning')).toEqual({ chat: { field: 'content' } });
  });

  it('may be a refusal, whose calls must not be run', () => {
    const parts = read(delta({ content: null, refusal: 'I can' }), delta({ refusal: 'not.' }), END);
    expect(text(parts)).toBe('I cannot.');
    expect(ofType(parts, 'finish')).toMatchObject([
      { finishReason: { unified: 'content-filter', raw: 'refusal' } },
    ]);
  });

  it('may come as a message instead of deltas', () => {
    const message = { role: 'assistant', content: 'Hello' };
    expect(text(read(data({ choices: [{ index: 0, message, finish_reason: 'stop' }] }), DONE))).toBe('Hello');
    const again = data({ choices: [{ index: 0, message, finish_reason: 'stop' }] });
    expect(text(read(delta({ content: 'Hello' }), again, DONE))).toBe('Hello');
  });

  it('is that of the first choice, wherever it stands', () => {
    const choice = (index: number | undefined, content: string, finish_reason: string | null = null) => ({
      ...(index !== undefined && { index }),
      delta: { content },
      finish_reason,
    });
    const parts = read(
      data({ choices: [choice(1, 'no'), choice(0, 'y')] }),
      data({ choices: [choice(1, 'no', 'length')] }),
      data({ choices: [null, choice(undefined, 'es')] }),
      END,
    );
    expect(text(parts)).toBe('yes');
    expect(ofType(parts, 'finish')).toMatchObject([{ finishReason: { raw: 'stop' } }]);
  });

  it('may say its finish reason in an object', () => {
    const parts = read(delta({ content: 'x' }), delta({}, { type: 'length', length: 5 }));
    expect(ofType(parts, 'finish')).toMatchObject([{ finishReason: { unified: 'length' } }]);
  });

  it('may call by function_call', () => {
    const parts = read(
      delta({ function_call: { name: 'weather', arguments: '' } }),
      delta({ function_call: { arguments: '{"city":"SF"}' } }),
      delta({}, 'function_call'),
    );
    expect(ofType(parts, 'tool-call')).toMatchObject([{ toolName: 'weather', input: '{"city":"SF"}' }]);
  });

  it('keeps large integers in arguments that are an object', () => {
    const call = '{"index":0,"id":"a","function":{"name":"t","arguments":{"id":12345678901234567890,"n":1}}}';
    const parts = read(data(`{"choices":[{"index":0,"delta":{"tool_calls":[${call}]}}]}`), END);
    expect(ofType(parts, 'tool-call')).toMatchObject([{ input: '{"id":"12345678901234567890","n":1}' }]);
  });
});

describe('what a provider wants back', () => {
  it('is kept of OpenRouter: its reasoning_details, in order, pieces of a block joined', () => {
    const block = { type: 'reasoning.text', format: 'anthropic-claude-v1', index: 0 };
    const parts = read(
      delta({ content: '', reasoning: 'Th', reasoning_details: [{ ...block, text: 'Th', signature: null }] }),
      delta({ reasoning: 'ink.', reasoning_details: [{ ...block, text: 'ink.' }] }),
      delta({ reasoning_details: [{ ...block, signature: 'SIG' }] }),
      delta({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'A', id: 'x', index: 1 }] }),
      delta({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'B', id: 'y', index: 1 }] }),
      delta({ reasoning_details: [{ type: 'reasoning.summary', summary: 'S', index: 2 }] }),
      delta({ reasoning_details: [] }),
      END,
    );
    expect(thinking(parts)).toBe('Think.S');
    expect(kept(parts, 'reasoning')).toEqual({
      chat: {
        field: 'reasoning',
        reasoningDetails: [
          { ...block, text: 'Think.', signature: 'SIG' },
          { type: 'reasoning.encrypted', data: 'A', id: 'x', index: 1 },
          { type: 'reasoning.encrypted', data: 'B', id: 'y', index: 1 },
          { type: 'reasoning.summary', summary: 'S', index: 2 },
        ],
      },
    });
  });

  it('is kept of OpenRouter without a word of text', () => {
    const details = [{ type: 'reasoning.encrypted', data: 'A', index: 0 }];
    const parts = read(delta({ reasoning_details: details }), delta({ content: 'Hi' }), END);
    expect(thinking(parts)).toBe('');
    expect(kept(parts, 'reasoning')).toEqual({ chat: { field: 'reasoning', reasoningDetails: details } });
  });

  it('is bounded', () => {
    const chunk = delta({
      reasoning_details: [{ type: 'reasoning.encrypted', data: 'x'.repeat(1_000_000) }],
    });
    expect(() => read(...Array<string>(9).fill(chunk))).toThrow('its reasoning details have no end');
  });

  it('is kept of Gemini: the signatures of calls, in their delta or a later one', () => {
    const extra = (signature: string) => ({ extra_content: { google: { thought_signature: signature } } });
    const fn = { name: 'weather', arguments: '{}' };
    const parts = read(
      delta({ tool_calls: [{ index: 0, id: 'a', function: fn, ...extra('S1') }] }),
      delta({ tool_calls: [{ index: 1, id: 'b', function: fn }] }),
      delta({ tool_calls: [{ index: 1, ...extra('S2') }] }),
      delta({ tool_calls: [{ index: 2, id: 'c', function: fn }] }),
      END,
    );
    const metadata = (signature: string) => ({
      chat: { extraContent: { google: { thought_signature: signature } } },
    });
    expect(ofType(parts, 'tool-call').map(({ providerMetadata }) => providerMetadata)).toEqual([
      metadata('S1'),
      metadata('S2'),
      undefined,
    ]);
  });

  it('is kept of Gemini: the signature of a text, and of a thought', () => {
    const extra = (google: object) => ({ extra_content: { google } });
    const parts = read(
      delta({ content: '<thought>Hm.', ...extra({ thought: true }) }),
      delta({ content: '</thought>Yes.' }),
      delta({ content: '', ...extra({ thought_signature: 'SIG' }) }),
      END,
    );
    expect([thinking(parts), text(parts)]).toEqual(['Hm.', 'Yes.']);
    expect(kept(parts, 'reasoning')).toEqual({
      chat: { field: 'content', extraContent: { google: { thought: true } } },
    });
    expect(kept(parts, 'text')).toEqual({ chat: { extraContent: { google: { thought_signature: 'SIG' } } } });
  });
});

describe('an error in the stream', () => {
  it.each<[string, string, string]>([
    ['without the key "error"', data({ object: 'error', message: 'No.', code: 500 }), 'No.'],
    ['as a detail', data({ detail: 'No.' }), 'No.'],
    [
      'in its choice',
      data({ choices: [{ index: 0, error: { code: 502, message: 'No.' }, finish_reason: 'error' }] }),
      'No.',
    ],
    ['in a list', data([{ error: { message: 'No.' } }]), 'No.'],
    ['as an event with JSON', `event: error\n${data({ message: 'No.' })}`, 'No.'],
    ['as an event with text', 'event: error\ndata: No.\n\n', 'No.'],
    ['as a bare line with JSON', 'error: {"code":500,"message":"No."}\n\n', 'No.'],
    ['as a bare line with text', 'Error: No.\n\n', 'No.'],
    ['as bare JSON', '{"error":{"message":"No."}}\n\n', 'No.'],
  ])('is one %s, also when [DONE] follows', (_how, error, message) => {
    for (const rest of ['', DONE, END + DONE]) {
      const parts = read(delta({ content: 'Hi' }), error, rest);
      expect(parts).toHaveLength(2);
      const [, report] = parts;
      expect(report?.type === 'error' && readError(report.error).reason).toBe(message);
    }
  });

  it.each([
    ['bare JSON over several lines', '{\n  "error": {\n    "message": "No."\n  }\n}\n', 'No.'],
    ['bare text', 'Internal Server Error', 'Internal Server Error'],
  ])('is one when nothing else ends the answer: %s', (_how, error, message) => {
    expect(read(delta({ content: 'Hi' }), error)[1]).toMatchObject({ type: 'error', error: { message } });
    expect(ofType(read(delta({ content: 'Hi' }), `${error}\n`, END), 'error')).toEqual([]);
  });
});

describe('the time until an answer is taken', () => {
  const grace = (...texts: string[]) => {
    const stream = new ChatStream(() => undefined);
    for (const each of texts) stream.push(each);
    return stream.graceMs;
  };
  const usage = data({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } });

  it('is short once all has come, and longer while something may come', () => {
    expect(grace(delta({ content: 'Hi' }))).toBeUndefined();
    expect(grace(delta({ content: 'Hi' }), usage)).toBeUndefined();
    expect(grace(delta({ content: 'Hi' }), END)).toBe(15_000);
    expect(grace(delta({ content: 'Hi' }), END, usage)).toBe(3_000);
    expect(grace(delta({ content: 'Hi' }), END, usage, DONE)).toBe(100);
  });
});
