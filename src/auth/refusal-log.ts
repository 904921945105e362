import { monotonicMs } from '../common/clock.js';
import { Logger } from '@nestjs/common';

/** Maximum of lines a minute: whoever guesses must not fill the log. */
const MAX_LINES = 20;
const WINDOW_MS = 60_000;

/** Logs refused tokens and login links, without what was given: by their address alone. */
export class RefusalLog {
  private readonly logger = new Logger('Auth');
  private refusals = 0;
  /** End of the current minute, in milliseconds. */
  private until = 0;

  constructor(private readonly now: () => number = monotonicMs) {}

  refused(what: string, address: string): void {
    if (this.now() >= this.until) this.begin();
    this.refusals += 1;
    if (this.refusals <= MAX_LINES)
      this.logger.log(`${what} from ${address || 'an unknown address'} was refused`);
  }

  private begin(): void {
    const hidden = this.refusals - MAX_LINES;
    if (hidden > 0) this.logger.log(`${hidden} more were refused in the minute before`);
    this.refusals = 0;
    this.until = this.now() + WINDOW_MS;
  }
}
