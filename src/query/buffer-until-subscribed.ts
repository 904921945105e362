import { Observable, type Subscriber } from 'rxjs';

/** A source that is subscribed to already: its values are buffered until the stream's one subscriber arrives. */
export interface Buffered<T> {
  readonly stream: Observable<T>;
  /** Ends the subscription to the source. */
  unsubscribe(): void;
}

/** Subscribes to `source` at once, and buffers its values until the single subscriber arrives. */
export function bufferUntilSubscribed<T>(source: Observable<T>): Buffered<T> {
  let buffer: T[] = [];
  let completed = false;
  let subscriber: Subscriber<T> | undefined;
  const subscription = source.subscribe({
    next: (value) => (subscriber ? subscriber.next(value) : buffer.push(value)),
    complete: () => (subscriber ? subscriber.complete() : (completed = true)),
  });
  const stream = new Observable<T>((taker) => {
    for (const value of buffer) taker.next(value);
    buffer = [];
    if (completed) taker.complete();
    else subscriber = taker;
    return () => subscription.unsubscribe();
  });
  return { stream, unsubscribe: () => subscription.unsubscribe() };
}
