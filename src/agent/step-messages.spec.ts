import { describe, expect, it } from '@jest/globals';
import type { ModelConfig } from '../config/index.js';
import { type AssistantMessageEvent, withModelRecord } from '../events/index.js';
import { dialectOf } from '../models/index.js';
import { recordOf, type RecordedPart } from './message-record.js';
import { stepMessages } from './step-messages.js';

const OWN = dialectOf({ provider: 'openai-compatible', id: 'm' } as ModelConfig);
const OTHER = dialectOf({ provider: 'openai-compatible', id: 'n' } as ModelConfig);

const message = (content: string, names: string[], record?: string) =>
  withModelRecord(
    {
      type: 'assistant_message',
      content,
      toolCalls: names.map((name, i) => ({
        id: `call.${i}`,
        type: 'function',
        function: { name, arguments: '{}' },
      })),
    } as unknown as AssistantMessageEvent,
    record,
  );

const options = (signature: string) => ({ options: { p: { signature } } });
const PARTS: RecordedPart[] = [
  { type: 'reasoning', text: 'Hm.', ...options('a') },
  { type: 'text', length: 4 },
  { type: 'call', ...options('b') },
  { type: 'reasoning', text: '', ...options('c') },
  { type: 'text', length: 3, ...options('d') },
  { type: 'call' },
];

/** The parts of a step's message, in short. */
const told = (event: AssistantMessageEvent, dialect = OWN) => {
  const [assistant] = stepMessages(event, new Map(), dialect);
  return (assistant?.content as unknown as Record<string, unknown>[]).map((part) => {
    const { p } = (part['providerOptions'] ?? {}) as { p?: { signature: string } };
    const value = part['type'] === 'tool-call' ? part['toolCallId'] : part['text'];
    return [part['type'], value, ...(p ? [p.signature] : [])].join(' ');
  });
};

describe('the message of a step', () => {
  const record = recordOf(OWN.model, PARTS);

  it('is told to the model that wrote it as it wrote it', () => {
    expect(told(message('One.two', ['t', 't'], record))).toEqual([
      'reasoning Hm. a',
      'text One.',
      'tool-call call.0 b',
      'reasoning  c',
      'text two d',
      'tool-call call.1',
    ]);
  });

  it('is told to another model without thoughts and signatures, with ids that it takes', () => {
    const [text, ...calls] = told(message('One.two', ['t', 't'], record), OTHER);
    expect(text).toBe('text One.two');
    expect(calls).toEqual([
      expect.stringMatching(/^tool-call call_0_\w+$/),
      expect.stringMatching(/^tool-call call_1_\w+$/),
    ]);
  });

  it('keeps its masked text whole, which has another length than the one that was recorded', () => {
    expect(told(message('One ***.two', ['t', 't'], record)).slice(0, 2)).toEqual([
      'reasoning Hm. a',
      'text One ***.two',
    ]);
  });

  it('is told plainly where its record does not fit it', () => {
    expect(told(message('One.two', ['t'], record))).toEqual(['text One.two', 'tool-call call.0']);
  });

  it('has no record of more than a megabyte, but the model that wrote it', () => {
    const large = recordOf(OWN.model, [{ type: 'reasoning', text: 'x'.repeat(1_000_001) }, { type: 'call' }]);
    expect(large).toHaveLength(JSON.stringify({ model: OWN.model, parts: [] }).length);
    expect(told(message('', ['t'], large))).toEqual(['tool-call call.0']);
  });

  it('has no record when it consists of text only', () => {
    expect(recordOf(OWN.model, [{ type: 'text', length: 3 }])).toBeUndefined();
  });

  it('has the same name and id in the call and in its result', () => {
    const [assistant, tool] = stepMessages(message('', ['a<|b|>c']), new Map(), OTHER);
    const call = assistant?.content[0] as { toolName: string; toolCallId: string };
    expect(call.toolName).toBe('a_b_c');
    expect(tool?.content).toMatchObject([{ toolName: call.toolName, toolCallId: call.toolCallId }]);
  });
});
