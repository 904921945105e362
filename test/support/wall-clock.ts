import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CLOCK_FAULTS = new URL('./clock-faults.mjs', import.meta.url).href;

/** The wall clock of one server, which can be set while the server runs. */
export class WallClock {
  private readonly file: string;

  constructor(directory: string) {
    this.file = join(directory, 'clock-offset');
  }

  /** The environment that the server is started with. */
  get env(): NodeJS.ProcessEnv {
    return { NODE_OPTIONS: `--import=${CLOCK_FAULTS}`, CLOCK_OFFSET: this.file };
  }

  /** Sets the clock so far ahead of the machine's, or behind it. */
  async set(offsetMs: number): Promise<void> {
    await writeFile(`${this.file}.new`, String(offsetMs));
    await rename(`${this.file}.new`, this.file);
  }
}
