import { describe, expect, it } from '@jest/globals';
import { Secret } from '../common/secret.js';
import type { StoredAgentEvent } from './event.types.js';
import { maskEvent } from './mask-event.js';

const event = (fields: object) =>
  ({ id: 'passphrase-7-1', seq: 1, sessionId: 'passphrase-7-s', runId: 'passphrase-7-r', ...fields }) as StoredAgentEvent;

describe('masking an event', () => {
  const secrets = [new Secret('passphrase-7')];

  it.each([
    { type: 'agent_run_start', provider: 'passphrase-7', model: 'passphrase-7', modelDisplayName: 'passphrase-7' },
    { type: 'tool_call', toolCallId: 'passphrase-7', name: 'passphrase-7', tool: { name: 'passphrase-7' } },
    { type: 'assistant_message', messageId: 'passphrase-7', finishReason: 'passphrase-7' },
    { type: 'system', level: 'passphrase-7' },
  ])('leaves alone what says what it is: %j', (fields) => {
    const given = event(fields);
    expect(maskEvent(given, secrets)).toBe(given);
  });

  it.each([
    [{ content: 'a passphrase-7' }, { content: 'a ***' }],
    [{ error: 'a passphrase-7' }, { error: 'a ***' }],
    [
      { message: 'a passphrase-7', details: { why: ['passphrase-7'] } },
      { message: 'a ***', details: { why: ['***'] } },
    ],
    [{ arguments: { passphrase-7: 'passphrase-7' } }, { arguments: { passphrase-7: '***' } }],
    [{ runOptions: { instructions: 'a passphrase-7' } }, { runOptions: { instructions: 'a ***' } }],
  ])('hides it in what somebody said: %j', (fields, masked) => {
    expect(maskEvent(event(fields), secrets)).toEqual(event(masked));
  });

  it('hides it in the JSON text of calls, and nowhere else in them', () => {
    const call = (args: string) => ({
      id: 'passphrase-7',
      type: 'function',
      function: { name: 'passphrase-7', arguments: args },
    });
    const given = event({
      type: 'assistant_message',
      content: '',
      toolCalls: [call('{"passphrase-7": "passphrase-7"}')],
    });
    expect(maskEvent(given, secrets)).toEqual(
      event({ type: 'assistant_message', content: '', toolCalls: [call('{"passphrase-7":"***"}')] }),
    );
  });
});
