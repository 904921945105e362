import type { LanguageModelV3Message } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { Conversation, RequestTooLarge } from './conversation.js';

const user = (text: string): LanguageModelV3Message => ({ role: 'user', content: [{ type: 'text', text }] });
const call = (toolCallId: string): LanguageModelV3Message => ({
  role: 'assistant',
  content: [{ type: 'tool-call', toolCallId, toolName: 't', input: {} }],
});
const results = (toolCallId: string, ...values: string[]): LanguageModelV3Message => ({
  role: 'tool',
  content: values.map((value) => ({
    type: 'tool-result',
    toolCallId,
    toolName: 't',
    output: { type: 'text', value },
  })),
});
const long = 'x'.repeat(4_000);
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
const made = (messages: LanguageModelV3Message[], maxBytes: number) =>
  new Conversation(messages, bytesOf(messages), maxBytes);
const add = (conversation: Conversation, ...messages: LanguageModelV3Message[]) => {
  for (const message of messages) conversation.push(message, bytesOf(message));
};

describe('the conversation of a request', () => {
  it('is what it is while it fits', () => {
    const messages = [user('hi'), call('a'), results('a', long)];
    expect(made(messages, 10_000).forRequest()).toEqual(messages);
  });

  it('leaves out the oldest results of tools, until it fits', () => {
    const conversation = made([user('hi'), call('a'), results('a', long, 'short')], 9_500);
    add(conversation, call('b'), results('b', long));
    expect(conversation.forRequest()).toContainEqual(results('a', long, 'short'));
    add(conversation, call('c'), results('c', long));
    const messages = conversation.forRequest();
    const left = expect.stringContaining('was left out') as unknown as string;
    expect(messages[2]).toEqual(results('a', left, 'short'));
    expect(messages.slice(3)).toEqual([call('b'), results('b', long), call('c'), results('c', long)]);
    expect(bytesOf(messages)).toBeLessThanOrEqual(9_500);
  });

  it('goes on leaving them out as it grows', () => {
    const conversation = made([user('hi')], 40_000);
    for (let i = 0; i < 50; i++) {
      add(conversation, call(`c${i}`), results(`c${i}`, long));
      const messages = conversation.forRequest();
      expect(bytesOf(messages)).toBeLessThanOrEqual(40_000 + messages.length);
      expect(messages.at(-1)).toEqual(results(`c${i}`, long));
    }
  });

  it('is refused in words when nothing is left that can be left out', () => {
    const conversation = made([user(long), results('a', long)], 3_000);
    expect(() => conversation.forRequest()).toThrow(RequestTooLarge);
    expect(() => conversation.forRequest()).toThrow(/larger than 3000 bytes.*Ask for less/);
  });
});
