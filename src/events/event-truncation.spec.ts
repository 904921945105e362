import { describe, expect, it } from '@jest/globals';
import type { AppConfig } from '../config/index.js';
import type { EventPages } from './event-pages.js';
import type { StoredAgentEvent } from './event.types.js';
import { EventTruncator } from './event-truncation.js';

const LIMIT = 100_000;
const frames = new EventTruncator(
  {} as EventPages,
  { server: { maxFrameBytes: LIMIT, basePath: '/api' } } as AppConfig,
);

describe('a frame', () => {
  it.each([
    ['plain', 'a'],
    ['of ends of lines', '\n'],
    ['of control characters', '\u0001'],
    ['of several bytes a character', '漢'],
    ['of pairs of surrogates', '😀'],
    ['mixed', 'a\n漢😀\u0001"\\'],
  ])('of a long text, %s, holds nearly as much of it as may be', (_, piece) => {
    const event = { id: 'x', type: 'tool_result', sessionId: 's', seq: 5, content: piece.repeat(200_000) };
    const frame = frames.publish(event as unknown as StoredAgentEvent, JSON.stringify(event)).json;
    expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(LIMIT);
    expect(Buffer.byteLength(frame)).toBeGreaterThan(LIMIT - 5_000);
    const { content } = JSON.parse(frame) as { content: string };
    const [kept = ''] = content.split('\n[… ');
    expect(event.content.startsWith(kept)).toBe(true);
  });
});
