import { monotonicMs } from '../common/clock.js';

/**
 * Aborts its signal with the run's, or when the model has been silent for too long. A token only updates a time,
 * because that happens once per token: the timer compares it when due, and waits for the rest.
 */
export class SilenceTimer {
  private readonly controller = new AbortController();
  private readonly abort = () => this.controller.abort();
  private timer: NodeJS.Timeout;
  private heardAt = monotonicMs();
  expired = false;
  started = false;

  constructor(
    private readonly parent: AbortSignal,
    public waitedMs: number,
  ) {
    parent.addEventListener('abort', this.abort, { once: true });
    if (parent.aborted) this.abort();
    this.timer = this.arm(waitedMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  heard(idleMs: number): void {
    this.heardAt = monotonicMs();
    if (this.started) return;
    this.started = true;
    clearTimeout(this.timer);
    this.waitedMs = idleMs;
    this.timer = this.arm(idleMs);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.parent.removeEventListener('abort', this.abort);
  }

  private arm(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.look(), ms);
  }

  private look(): void {
    const left = this.heardAt + this.waitedMs - monotonicMs();
    if (left > 0) {
      this.timer = this.arm(left);
      return;
    }
    this.expired = true;
    this.controller.abort();
  }
}
