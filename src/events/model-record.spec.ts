import { describe, expect, it } from '@jest/globals';
import { Secret } from '../common/secret.js';
import type { StoredAgentEvent } from './event.types.js';
import { maskEvent } from './mask-event.js';
import { modelRecordOf, recordHoldsSecret, withModelRecord } from './model-record.js';

const KEY = 'key-sentinel-4711';
const secrets = [new Secret(KEY)];

describe('the record that only a model is sent again', () => {
  it('is in no JSON and no copy of its event that JSON makes', () => {
    const event = withModelRecord({ type: 'assistant_message' }, '{"parts":[]}');
    expect(modelRecordOf(event)).toBe('{"parts":[]}');
    expect(JSON.stringify(event)).toBe('{"type":"assistant_message"}');
    expect(modelRecordOf(structuredClone(event))).toBeUndefined();
  });

  it('stays with an event whose text is masked', () => {
    const event = withModelRecord({ content: KEY } as unknown as StoredAgentEvent, 'record');
    const masked = maskEvent(event, secrets);
    expect(masked).toMatchObject({ content: '***' });
    expect(modelRecordOf(masked)).toBe('record');
  });

  it.each([
    ['a text', [{ text: `the key is ${KEY}` }]],
    ['a signature', [{ options: { p: { signature: KEY } } }]],
    [
      'pieces of a text',
      [
        { type: 'x', text: 'key-sen' },
        { type: 'x', text: 'tinel-4711' },
      ],
    ],
  ])('is known to hold a secret in %s', (_where, parts) => {
    expect(recordHoldsSecret(JSON.stringify({ model: 'm', parts }), secrets)).toBe(true);
  });

  it('holds none as a rule', () => {
    expect(
      recordHoldsSecret('{"model":"m","parts":[{"text":"key-sentinel"},{"text":"4711"}]}', secrets),
    ).toBe(false);
  });
});
