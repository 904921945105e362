import { describe, expect, it } from '@jest/globals';
import { Secret } from '../common/secret.js';
import type { StoredAgentEvent } from './event.types.js';
import { maskEvent } from './mask-event.js';

const event = (fields: object) =>
  ({ id: 'password-1', seq: 1, sessionId: 'password-s', runId: 'password-r', ...fields }) as StoredAgentEvent;

describe('masking an event', () => {
  const secrets = [new Secret('password')];

  it.each([
    { type: 'agent_run_start', provider: 'password', model: 'password', modelDisplayName: 'password' },
    { type: 'tool_call', toolCallId: 'password', name: 'password', tool: { name: 'password' } },
    { type: 'assistant_message', messageId: 'password', finishReason: 'password' },
    { type: 'system', level: 'password' },
  ])('leaves alone what says what it is: %j', (fields) => {
    const given = event(fields);
    expect(maskEvent(given, secrets)).toBe(given);
  });

  it.each([
    [{ content: 'a password' }, { content: 'a ***' }],
    [{ error: 'a password' }, { error: 'a ***' }],
    [
      { message: 'a password', details: { why: ['password'] } },
      { message: 'a ***', details: { why: ['***'] } },
    ],
    [{ arguments: { password: 'password' } }, { arguments: { password: '***' } }],
    [{ runOptions: { instructions: 'a password' } }, { runOptions: { instructions: 'a ***' } }],
  ])('hides it in what somebody said: %j', (fields, masked) => {
    expect(maskEvent(event(fields), secrets)).toEqual(event(masked));
  });

  it('hides it in the JSON text of calls, and nowhere else in them', () => {
    const call = (args: string) => ({
      id: 'password',
      type: 'function',
      function: { name: 'password', arguments: args },
    });
    const given = event({
      type: 'assistant_message',
      content: '',
      toolCalls: [call('{"password": "password"}')],
    });
    expect(maskEvent(given, secrets)).toEqual(
      event({ type: 'assistant_message', content: '', toolCalls: [call('{"password":"***"}')] }),
    );
  });
});
