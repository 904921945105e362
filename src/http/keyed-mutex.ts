import { TurnRefused } from './http.errors.js';

/** How many may wait behind the one whose turn it is, for each key. */
const MAX_WAITING = 16;

interface Waiter {
  readonly begin: () => void;
  readonly timer: NodeJS.Timeout;
}

/** One at a time for each key, in the order in which they came. */
export class KeyedMutex {
  /** By the keys that somebody has the turn of. */
  private readonly queues = new Map<string, Waiter[]>();

  /**
   * @param maxWaitMs how long a turn is waited for
   * @param taken the sentence that says what goes on meanwhile
   */
  constructor(
    private readonly maxWaitMs: number,
    private readonly taken: string,
  ) {}

  /**
   * Waits until it is the caller's turn.
   * @param signal the caller has no more use for it
   * @returns what gives the turn back, to be called once
   * @throws TurnRefused when too many wait already, or it takes too long; also once `signal` says so
   */
  async take(key: string, signal?: AbortSignal): Promise<() => void> {
    const queue = this.queues.get(key);
    if (queue) await this.wait(queue, signal);
    else this.queues.set(key, []);
    return () => this.pass(key);
  }

  private async wait(queue: Waiter[], signal: AbortSignal | undefined): Promise<void> {
    if (queue.length >= MAX_WAITING || signal?.aborted) throw new TurnRefused(this.taken);
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        clearTimeout(waiter.timer);
        queue.splice(queue.indexOf(waiter), 1);
        reject(new TurnRefused(this.taken));
      };
      const begin = () => {
        clearTimeout(waiter.timer);
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const waiter: Waiter = { begin, timer: setTimeout(leave, this.maxWaitMs) };
      signal?.addEventListener('abort', leave, { once: true });
      queue.push(waiter);
    });
  }

  private pass(key: string): void {
    const next = this.queues.get(key)?.shift();
    if (next) next.begin();
    else this.queues.delete(key);
  }
}
