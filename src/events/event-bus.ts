import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';
import type { LiveEvent } from './live-event.js';

/**
 * Live events of this process: a Subject for each session with subscribers, made for the first and dropped after the
 * last, so that an event costs only its subscribers.
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

  /** Events published from now on. Completes when the session is deleted or the server stops. */
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

  /** Completes the streams of a deleted session. */
  complete(sessionId: string): void {
    const subject = this.subjects.get(sessionId);
    this.subjects.delete(sessionId);
    subject?.complete();
  }

  /** Completes all streams: after the last run, before the connections are closed. */
  beforeApplicationShutdown(): void {
    for (const sessionId of [...this.subjects.keys()]) this.complete(sessionId);
  }
}
