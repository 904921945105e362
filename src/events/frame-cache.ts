const MAX_CHARACTERS = 8_000_000;

/**
 * LRU cache of frames that take long to make: when a session's clients reconnect, all of them ask for the same
 * frames, and wait together for each. Holds at most 8 million characters.
 */
export class FrameCache {
  private readonly frames = new Map<string, string | Promise<string>>();
  private characters = 0;

  get(sessionId: string, seq: number): string | Promise<string> | undefined {
    const key = keyOf(sessionId, seq);
    const frame = this.frames.get(key);
    if (frame === undefined) return undefined;
    this.frames.delete(key); // to the end: the least recently used is dropped first
    this.frames.set(key, frame);
    return frame;
  }

  /** @param made the frame, still being made; forgotten if it fails */
  add(sessionId: string, seq: number, made: Promise<string>): void {
    const key = keyOf(sessionId, seq);
    this.frames.set(key, made);
    made.then(
      (frame) => this.keep(key, frame),
      () => this.frames.delete(key), // the caller gets the rejection
    );
  }

  private keep(key: string, frame: string): void {
    this.frames.set(key, frame);
    this.characters += frame.length;
    for (const [oldest, each] of this.frames) {
      if (this.characters <= MAX_CHARACTERS) return;
      if (typeof each !== 'string') continue;
      this.frames.delete(oldest);
      this.characters -= each.length;
    }
  }
}

const keyOf = (sessionId: string, seq: number): string => `${sessionId} ${seq}`;
