import type { AnyEvent } from './client.js';

/** Events in the order in which they came, and a way to await one. */
export class EventList {
  readonly events: AnyEvent[] = [];
  private readonly waiting = new Set<() => void>();
  private over: (() => string) | undefined;

  add(event: AnyEvent): void {
    this.events.push(event);
    this.wake();
  }

  /** No more will come. @param seen what came instead, for the error of those who still wait */
  end(seen: () => string): void {
    this.over = seen;
    this.wake();
  }

  /** Resolves with the first event, past or to come, that fits; rejects when the list ends without one. */
  until(fits: string | ((event: AnyEvent) => boolean)): Promise<AnyEvent> {
    const test = typeof fits === 'string' ? (event: AnyEvent) => event.type === fits : fits;
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.events.find(test);
        if (!found && !this.over) return;
        this.waiting.delete(check);
        if (found) resolve(found);
        else reject(new Error(`The stream ended without it: ${this.over?.()}`));
      };
      this.waiting.add(check);
      check();
    });
  }

  private wake(): void {
    for (const check of [...this.waiting]) check();
  }
}
