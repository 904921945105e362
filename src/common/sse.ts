import type { ServerResponse } from 'node:http';
import { type Observable, Subscription } from 'rxjs';

/** A comment is sent this often, so that proxies don't take a thinking model for a dead connection. */
export const HEARTBEAT_MS = 15_000;

/** What a reader may leave unread before it is dropped. It can come back with its cursor. */
export const MAX_PENDING_BYTES = 1_000_000;

/**
 * Writes `frames` (complete SSE frames, each ending in an empty line) to the response until they complete or
 * the reader leaves. Frames that are ready in one tick leave in one write. A reader that stops reading is
 * disconnected at {@link MAX_PENDING_BYTES}; a reader that leaves only ends its own subscription.
 */
export function sendEventStream(res: ServerResponse, frames: Observable<string>): void {
  res.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    connection: 'keep-alive',
    'x-accel-buffering': 'no',
  });
  res.socket?.setNoDelay(true);
  res.flushHeaders();

  let pending = '';
  let scheduled = false;
  const flush = () => {
    scheduled = false;
    if (pending === '' || res.destroyed) return;
    res.write(pending);
    pending = '';
    if (res.writableLength > MAX_PENDING_BYTES) res.destroy();
  };
  const send = (frame: string) => {
    pending += frame;
    if (scheduled) return;
    scheduled = true;
    process.nextTick(flush);
  };

  const heartbeat = setInterval(() => send(': ping\n\n'), HEARTBEAT_MS);
  const subscription = new Subscription();
  const close = () => {
    clearInterval(heartbeat);
    subscription.unsubscribe();
  };
  res.once('close', close);
  const end = () => {
    flush();
    res.end();
  };
  subscription.add(frames.subscribe({ next: send, complete: end, error: end }));
  if (res.destroyed) close();
}

/**
 * Resolves when the response can take more: at once, or when its buffer has drained or it was closed.
 * What is read from the store for a slow reader waits here instead of in memory.
 */
export function writable(res: ServerResponse): Promise<void> {
  if (res.destroyed || !res.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    res.once('drain', done);
    res.once('close', done);
  });
}
