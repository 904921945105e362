import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';
import type { LiveEvent } from './live-event.js';

/**
 * The live events of this process: a Subject for each session that somebody listens to, made for the first
 * listener and dropped after the last, so that an event costs only those who hear it.
 */
@Injectable()
export class EventBus implements BeforeApplicationShutdown {
  private readonly subjects = new Map<string, Subject<LiveEvent>>();

  publish(sessionId: string, event: LiveEvent): void {
    this.subjects.get(sessionId)?.next(event);
  }

  hasListeners(sessionId: string): boolean {
    return this.subjects.has(sessionId);
  }

  /** What is published from now on. Completes when the session is deleted or the server stops. */
  of(sessionId: string): Observable<LiveEvent> {
    return new Observable((subscriber) => {
      let subject = this.subjects.get(sessionId);
      if (!subject) this.subjects.set(sessionId, (subject = new Subject()));
      const joined = subject;
      joined.subscribe(subscriber);
      return () => {
        subscriber.unsubscribe();
        if (!joined.observed && this.subjects.get(sessionId) === joined) this.subjects.delete(sessionId);
      };
    });
  }

  /** Ends the streams of a session that is no more. */
  complete(sessionId: string): void {
    const subject = this.subjects.get(sessionId);
    this.subjects.delete(sessionId);
    subject?.complete();
  }

  /** After the last run has ended, and before the connections are closed. */
  beforeApplicationShutdown(): void {
    for (const sessionId of [...this.subjects.keys()]) this.complete(sessionId);
  }
}
