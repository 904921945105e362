import { describe, expect, it } from '@jest/globals';
import { Secret } from '../common/secret.js';
import type { StoredAgentEvent } from './event.types.js';
import { maskEvent } from './mask-event.js';

const event = (fields: object) =>
  ({
    id: 'passphrase-1',
    seq: 1,
    sessionId: 'passphrase-s',
    runId: 'passphrase-r',
    ...fields,
  }) as StoredAgentEvent;

describe('masking an event', () => {
  const secrets = [new Secret('passphrase')];

  it.each([
    { type: 'agent_run_start', provider: 'passphrase', model: 'passphrase', modelDisplayName: 'passphrase' },
    { type: 'tool_call', toolCallId: 'passphrase', name: 'passphrase', tool: { name: 'passphrase' } },
    { type: 'assistant_message', messageId: 'passphrase', finishReason: 'passphrase' },
    { type: 'system', level: 'passphrase' },
  ])('leaves alone what says what it is: %j', (fields) => {
    const given = event(fields);
    expect(maskEvent(given, secrets)).toBe(given);
  });

  it.each([
    [{ content: 'a passphrase' }, { content: 'a ***' }],
    [{ error: 'a passphrase' }, { error: 'a ***' }],
    [
      { message: 'a passphrase', details: { why: ['passphrase'] } },
      { message: 'a ***', details: { why: ['***'] } },
    ],
    [{ arguments: { passphrase: 'passphrase' } }, { arguments: { passphrase: '***' } }],
    [{ runOptions: { instructions: 'a passphrase' } }, { runOptions: { instructions: 'a ***' } }],
  ])('hides it in what somebody said: %j', (fields, masked) => {
    expect(maskEvent(event(fields), secrets)).toEqual(event(masked));
  });

  it('hides it in the JSON text of calls, and nowhere else in them', () => {
    const call = (args: string) => ({
      id: 'passphrase',
      type: 'function',
      function: { name: 'passphrase', arguments: args },
    });
    const given = event({
      type: 'assistant_message',
      content: '',
      toolCalls: [call('{"passphrase": "passphrase"}')],
    });
    expect(maskEvent(given, secrets)).toEqual(
      event({ type: 'assistant_message', content: '', toolCalls: [call('{"passphrase":"***"}')] }),
    );
  });
});
