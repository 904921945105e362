import type { ServerResponse } from 'node:http';

/**
 * Resolves once the reader has taken what was written, or has left. A reader that takes no byte in
 * `stalledReaderMs` is dropped.
 */
export function taken(res: ServerResponse, stalledReaderMs: number): Promise<void> {
  if (res.destroyed || !res.writableNeedDrain) return Promise.resolve();
  return settled(res, 'drain', stalledReaderMs);
}

/** Ends the answer. Resolves once the reader has taken it, or has left; one that stands still is dropped likewise. */
export function endAnswer(
  res: ServerResponse,
  last: string | Buffer,
  stalledReaderMs: number,
): Promise<void> {
  res.end(last);
  if (res.destroyed || res.writableLength === 0) return Promise.resolve();
  return settled(res, 'finish', stalledReaderMs);
}

function settled(res: ServerResponse, event: 'drain' | 'finish', stalledReaderMs: number): Promise<void> {
  return new Promise((resolve) => {
    let before = withTheSystem(res);
    const timer = setInterval(() => {
      const now = withTheSystem(res);
      if (now === before) res.destroy();
      before = now;
    }, stalledReaderMs);
    const done = () => {
      clearInterval(timer);
      res.off(event, done);
      res.off('close', done);
      resolve();
    };
    res.once(event, done);
    res.once('close', done);
  });
}

/**
 * Bytes that the system has been given and has not taken yet: one write at a time, so that the number stands still
 * only when the reader does. (The system takes more once a third of its buffer is free, so that a slow reader moves in
 * steps.) Node's own timeout of a socket looks at the number too; but what a client sends sets that one back.
 */
function withTheSystem({ socket }: ServerResponse): number | undefined {
  return (socket as { _handle?: { writeQueueSize?: number } } | null)?._handle?.writeQueueSize;
}
