// Loaded into a server before all else (NODE_OPTIONS=--import): its wall clock is ahead of the machine's by as many
// milliseconds as a file says, from the moment it says so. The monotonic clock goes on, as it does where a clock is set.
import { readFileSync } from 'node:fs';

const { CLOCK_OFFSET } = process.env;
const SystemDate = Date;

function offset() {
  try {
    return Number(readFileSync(CLOCK_OFFSET, 'utf8'));
  } catch {
    return 0; // it has not been set yet
  }
}

globalThis.Date = class Date extends SystemDate {
  constructor(...given) {
    if (given.length > 0) super(...given);
    else super(Date.now());
  }

  static now() {
    return SystemDate.now() + offset();
  }
};
