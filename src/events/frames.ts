import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/index.js';
import type { StoredAgentEvent, Truncated } from './event.types.js';
import { PublishedEvent } from './published.js';

/** What every text keeps, however many share the room there is. */
const FEWEST = 200;
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
    const room = Math.max(0, Math.floor((this.limit - ROOM_FOR_THE_REST) / 3));
    const long = countTexts(shortened, FEWEST);
    const keep = Math.max(FEWEST, Math.floor(room / Math.max(1, long)));
    const cut = JSON.stringify(shortened, (_key, value: unknown) =>
      typeof value === 'string' ? cutText(value, keep) : value,
    );
    if (Buffer.byteLength(cut) <= this.limit) return cut;
    // No single text is long: there are many of them. What is left is the head of it all, as text.
    for (const field of ['content', 'arguments', 'toolCalls', 'details']) {
      const value = shortened[field];
      if (value === undefined) continue;
      if (field === 'content') shortened[field] = cutText(textOf(value), room);
      else if (field === 'arguments') shortened[field] = {};
      else delete shortened[field];
    }
    return JSON.stringify(shortened);
  }
}

/** An image cut in the middle would be a broken one: nothing of it is kept. */
function cutText(text: string, keep: number): string {
  if (text.length <= keep) return text;
  if (text.startsWith('data:')) return `data:,[${text.length} characters left out]`;
  return `${text.slice(0, keep)}\n[… ${text.length - keep} more characters]`;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function countTexts(value: unknown, longerThan: number): number {
  if (typeof value === 'string') return value.length > longerThan ? 1 : 0;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + countTexts(each, longerThan), 0);
}
