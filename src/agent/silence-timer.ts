import { monotonicMs } from '../common/clock.js';

/** Times the wait for the model that a connection can be kept alive for without a word from it. */
const MAX_KEPT_ALIVE = 15;

/**
 * Aborts its signal with the run's, or when the model has been silent for too long. A token only updates a time,
 * because that happens once per token: the timer compares it when due, and waits for the rest.
 */
export class SilenceTimer {
  private readonly controller = new AbortController();
  private readonly abort = () => this.controller.abort();
  private timer: NodeJS.Timeout;
  /** When the model last said something, and when the connection last showed a sign of life. */
  private heardAt = monotonicMs();
  private aliveAt = this.heardAt;
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

  /**
   * The connection is alive: a provider sends comments while the model is loaded or thinks. It may take 15 times as long
   * as a silent one.
   */
  alive(): void {
    this.aliveAt = monotonicMs();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.parent.removeEventListener('abort', this.abort);
  }

  private arm(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.look(), ms);
  }

  private look(): void {
    const until = Math.min(this.aliveAt + this.waitedMs, this.heardAt + MAX_KEPT_ALIVE * this.waitedMs);
    const left = Math.max(until, this.heardAt + this.waitedMs) - monotonicMs();
    if (left > 0) {
      this.timer = this.arm(left);
      return;
    }
    this.expired = true;
    this.controller.abort();
  }
}
