import { monotonicMs } from '../common/clock.js';

/**
 * Reports a run without progress, and never ends it: a healthy run may think for long. Reports after `quietMs`, and
 * again each time the silence has doubled. Progress costs nothing: the timer looks up the last one when it fires, and
 * waits for the rest.
 */
export class StallDetector {
  private timer: NodeJS.Timeout;
  /** How long a silence is told of next. */
  private thresholdMs: number;
  private reportedFor = 0;

  /**
   * @param lastProgress when it was, by the monotonic clock
   * @param onStall is told how long it has been silent
   */
  constructor(
    private readonly quietMs: number,
    private readonly lastProgress: () => number,
    private readonly onStall: (silentMs: number) => void,
  ) {
    this.thresholdMs = quietMs;
    this.timer = this.wait(quietMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private look(): void {
    const last = this.lastProgress();
    if (last !== this.reportedFor) this.thresholdMs = this.quietMs;
    const silentMs = monotonicMs() - last;
    if (silentMs >= this.thresholdMs) {
      this.reportedFor = last;
      this.thresholdMs *= 2;
      this.onStall(silentMs);
    }
    this.timer = this.wait(Math.max(1, this.thresholdMs - silentMs));
  }

  private wait(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.look(), ms);
  }
}
