import { Logger } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { type Observable, Subscription } from 'rxjs';
import { answeredId } from './request-id.js';
import { endAnswer, taken } from './unread.js';

/** A comment is sent this often, so that proxies don't take a thinking model for a dead connection. */
export const HEARTBEAT_MS = 15_000;

/**
 * A browser that was cut off comes back after 1 to 3 s: at another time than the others whom a restart cut off with it.
 */
const RETRY_MS = { least: 1_000, spread: 2_000 };

/** Bytes that a reader may leave unread, beside one larger frame, before it is dropped. */
export const MAX_PENDING_BYTES = 1_000_000;

const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

const logger = new Logger('EventStream');

/** An event with its JSON text: it is serialised once, for all its readers. */
export interface SerializedEvent {
  /** Its place in the session's log; undefined when it is not stored. */
  readonly seq: number | undefined;
  readonly json: string;
}

/** A message to one reader alone, of no log: it is serialised here. */
export interface ControlMessage {
  readonly type: string;
  readonly seq?: undefined;
  readonly json?: undefined;
}

export type StreamItem = SerializedEvent | ControlMessage;

export interface StreamOptions {
  /** How long a reader may take no byte. */
  readonly stalledReaderMs: number;
  /**
   * Whether a browser may follow the stream, which reconnects by itself: the frame of a stored event then carries its
   * `seq` as the id to come back with, and the first frame the time to wait before. Default false.
   */
  readonly reconnects?: boolean;
}

/**
 * The cursor that a reader comes with: `Last-Event-ID` wins over `after`, for a browser that reconnects repeats the
 * address that it began with. NaN for a header that holds no number.
 */
export function requestedCursor(lastEventId: string | undefined, after?: number): number | undefined {
  return lastEventId ? Number(lastEventId) : after;
}

/**
 * Writes a stream to the response, a frame for each item, until it completes or the reader leaves. Frames that are
 * ready in one turn of the event loop leave in one write. A reader that stops reading is disconnected at
 * {@link MAX_PENDING_BYTES}, or when it takes no byte in `stalledReaderMs`, and can come back with its cursor; a reader
 * that leaves only ends its own subscription. A HEAD is answered with the headers alone, and subscribes to nothing.
 * @param streamOf is given `ready` to wait at, which resolves when the reader has taken what it was sent, or has left:
 * what is read from the store is read no faster than it is taken
 */
export function sendEventStream(
  res: ServerResponse,
  streamOf: (ready: () => Promise<void>) => Observable<StreamItem>,
  options: StreamOptions,
): void {
  if (res.req.method === 'HEAD') {
    res.writeHead(200, STREAM_HEADERS).end(); // of a stream without an end, this is all there is to say
    return;
  }
  const stream = new EventStream(res, options);
  stream.send(streamOf(() => stream.ready()));
}

/** One line of data and an empty line: existing clients drop any other frame. Only a stored event has an id. */
function toFrame(item: StreamItem, withId: boolean): string {
  const { seq, json = JSON.stringify(item) } = item;
  return withId && seq !== undefined ? `id: ${seq}\ndata: ${json}\n\n` : `data: ${json}\n\n`;
}

const retryFrame = (): string => `retry: ${RETRY_MS.least + Math.floor(Math.random() * RETRY_MS.spread)}\n\n`;

class EventStream {
  private pending = '';
  private scheduled = false;
  /** The largest frame that may still be on its way: alone it is no sign of a slow reader. */
  private largest = 0;
  private readonly subscription = new Subscription();
  /** Resolves when the reader has taken what it leaves unread now. */
  private unread: Promise<void> | undefined;

  constructor(
    private readonly res: ServerResponse,
    private readonly options: StreamOptions,
  ) {
    res.writeHead(200, STREAM_HEADERS);
    res.socket?.setNoDelay(true);
    if (options.reconnects) this.pending = retryFrame();
    this.schedule(); // what is there already leaves with the headers
  }

  send(stream: Observable<StreamItem>): void {
    const { stalledReaderMs, reconnects = false } = this.options;
    const heartbeat = setInterval(() => this.add(': ping\n\n'), HEARTBEAT_MS);
    const close = () => {
      clearInterval(heartbeat);
      this.subscription.unsubscribe();
    };
    const complete = () => {
      const last = this.pending;
      this.pending = '';
      void endAnswer(this.res, last, stalledReaderMs);
    };
    const error = (thrown: unknown) => {
      const { method, url } = this.res.req;
      logger.error(
        `${method} ${url?.split('?', 1)[0]} broke off (${answeredId(this.res)}): ${String(thrown)}`,
      );
      this.res.destroy(); // what ends in order looks complete
    };
    this.res.on('drain', () => (this.largest = 0));
    this.res.once('close', close);
    const next = (item: StreamItem) => this.add(toFrame(item, reconnects));
    this.subscription.add(stream.subscribe({ next, complete, error }));
    if (this.res.destroyed) close();
  }

  ready(): Promise<void> {
    this.flush();
    return this.unread ?? Promise.resolve();
  }

  private add(frame: string): void {
    this.pending += frame;
    if (frame.length > this.largest) this.largest = frame.length;
    this.schedule();
  }

  /** After what is under way, promises included: a write to a socket costs as much as all else of some frames. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => process.nextTick(() => this.flush()));
  }

  private flush(): void {
    this.scheduled = false;
    const { res } = this;
    if (res.destroyed || res.writableEnded) return;
    if (this.pending === '') {
      res.flushHeaders();
      return;
    }
    res.write(this.pending);
    this.pending = '';
    if (res.writableLength > MAX_PENDING_BYTES + this.largest) res.destroy();
    else if (res.writableNeedDrain) this.unread ??= this.whenTaken();
  }

  private async whenTaken(): Promise<void> {
    await taken(this.res, this.options.stalledReaderMs);
    this.unread = undefined;
  }
}
