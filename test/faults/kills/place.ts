import { watch } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Dice, within } from '../../support/dice.js';
import { Gate, type ModelStub } from '../../support/model-stub.js';
import { placed } from '../../support/process.js';
import { act } from './actors.js';
import { Desk } from './desk.js';
import { Journal, type KnownSession } from './journal.js';
import { Ledger } from './ledger.js';
import { CONFIG } from './model-script.js';
import { isAhead, phaseOfStart, phasesOf, queuesIn } from './phases.js';
import { fitted, JOBS, type KillPlan } from './plan.js';
import { Awaited, checkOverHttp, checkRecovered, comeBack } from './recovery.js';
import { ServerLife } from './server-life.js';
import { DATABASE, isOpen, readLeft, readStored, type Stored } from './stored.js';
import { Problems, type Tally } from './tally.js';

/** Sessions that are worked in at a time. */
const ACTORS = 7;
/** A moment that has not come by then does not come. */
const WORK_LIMIT_MS = 3_000;
/** What was left open ends within this, or hangs. */
const RECOVERY_LIMIT_MS = 45_000;

export interface Suite {
  readonly seed: number;
  readonly tally: Tally;
  readonly model: ModelStub;
  /** By their number: the model answers each server by what it is doing. */
  readonly lives: Map<number, ServerLife>;
  /** Holds the data of all lanes. */
  readonly root: string;
  /** How long the last start took, in milliseconds. */
  startMs: number;
}

/** A data directory with all that is known of it. */
export class Place {
  kills = 0;
  private readonly problems: Problems;
  private readonly journal: Journal;
  private readonly ledger: Ledger;
  /** What was stored at the last look. */
  private left: Stored | undefined;
  /** Sessions that were worked in since their clients came back last. */
  private readonly touched = new Set<KnownSession>();

  private constructor(
    private readonly directory: string,
    private readonly suite: Suite,
  ) {
    this.problems = new Problems(suite.tally);
    this.journal = new Journal(suite.tally, this.problems);
    this.ledger = new Ledger(directory, this.problems);
  }

  static async open(directory: string, suite: Suite): Promise<Place> {
    const place = new Place(directory, suite);
    await mkdir(place.data, { recursive: true });
    await writeFile(join(directory, 'agent-tars.config.mjs'), CONFIG);
    return place;
  }

  /** Does something, and has whatever was found wrong in it told with where it happened. */
  async at(where: string, work: (place: this) => Promise<void>): Promise<void> {
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
    this.suite.tally.kills += 1;
    if (life.stderr !== '') this.problems.wrong(`the server said: ${life.stderr}`);
  }

  async finish(): Promise<void> {
    const life = this.start(this.newLife());
    const desk = await Desk.at(life, this.journal, this.problems);
    await this.recover(desk, [...this.journal.sessions.values()].slice(-40));
    life.kill('SIGTERM');
    const code = await life.exited;
    await desk.close();
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
    this.suite.tally.hit(phaseOfStart(before, left));
  }

  private async killAtWork(life: ServerLife, plan: KillPlan): Promise<void> {
    const began = performance.now();
    this.start(life);
    await life.ready();
    this.suite.startMs = performance.now() - began;
    const desk = await Desk.at(life, this.journal, this.problems);
    if (plan.during === 'work') await this.recover(desk);
    const phases = new Set<string>();
    const moment = fitted(plan, queuesIn(this.left).size, this.suite.startMs);
    const killed = life.killAt(moment, sleep(WORK_LIMIT_MS, undefined, { ref: false }), () => {
      for (const phase of phasesOf(desk)) phases.add(phase);
    });
    const work = plan.during === 'work' ? this.work(desk, plan) : this.watch(desk, plan);
    life.note('work');
    this.came(await killed);
    await Promise.all(work);
    await desk.close();
    if (plan.during === 'recovered') phases.add('recovered queue');
    this.lookAtLeft(await readLeft(this.data), phases);
  }

  private lookAtLeft(left: Stored, phases: Set<string>): void {
    if (isAhead(left, this.journal)) phases.add('stored, not told');
    if ([...queuesIn(left).values()].some((waiting) => waiting > 1)) phases.add('queue of several');
    this.journal.check(left);
    this.journal.reset();
    this.look(left);
    for (const phase of phases) this.suite.tally.hit(phase);
  }

  /** Clients come back to the sessions in which something goes on, and only look. */
  private watch(desk: Desk, { dice }: KillPlan): Promise<unknown>[] {
    const back = this.openSessions().map((session) => {
      return desk.aside(desk.follow(session, session.lastSeq, dice.chance(0.5)));
    });
    return [...back, Promise.all(back).then(() => desk.life.silence?.open())];
  }

  /** Most do what the kill is about, the others anything; half of them in sessions that have a history. */
  private work(desk: Desk, { focus, dice }: KillPlan): Promise<unknown>[] {
    const all = [...this.journal.sessions.values()];
    const used = dice.shuffled(all.filter(({ deleting, lastSeq }) => !deleting && lastSeq > 0));
    const begin = async (i: number) => {
      const own = new Dice(dice.below(2 ** 31));
      const old = i % 2 === 0 ? used.pop() : undefined;
      const session = old ?? (await desk.create(`session of actor ${i}`));
      this.touched.add(session);
      await act(i < 3 ? focus : own.pick(JOBS), desk, own, session);
    };
    return Array.from({ length: ACTORS }, (_, i) => desk.aside(begin(i)));
  }

  /** Has the clients come back, and looks at all that the last kill has left. */
  private async recover(desk: Desk, alsoOverHttp: readonly KnownSession[] = []): Promise<void> {
    const { life } = desk;
    life.brief = true;
    const left = this.left ?? (await readStored(this.data));
    const known = [...this.touched].filter(({ id }) => left.sessions.has(id));
    const sessions = [...new Set([...known, ...this.openSessions()])];
    const awaited = new Awaited();
    const dice = new Dice(this.suite.seed + this.kills);
    const back = comeBack(desk, dice, sessions, left, this.problems, awaited);
    await within(RECOVERY_LIMIT_MS, 'the end of what was left open', back).catch((error: unknown) => {
      throw new Error(`${String(error)} Still open: ${awaited.toString()}`);
    });
    const now = await readStored(this.data);
    this.journal.check(now);
    this.look(now);
    checkRecovered(left, now, this.problems);
    const all = new Set([...this.touched, ...sessions, ...alsoOverHttp]);
    await Promise.all([...all].map((session) => checkOverHttp(desk, session, now, this.problems)));
    this.touched.clear();
    life.brief = false;
  }

  /** Sessions with a run that has not ended, also such as no client has been told of. */
  private openSessions(): KnownSession[] {
    const ids = [...(this.left?.runs.values() ?? [])].filter(isOpen).map(({ sessionId }) => sessionId);
    const sessions = [...new Set(ids)].map((id) => this.journal.session(id));
    for (const session of sessions) this.touched.add(session);
    return sessions;
  }

  private look(stored: Stored): void {
    this.ledger.look(stored, (id) => this.journal.sessions.get(id)?.deleting ?? false);
    for (const id of stored.sessions.keys()) this.journal.session(id); // also those whose creation was not answered
    this.left = stored;
  }

  private came(inTime: boolean): void {
    if (!inTime) this.suite.tally.late += 1;
  }
}
