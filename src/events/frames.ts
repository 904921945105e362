import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/index.js';
import type { StoredAgentEvent, Truncated } from './event.types.js';
import { PublishedEvent } from './published.js';

/** Characters that every text keeps, however many share the room there is. */
const FEWEST = 200;
/** What the note of a cut takes. */
const NOTE = 60;
/** Characters; a power of two. */
const LONGEST_STEP = 16_384;
/** Beyond `content` and `arguments`: the fields of an event that hold no text of any length. */
const ROOM_FOR_THE_REST = 2_000;

type Shortened = { [field: string]: unknown; truncated: Truncated };

/**
 * How a stored event is sent: as it is, or, beyond `server.maxFrameBytes`, with its long texts cut and a field
 * `truncated` that says where the whole of it is. Live and replayed frames are the same.
 */
@Injectable()
export class Frames {
  private readonly limit: number;
  private readonly basePath: string;

  constructor({ server }: AppConfig) {
    this.limit = server.maxFrameBytes;
    this.basePath = server.basePath;
  }

  publish(event: StoredAgentEvent, json: string): PublishedEvent {
    const frame = this.of(json);
    return new PublishedEvent(frame === json ? event : (JSON.parse(frame) as StoredAgentEvent), frame);
  }

  /** @param json the event as it is stored */
  of(json: string): string {
    if (json.length * 3 <= this.limit) return json; // no character takes more than three bytes
    const bytes = Buffer.byteLength(json);
    return bytes <= this.limit ? json : this.shorten(JSON.parse(json) as StoredAgentEvent, bytes);
  }

  private shorten(event: StoredAgentEvent, bytes: number): string {
    const { sessionId, seq } = event;
    const whole = `${this.basePath}/sessions/events?sessionId=${sessionId}&after=${seq - 1}&limit=1`;
    const shortened: Shortened = { ...event, truncated: { bytes, whole } };
    const room = Math.max(0, this.limit - ROOM_FOR_THE_REST);
    const long = countTexts(shortened, FEWEST);
    const keep = Math.floor(room / Math.max(1, long)) - NOTE;
    const cut = JSON.stringify(shortened, (_key, value: unknown) =>
      typeof value === 'string' ? cutText(value, keep) : value,
    );
    if (Buffer.byteLength(cut) <= this.limit) return cut;
    // No single text is long: there are many of them. What is left is the head of it all, as text.
    for (const field of ['content', 'arguments', 'toolCalls', 'details']) {
      const value = shortened[field];
      if (value === undefined) continue;
      if (field === 'content') shortened[field] = cutText(textOf(value), room - NOTE);
      else if (field === 'arguments') shortened[field] = {};
      else delete shortened[field];
    }
    return JSON.stringify(shortened);
  }
}

/** An image cut in the middle would be a broken one: nothing of it is kept. */
function cutText(text: string, bytes: number): string {
  if (text.length <= FEWEST) return text;
  const kept = fitting(text, bytes);
  if (kept === text.length) return text;
  if (text.startsWith('data:')) return `data:,[${text.length} characters left out]`;
  return `${text.slice(0, kept)}\n[… ${text.length - kept} more characters]`;
}

/** How many characters of `text` take at most so many bytes as JSON. It is gone through once, in ever smaller steps. */
function fitting(text: string, bytes: number): number {
  let kept = 0;
  let left = bytes - 2; // its quotes
  for (let step = LONGEST_STEP; step >= 1; step /= 2) {
    while (kept + step <= text.length) {
      const size = Buffer.byteLength(JSON.stringify(text.slice(kept, kept + step))) - 2;
      if (size > left) break;
      kept += step;
      left -= size;
    }
  }
  return kept;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function countTexts(value: unknown, longerThan: number): number {
  if (typeof value === 'string') return value.length > longerThan ? 1 : 0;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + countTexts(each, longerThan), 0);
}
