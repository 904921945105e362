import { watch } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rng } from '../../support/rng.js';
import { within } from '../../support/waiting.js';
import { Gate, type ModelStub } from '../../support/model-stub.js';
import { placed } from '../../support/process.js';
import { act } from './actors.js';
import { Clients } from './clients.js';
import { ExpectedHistory, type KnownSession } from './expected-history.js';
import { StoredHistory } from './stored-history.js';
import { CONFIG } from './model-script.js';
import { isAhead, phaseOfStart, phasesOf, queuesIn } from './phases.js';
import { fitted, JOBS, type KillPlan } from './plan.js';
import { Awaited, checkOverHttp, checkRecovered, comeBack } from './recovery.js';
import { ServerLife } from './server-life.js';
import { DATABASE, isOpen, readLeft, readStored, type Stored } from './stored.js';
import { Problems, type Counts } from './counts.js';

/** Sessions that are worked in at a time. */
const ACTORS = 7;
/** A moment that has not come by then does not come. */
const WORK_LIMIT_MS = 3_000;
/** What was left open ends within this, or hangs. */
const RECOVERY_LIMIT_MS = 45_000;

export interface Suite {
  readonly seed: number;
  readonly counts: Counts;
  readonly model: ModelStub;
  /** By their number: the model answers each server by what it is doing. */
  readonly lives: Map<number, ServerLife>;
  /** Holds the data of all workers. */
  readonly root: string;
  /** How long the last start took, in milliseconds. */
  startMs: number;
}

/** A data directory with all that is known of it. */
export class DataDirectory {
  kills = 0;
  private readonly problems: Problems;
  private readonly expectedHistory: ExpectedHistory;
  private readonly storedHistory: StoredHistory;
  /** What was stored at the last look. */
  private left: Stored | undefined;
  /** Sessions that were worked in since their clients came back last. */
  private readonly touched = new Set<KnownSession>();

  private constructor(
    private readonly directory: string,
    private readonly suite: Suite,
  ) {
    this.problems = new Problems(suite.counts);
    this.expectedHistory = new ExpectedHistory(suite.counts, this.problems);
    this.storedHistory = new StoredHistory(directory, this.problems);
  }

  static async open(directory: string, suite: Suite): Promise<DataDirectory> {
    const opened = new DataDirectory(directory, suite);
    await mkdir(opened.data, { recursive: true, mode: 0o700 }); // a wider one is warned of
    await writeFile(join(directory, 'agent-tars.config.mjs'), CONFIG);
    return opened;
  }

  /** Does something, and has whatever was found wrong in it told with where it happened. */
  async at(where: string, work: (directory: this) => Promise<void>): Promise<void> {
    try {
      await work(this);
    } catch (error) {
      this.problems.wrong(String((error as Error).stack));
    }
    this.problems.throwIfAny(where);
  }

  async kill(plan: KillPlan): Promise<void> {
    const life = this.newLife();
    this.kills += 1;
    try {
      if (plan.during === 'start') await this.killAtStart(life, plan);
      else await this.killAtWork(life, plan);
    } finally {
      life.kill('SIGKILL');
      await life.exited;
      this.suite.lives.delete(life.number);
    }
    this.suite.counts.kills += 1;
    if (life.stderr !== '') this.problems.wrong(`the server said: ${life.stderr}`);
  }

  async finish(): Promise<void> {
    const life = this.start(this.newLife());
    const clients = await Clients.at(life, this.expectedHistory, this.problems);
    await this.recover(clients, [...this.expectedHistory.sessions.values()].slice(-40));
    life.kill('SIGTERM');
    const code = await life.exited;
    await clients.close();
    if (code !== 0) this.problems.wrong(`the server exited with ${code} when it was asked to stop`);
    const log = await stat(join(this.data, `${DATABASE}-wal`)).catch(() => undefined);
    if (log && log.size > 0) this.problems.wrong(`the log was left with ${log.size} bytes`);
    this.look(await readStored(this.data));
    await rm(this.directory, { recursive: true });
  }

  private get data(): string {
    return join(this.directory, 'data');
  }

  private newLife(): ServerLife {
    const life = new ServerLife();
    life.silence = new Gate(); // until the clients are there again
    this.suite.lives.set(life.number, life);
    return life;
  }

  private start(life: ServerLife): ServerLife {
    const { model } = this.suite;
    const baseURL = model.baseURL.replace('/v1', `/life-${life.number}/v1`);
    return life.spawn(placed(this.data, this.directory, baseURL), this.directory);
  }

  private async killAtStart(life: ServerLife, plan: KillPlan): Promise<void> {
    const before = this.left;
    const log = watch(this.data, (_change, file) => {
      if (file === `${DATABASE}-wal`) life.note('wal');
    });
    const moment = fitted(plan, queuesIn(before).size, this.suite.startMs);
    this.start(life);
    const up = life.ready().catch(() => undefined);
    const killed = life.killAt(moment, up, () => undefined);
    life.note('start');
    this.came(await killed);
    log.close();
    const left = await readLeft(this.data);
    this.look(left);
    this.suite.counts.hit(phaseOfStart(before, left));
  }

  private async killAtWork(life: ServerLife, plan: KillPlan): Promise<void> {
    const began = performance.now();
    this.start(life);
    await life.ready();
    this.suite.startMs = performance.now() - began;
    const clients = await Clients.at(life, this.expectedHistory, this.problems);
    if (plan.during === 'work') await this.recover(clients);
    const phases = new Set<string>();
    const moment = fitted(plan, queuesIn(this.left).size, this.suite.startMs);
    const killed = life.killAt(moment, sleep(WORK_LIMIT_MS, undefined, { ref: false }), () => {
      for (const phase of phasesOf(clients)) phases.add(phase);
    });
    const work = plan.during === 'work' ? this.work(clients, plan) : this.watch(clients, plan);
    life.note('work');
    this.came(await killed);
    await Promise.all(work);
    await clients.close();
    if (plan.during === 'recovered') phases.add('recovered queue');
    this.lookAtLeft(await readLeft(this.data), phases);
  }

  private lookAtLeft(left: Stored, phases: Set<string>): void {
    if (isAhead(left, this.expectedHistory)) phases.add('stored, not told');
    if ([...queuesIn(left).values()].some((waiting) => waiting > 1)) phases.add('queue of several');
    this.expectedHistory.check(left);
    this.expectedHistory.reset();
    this.look(left);
    for (const phase of phases) this.suite.counts.hit(phase);
  }

  /** Clients come back to the sessions in which something goes on, and only look. */
  private watch(clients: Clients, { rng }: KillPlan): Promise<unknown>[] {
    const back = this.openSessions().map((session) => {
      return clients.aside(clients.follow(session, session.lastSeq, rng.chance(0.5)));
    });
    return [...back, Promise.all(back).then(() => clients.life.silence?.open())];
  }

  /** Most do what the kill is about, the others anything; half of them in sessions that have a history. */
  private work(clients: Clients, { focus, rng }: KillPlan): Promise<unknown>[] {
    const all = [...this.expectedHistory.sessions.values()];
    const used = rng.shuffled(all.filter(({ deleting, lastSeq }) => !deleting && lastSeq > 0));
    const begin = async (i: number) => {
      const own = new Rng(rng.below(2 ** 31));
      const old = i % 2 === 0 ? used.pop() : undefined;
      const session = old ?? (await clients.create(`session of actor ${i}`));
      this.touched.add(session);
      await act(i < 3 ? focus : own.pick(JOBS), clients, own, session);
    };
    return Array.from({ length: ACTORS }, (_, i) => clients.aside(begin(i)));
  }

  /** Has the clients come back, and looks at all that the last kill has left. */
  private async recover(clients: Clients, alsoOverHttp: readonly KnownSession[] = []): Promise<void> {
    const { life } = clients;
    life.brief = true;
    const left = this.left ?? (await readStored(this.data));
    const known = [...this.touched].filter(({ id }) => left.sessions.has(id));
    const sessions = [...new Set([...known, ...this.openSessions()])];
    const awaited = new Awaited();
    const rng = new Rng(this.suite.seed + this.kills);
    const back = comeBack(clients, rng, sessions, left, this.problems, awaited);
    await within(RECOVERY_LIMIT_MS, 'the end of what was left open', back).catch((error: unknown) => {
      throw new Error(`${String(error)} Still open: ${awaited.toString()}`);
    });
    const now = await readStored(this.data);
    this.expectedHistory.check(now);
    this.look(now);
    checkRecovered(left, now, this.problems);
    const all = new Set([...this.touched, ...sessions, ...alsoOverHttp]);
    await Promise.all([...all].map((session) => checkOverHttp(clients, session, now, this.problems)));
    this.touched.clear();
    life.brief = false;
  }

  /** Sessions with a run that has not ended, also such as no client has been told of. */
  private openSessions(): KnownSession[] {
    const ids = [...(this.left?.runs.values() ?? [])].filter(isOpen).map(({ sessionId }) => sessionId);
    const sessions = [...new Set(ids)].map((id) => this.expectedHistory.session(id));
    for (const session of sessions) this.touched.add(session);
    return sessions;
  }

  private look(stored: Stored): void {
    this.storedHistory.look(stored, (id) => this.expectedHistory.sessions.get(id)?.deleting ?? false);
    for (const id of stored.sessions.keys()) this.expectedHistory.session(id); // also those whose creation was not answered
    this.left = stored;
  }

  private came(inTime: boolean): void {
    if (!inTime) this.suite.counts.late += 1;
  }
}
