import { Observable, type Subscriber } from 'rxjs';

/** A stream that is listened to from now on: what comes before its one subscriber is kept for it. */
export interface Held<T> {
  readonly stream: Observable<T>;
  /** Stops listening. */
  drop(): void;
}

/** Subscribes to `source` at once, so that nothing of it is missed until somebody can take it. */
export function hold<T>(source: Observable<T>): Held<T> {
  let waiting: T[] = [];
  let completed = false;
  let subscriber: Subscriber<T> | undefined;
  const subscription = source.subscribe({
    next: (value) => (subscriber ? subscriber.next(value) : waiting.push(value)),
    complete: () => (subscriber ? subscriber.complete() : (completed = true)),
  });
  const stream = new Observable<T>((taker) => {
    for (const value of waiting) taker.next(value);
    waiting = [];
    if (completed) taker.complete();
    else subscriber = taker;
    return () => subscription.unsubscribe();
  });
  return { stream, drop: () => subscription.unsubscribe() };
}
