import { expect } from '@jest/globals';
import { type AnyEvent, joinedDeltas } from './client.js';
import type { ModelRequest } from './model-stub.js';

const STREAMING = new Set([
  'assistant_streaming_message',
  'assistant_streaming_thinking_message',
  'assistant_streaming_tool_call',
]);

export const isStreaming = ({ type }: { readonly type: string }): boolean => STREAMING.has(type);

/** Without the fields that only the transport has. */
export function plain({ lastEventId: _id, ...event }: AnyEvent): AnyEvent {
  return event;
}

/** The stored ones among what a client got, in the order in which it got them. */
export function storedOf(events: readonly AnyEvent[]): AnyEvent[] {
  return events.filter(({ seq }) => seq !== undefined).map(plain);
}

/** Nothing missing, repeated or out of place: `seq` counts from `after` on, one by one. */
export function expectNoGap(events: readonly AnyEvent[], after = 0): void {
  const seqs = storedOf(events).map(({ seq }) => seq as number);
  expect(seqs).toEqual(seqs.map((_, i) => after + 1 + i));
}

/** Each message whose deltas a client got says at the end what they join to. */
export function expectDeltasJoin(events: readonly AnyEvent[]): void {
  const text = joinedDeltas(events);
  const thinking = joinedDeltas(events, 'assistant_streaming_thinking_message');
  const final = (type: string, id: string) =>
    events.find((event) => event.type === type && event['messageId'] === id)?.['content'];
  for (const [id, joined] of text) expect(joined).toBe(final('assistant_message', id));
  for (const [id, joined] of thinking) expect(joined).toBe(final('assistant_thinking_message', id));
}

/** What every provider takes: user and assistant take turns, and each tool call has its one result. */
export function expectValidConversation({ body: { messages } }: ModelRequest): void {
  const roles = messages.map(({ role }) => role);
  expect(roles.slice(0, 2)).toEqual(['system', 'user']);
  expect(roles.at(-1)).toBe('user');
  for (const [i, role] of roles.entries()) {
    if (role === 'user') expect(['system', 'assistant', 'tool']).toContain(roles[i - 1]);
    if (role === 'assistant') expect(['user', 'tool']).toContain(roles[i - 1]);
  }
  const called = messages.flatMap(({ tool_calls: calls }) => (calls ?? []).map(({ id }) => id));
  const answered = messages.flatMap(({ tool_call_id: id }) => (id === undefined ? [] : [id]));
  expect(answered).toEqual(called);
}
