import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Gate } from '../../support/model-stub.js';
import { greetingOf, ServerProcess } from '../../support/process.js';
import type { Moment } from './plan.js';

/** What is thrown to a client whose server has been killed. */
export class ServerGone extends Error {
  override readonly name = 'ServerGone';
}

/** One server process from its start to its end by SIGKILL, at a moment that is named before. */
export class ServerLife {
  private static last = 0;
  /** Its place among all processes of this suite. */
  readonly number = ++ServerLife.last;
  /** Whether it has been killed. */
  over = false;
  /** The model answers nothing until this is opened. */
  silence: Gate | undefined;
  /** The model answers briefly, whatever the query says. */
  brief = false;
  /** What it wrote to stderr: nothing, if all is well. */
  stderr = '';
  /** Resolves with its exit code when it is gone; null when it was killed. */
  readonly exited: Promise<number | null>;
  private child: ChildProcess | undefined;
  private url: Promise<string> | undefined;
  private readonly holds = new Map<string, Gate>();
  private readonly counts = new Map<string, number>();
  private moment: Moment | undefined;
  private strike: (() => void) | undefined;
  private end: (code: number | null) => void = () => undefined;

  constructor() {
    this.exited = new Promise((resolve) => (this.end = resolve));
  }

  /** @param args what `agent-tars serve` is given beside its port */
  spawn(args: readonly string[], cwd: string): this {
    const child = ServerProcess.spawn(['--port', '0', ...args], { cwd });
    this.child = child;
    child.stderr.on('data', (data) => (this.stderr += String(data)));
    this.url = greetingOf(child).then(({ url }) => url);
    this.url.catch(() => undefined); // who asks for it is told
    void once(child, 'exit').then(([code]) => this.end(code as number | null));
    return this;
  }

  /** Resolves with its address when it takes requests. @throws Error with what it said instead */
  async ready(): Promise<string> {
    if (!this.url) throw new Error('No process was spawned.');
    return this.url;
  }

  /** Says that something has happened, to a client or to the model: it may be what the kill waits for. */
  note(what: string): void {
    const count = (this.counts.get(what) ?? 0) + 1;
    this.counts.set(what, count);
    const { moment, strike } = this;
    if (!strike || this.over || moment?.on !== what || count !== moment.nth) return;
    if (moment.thenMs === 0) strike();
    else setTimeout(strike, moment.thenMs);
  }

  /**
   * Kills it at the moment, or when the limit resolves without it.
   * @param atDeath called in the same tick, before the signal
   * @returns whether the moment came, once the process is gone
   */
  async killAt(moment: Moment, limit: Promise<unknown>, atDeath: () => void): Promise<boolean> {
    let came = true;
    this.moment = moment;
    this.counts.clear();
    this.strike = () => {
      if (this.over) return;
      atDeath();
      this.kill('SIGKILL');
    };
    void limit.then(() => {
      came &&= this.over;
      this.strike?.();
    });
    await this.exited;
    return came;
  }

  kill(signal: 'SIGKILL' | 'SIGTERM'): void {
    this.over = true;
    this.child?.kill(signal);
  }

  /** Where the model's answer to a query waits until {@link release}. */
  hold(text: string): Promise<void> {
    let gate = this.holds.get(text);
    if (!gate) this.holds.set(text, (gate = new Gate()));
    return gate.opened;
  }

  release(text: string): void {
    void this.hold(text);
    this.holds.get(text)?.open();
  }
}
