import { Injectable } from '@nestjs/common';
import { nextTurn } from '../files/loop-turns.js';
import { AppConfig } from '../config/index.js';
import type { StoredAgentEvent } from './event.types.js';
import { FrameCache } from './frame-cache.js';
import { EventPages, type EventRow } from './event-pages.js';
import { EventTexts } from './event-texts.js';
import { StoredLiveEvent } from './live-event.js';
import { cutEvent, MIN_TEXT } from './truncate-event.js';

/** Bytes of an event's JSON scanned at once: some milliseconds. */
const STEP_BYTES = 1_000_000;

/**
 * Frames of stored events: the event as it is, or, beyond `server.maxFrameBytes`, with its long texts cut and a field
 * `truncated` that links to the whole. Live and replayed frames are the same.
 */
@Injectable()
export class EventTruncator {
  private readonly limit: number;
  /** Path of the API as browsers see it. */
  private readonly api: string;
  private readonly cache = new FrameCache();

  constructor(
    private readonly pages: EventPages,
    { server }: AppConfig,
  ) {
    this.limit = server.maxFrameBytes;
    this.api = server.publicPath + server.basePath;
  }

  /** @param json the event as stored */
  publish(event: StoredAgentEvent, json: string): StoredLiveEvent {
    if (this.fits(json)) return new StoredLiveEvent(event, json);
    const frame = this.cut(Buffer.from(json), event.sessionId, event.seq);
    return new StoredLiveEvent(JSON.parse(frame) as StoredAgentEvent, frame);
  }

  /**
   * Frame of an event read from the log: synchronous, unless the event is a long one.
   * @throws EventsGone
   */
  of(sessionId: string, { seq, bytes, data }: EventRow): string | Promise<string> {
    if (data === null) return this.ofLarge(sessionId, seq, bytes);
    return bytes <= this.limit ? data : this.cut(Buffer.from(data), sessionId, seq);
  }

  private ofLarge(sessionId: string, seq: number, bytes: number): string | Promise<string> {
    if (bytes <= this.limit) return this.pages.text(sessionId, seq);
    const known = this.cache.get(sessionId, seq);
    if (known !== undefined) return known;
    const made = this.pages.withWhole(sessionId, seq, async (json) => {
      const texts = new EventTexts(json, MIN_TEXT);
      while (!texts.read(STEP_BYTES)) await nextTurn();
      return this.cut(json, sessionId, seq, texts);
    });
    this.cache.add(sessionId, seq, made);
    return made;
  }

  private fits(json: string): boolean {
    // No UTF-16 code unit takes more than three bytes.
    return json.length * 3 <= this.limit || Buffer.byteLength(json) <= this.limit;
  }

  private cut(json: Buffer, sessionId: string, seq: number, texts = new EventTexts(json, MIN_TEXT)): string {
    texts.read();
    const whole = `${this.api}/sessions/events?sessionId=${sessionId}&after=${seq - 1}&limit=1`;
    return cutEvent(json, texts, { bytes: json.length, whole }, this.limit);
  }
}
