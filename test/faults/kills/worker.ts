import { join } from 'node:path';
import { within } from '../../support/waiting.js';
import { DataDirectory, type Suite } from './data-directory.js';
import { type KillPlan, planOf } from './plan.js';

/** So many kills happen to one data directory, then the next one begins with an empty one. */
const KILLS_PER_DIRECTORY = 24;
/** Whatever takes longer hangs: a session that stays busy, a client that waits for ever. */
const LIMIT_MS = 90_000;

/** One data directory after the other, each with one server at a time that is killed again and again. */
export class Worker {
  private directory: DataDirectory | undefined;
  private directories = 0;
  private kills = 0;

  constructor(
    private readonly index: number,
    private readonly suite: Suite,
  ) {}

  /** @throws Error naming the seed, the kill and what was found */
  async kill(kill: number): Promise<void> {
    const { index, kills, suite } = this;
    const plan = planOf(suite.seed, kill, { index, kills, firstStart: !this.directory });
    this.kills += 1;
    this.directory ??= await DataDirectory.open(join(suite.root, `${index}-${++this.directories}`), suite);
    await this.directory.at(describe(suite.seed, plan), (directory) =>
      within(LIMIT_MS, 'it', directory.kill(plan)),
    );
    if (this.directory.kills === KILLS_PER_DIRECTORY) await this.finish();
  }

  /** Starts the server once more, and lets it end by itself. */
  async finish(): Promise<void> {
    const { directory } = this;
    this.directory = undefined;
    await directory?.at(`seed ${this.suite.seed}, at the end of a directory`, () => directory.finish());
  }
}

function describe(seed: number, { kill, during, focus, moment }: KillPlan): string {
  const { on, nth, thenMs } = moment;
  return `SEED=${seed}, kill ${kill} (during ${during} of ${focus}, at ${on} no. ${nth} and ${thenMs} ms)`;
}
