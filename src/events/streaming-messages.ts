import { Injectable } from '@nestjs/common';
import type { StreamingMessage } from './streaming-message.js';

/** The messages that models write in this process right now, by session: a client that joins gets the text so far. */
@Injectable()
export class StreamingMessages {
  private readonly bySession = new Map<string, StreamingMessage>();

  of(sessionId: string): StreamingMessage | undefined {
    return this.bySession.get(sessionId);
  }

  opened(message: StreamingMessage): void {
    this.bySession.set(message.sessionId, message);
  }

  /** Removes a closed message, unless the session's next one has been opened meanwhile. */
  closed(message: StreamingMessage): void {
    if (this.bySession.get(message.sessionId) === message) this.bySession.delete(message.sessionId);
  }
}
