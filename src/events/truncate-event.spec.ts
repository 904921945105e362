import { describe, expect, it } from '@jest/globals';
import { decode, endWithin, EventTexts } from './event-texts.js';
import { cutEvent, MIN_TEXT } from './truncate-event.js';

const WHOLE = '/api/sessions/events?sessionId=s&after=1&limit=1';
const PLACE = { id: 'e', type: 'tool_result', seq: 2, sessionId: 's', runId: 'r', timestamp: 1 };

function cut(event: object, limit: number, step = Infinity): Record<string, unknown> {
  const json = Buffer.from(JSON.stringify(event));
  const texts = new EventTexts(json, MIN_TEXT);
  while (!texts.read(step)) continue;
  const frame = cutEvent(json, texts, { bytes: json.length, whole: WHOLE }, limit);
  expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(limit);
  return JSON.parse(frame) as Record<string, unknown>;
}

const NASTY = 'a"\\\n\u0000/€ü😀\ud800</script>\u2028';

describe('an event that is cut', () => {
  it('keeps the beginning of each long text, and says how much is left out', () => {
    const text = NASTY.repeat(2_000);
    const frame = cut(
      {
        ...PLACE,
        content: [
          { type: 'text', text },
          { type: 'text', text: 'short' },
        ],
      },
      10_000,
    );
    expect(frame).toMatchObject({ ...PLACE, truncated: { whole: WHOLE } });
    const [long, short] = frame['content'] as { text: string }[];
    expect(short?.text).toBe('short');
    const [, head = '', left] = /^(.*)\n\[… (\d+) more characters]$/s.exec(long?.text ?? '') ?? [];
    expect(text.startsWith(head)).toBe(true);
    expect(head.length + Number(left)).toBe(text.length);
    expect(Buffer.byteLength(JSON.stringify(head))).toBeGreaterThan(8_000);
  });

  it('is the same however little of it is looked at in one go', () => {
    const event = {
      ...PLACE,
      content: NASTY.repeat(2_000),
      error: NASTY.repeat(1_000),
      tool: { name: 'x', list: [1, {}] },
    };
    const whole = cut(event, 8_000);
    for (const step of [1, 2, 3, 1_000]) expect(cut(event, 8_000, step)).toEqual(whole);
  });

  it('keeps nothing of an image', () => {
    const url = `data:image/png;base64,${'A'.repeat(50_000)}`;
    const frame = cut({ ...PLACE, content: [{ type: 'image_url', image_url: { url } }] }, 5_000);
    expect(frame['content']).toEqual([
      { type: 'image_url', image_url: { url: `data:,[${url.length} characters left out]` } },
    ]);
  });

  it('is the head of its content where no text of it is long, and keeps what it is', () => {
    const content = Array.from({ length: 20_000 }, (_, i) => ({ i, [`key "${i}`]: NASTY }));
    const frame = cut({ ...PLACE, toolCallId: 'c', content, elapsedMs: 3 }, 20_000);
    expect(frame).toMatchObject({ ...PLACE, toolCallId: 'c', elapsedMs: 3 });
    expect(JSON.stringify(content).startsWith((frame['content'] as string).split('\n[… ')[0] ?? '?')).toBe(
      true,
    );
    expect((frame['content'] as string).length).toBeGreaterThan(8_000);
  });

  it.each([
    ['arguments', { arguments: { list: Array.from({ length: 9_000 }, (_, i) => i) } }, { arguments: {} }],
    ['details', { content: 'x', details: Array.from({ length: 9_000 }, (_, i) => i) }, { content: 'x' }],
    ['many fields', Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, 'x'.repeat(190)])), {}],
  ])('leaves out what has no room: %s', (_what, fields, left) => {
    expect(cut({ ...PLACE, ...fields }, 4_096)).toMatchObject({ ...PLACE, ...left });
  });

  it('finds its fields whatever stands in them', () => {
    const json = Buffer.from(JSON.stringify({ a: '","b":"', 'c"}': [{ d: '}' }], e: {}, f: null }));
    const texts = new EventTexts(json, 0);
    texts.read();
    expect(
      texts.fields.map(({ start, end }) => JSON.parse(json.toString('utf8', start, end)) as unknown),
    ).toEqual(['","b":"', [{ d: '}' }], {}, null]);
    expect(texts.long.map(({ start, end }) => decode(json, start, end))).toEqual(['","b":"', '}']);
  });
});

describe('the end of a text that must not be longer', () => {
  it('never lies inside of a character', () => {
    const json = Buffer.from(JSON.stringify(NASTY).slice(1, -1));
    for (let bytes = 0; bytes <= json.length; bytes++) {
      const end = endWithin(json, 0, json.length, bytes);
      expect(end).toBeLessThanOrEqual(bytes);
      expect(end).toBeGreaterThan(bytes - 6);
      expect(NASTY.startsWith(decode(json, 0, end))).toBe(true);
    }
  });
});
