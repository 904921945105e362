import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentService, type RunOptions, type RunOutcome } from '../agent/index.js';
import { type DomainError, toDomainError } from '../common/errors.js';
import { AppConfig } from '../config/index.js';
import { type Transaction, UnitOfWork } from '../database/index.js';
import {
  EventBus,
  EventLog,
  toLiveEvent,
  type EventDraft,
  type QueryContent,
  RunRecorder,
  type StoredAgentEvent,
} from '../events/index.js';
import { type Session, SessionNotFound, SessionsService } from '../sessions/index.js';
import { ReferencesService } from '../workspace/index.js';
import { ActiveRun, ActiveRuns, type RunActivity } from './active-runs.js';
import { isOwnerAlive, claimOwnerId, releaseOwnerId } from './run-owner.js';
import { ClaimLost, LeftInQueue, RunDelayed, RunLost } from '../query/query.errors.js';
import type { OpenRun } from './run.entity.js';
import { type Claim, type NewRun, RunsRepository } from './runs.repository.js';
import { leastEnd, type LostStatus, RunCompletion } from './run-completion.js';
import { delayNotice, silenceWarning } from './run-warnings.js';
import { StallDetector } from './stall-detector.js';

/** When the end of a run is written again that failed for another reason than the database: a session must not stay busy. */
const RETRY_MS = 5_000;

/**
 * Starts runs, has the agent work on them, detached from whoever asked, and ends each exactly once: with its
 * `agent_run_end`, its row and its session's state in one commit.
 */
@Injectable()
export class RunEngine implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(RunEngine.name);
  private readonly owner = claimOwnerId();
  readonly live = new ActiveRuns();
  private stopping = false;

  constructor(
    private readonly work: UnitOfWork,
    private readonly events: EventLog,
    private readonly bus: EventBus,
    private readonly runs: RunsRepository,
    private readonly ends: RunCompletion,
    private readonly sessions: SessionsService,
    private readonly agents: AgentService,
    private readonly references: ReferencesService,
    private readonly config: AppConfig,
  ) {}

  get draining(): boolean {
    return this.stopping;
  }

  /** Runs that a crash has left open are closed before the first request is answered. */
  async onApplicationBootstrap(): Promise<void> {
    for (const run of await this.runs.running()) {
      if (!isOwnerAlive(run.owner)) await this.closeLost(run);
    }
    await this.work.write((tx) => this.startWaiting(tx));
  }

  /** Takes nothing new, lets runs finish for a while, then ends them as interrupted. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    const running = () => this.live.all().filter((run) => run.waitingOn !== 'queue');
    const finished = () => Promise.all(running().map((run) => run.done));
    await Promise.race([finished(), sleep(this.config.server.shutdownGraceMs, undefined, { ref: false })]);
    for (const run of running()) run.abort('interrupted');
    this.work.stopRetrying(); // what cannot be stored now, the next start closes
    await finished();
    // What waits stays in the queue for the next start; who waits for it here is told so.
    for (const run of this.live.all()) {
      run.end({ runId: run.id, status: 'interrupted', error: new LeftInQueue(run.id) });
    }
    releaseOwnerId(this.owner);
  }

  /** What a run that has not ended is doing; less is known of one that another process works on. */
  doing({ id, status, createdAt, startedAt, progressAt }: OpenRun): RunActivity {
    const live = this.live.get(id);
    if (status === 'queued') return { runId: id, waitingOn: 'queue', since: createdAt };
    if (!live) return { runId: id, since: startedAt ?? createdAt, lastProgress: progressAt ?? createdAt };
    const { waitingOn, since } = live;
    return { runId: id, waitingOn, since, lastProgress: live.progressAt() };
  }

  /** Whether one more run may be under way in this server now. */
  async hasRoom(tx: Transaction): Promise<boolean> {
    const { exclusive, maxConcurrentRuns } = this.config.server;
    return (await this.runs.countRunning(tx)) < (exclusive ? 1 : maxConcurrentRuns);
  }

  /**
   * Makes a run begin that has not been stored yet, and writes its first events; the agent starts once that is
   * committed. The claim and the user's message are one commit: what was acknowledged is stored.
   */
  async begin(
    tx: Transaction,
    run: ActiveRun,
    session: Session,
    stored: NewRun,
    content: QueryContent,
  ): Promise<void> {
    await this.runs.insertRunning(tx, stored, this.claimFor(session));
    await this.opened(tx, run, session, content);
  }

  /**
   * The session's runs that have not ended: the one under way first, then the queue.
   * @throws RunLost when the server of the one under way has died: nobody else would end it before the next start
   */
  async openRuns(tx: Transaction, sessionId: string): Promise<OpenRun[]> {
    const open = await this.runs.openOf(tx, sessionId);
    const [first] = open;
    if (first?.status === 'running' && !isOwnerAlive(first.owner)) throw new RunLost(first);
    return open;
  }

  /**
   * Makes a run of the queue known here when a server before this one had taken it, so that its end can be
   * waited for. Not while another server works in its session: that one will begin it.
   */
  async adopt(tx: Transaction, { id, sessionId }: OpenRun): Promise<void> {
    if (this.live.get(id)) return;
    const [first] = await this.runs.openOf(tx, sessionId);
    if (first?.status === 'running' && first.owner !== this.owner) return;
    this.live.add(new ActiveRun(id, sessionId));
  }

  /** Ends a run that another process works on, or none any more; what waited behind it goes on. */
  closeLost(run: OpenRun, status: LostStatus = 'interrupted'): Promise<void> {
    return this.work.write(async (tx) => {
      await this.ends.writeLost(tx, run, status);
      if (!this.stopping) await this.startWaiting(tx);
    });
  }

  private async execute(
    run: ActiveRun,
    session: Session,
    content: QueryContent,
    options: RunOptions,
    known: readonly StoredAgentEvent[] | undefined,
  ): Promise<void> {
    const log = new RunRecorder(this.work, this.events, this.bus, {
      sessionId: run.sessionId,
      runId: run.id,
      claim: async (tx) => {
        if (!(await this.runs.touch(tx, run.id, this.owner))) throw new ClaimLost();
      },
      delayed: () => this.delayed(run),
      known,
    });
    run.waitsFor('model');
    run.progressAt = () => Math.max(run.since, log.progressAt);
    const watchdog = new StallDetector(this.config.server.watchdogMs, run.progressAt, (silentMs) =>
      this.tellOfSilence(run, log, silentMs),
    );
    const outcome = await this.answer(run, session, content, options, log).finally(() => watchdog.stop());
    const ended = await this.end(run, outcome, log.takePending());
    this.live.remove(run.id);
    const error = ended.error ?? outcome.error;
    const message =
      ended.events?.findLast((event) => event.type === 'assistant_message') ?? (await log.lastMessage);
    run.end({ runId: run.id, status: outcome.status, ...(message && { message }), ...(error && { error }) });
  }

  private tellOfSilence(run: ActiveRun, log: RunRecorder, silentMs: number): void {
    log.appendNotice(silenceWarning(run, silentMs)).catch((error: unknown) => {
      this.logger.warn(`Run ${run.id} makes no progress, and that cannot be stored: ${String(error)}`);
    });
  }

  private async answer(
    run: ActiveRun,
    session: Session,
    content: QueryContent,
    options: RunOptions,
    log: RunRecorder,
  ): Promise<RunOutcome> {
    let model;
    try {
      model = this.sessions.modelOf(session);
    } catch (error) {
      return { status: 'error', error: error as DomainError, iterations: 0, inputTokens: 0, outputTokens: 0 };
    }
    const outcome = await this.agents.run({
      sessionId: session.id,
      runId: run.id,
      workspace: session.workspace,
      model,
      options,
      signal: run.signal,
      log,
      prepare: async () => {
        const context = await this.references.expand(session.workspace, content, run.signal);
        if (context) await log.append(context);
      },
      waitsFor: (what) => run.waitsFor(what),
    });
    return outcome.status === 'aborted' ? { ...outcome, status: run.abortStatus } : outcome;
  }

  /** The database may refuse the message or the queue behind it, then the end itself: each try is of less. */
  private async end(
    run: ActiveRun,
    outcome: RunOutcome,
    last: readonly EventDraft[],
  ): Promise<{ readonly events?: readonly StoredAgentEvent[]; readonly error?: DomainError }> {
    for (let attempt = 0; ; attempt++) {
      const write = async (tx: Transaction) => {
        const said = attempt < 2 ? outcome : leastEnd(outcome);
        const written = await this.ends.write(tx, run, this.owner, said, attempt === 0 ? last : []);
        if (attempt === 0 && written?.someWait && !this.stopping) await this.startWaiting(tx);
        return written?.events;
      };
      try {
        const events = await this.work.persist(write, () => this.delayed(run));
        if (attempt > 0)
          void this.work
            .write((tx) => this.startWaiting(tx))
            .catch((error: unknown) => this.complain(run, error));
        return events ? { events } : { error: new SessionNotFound(run.sessionId) };
      } catch (error) {
        this.complain(run, error);
        if (this.stopping) return { error: toDomainError(error) }; // the next start closes it
        if (attempt < 2) continue;
        this.delayed(run);
        await sleep(RETRY_MS);
      }
    }
  }

  private complain({ id, sessionId }: ActiveRun, error: unknown): void {
    this.logger.error(`The end of run ${id} of session ${sessionId} cannot be stored: ${String(error)}`);
  }

  /** Who waits for the run is answered; who listens is told, by an event that is not stored: it cannot be. */
  private delayed(run: ActiveRun): void {
    const first = !run.delayNotified;
    const error = new RunDelayed(run.id);
    run.notifyDelayed(error);
    if (first) this.bus.publish(run.sessionId, toLiveEvent(delayNotice(run, error)));
  }

  /** Starts the queued runs whose turn it is, as far as there is room. */
  private async startWaiting(tx: Transaction): Promise<void> {
    for (;;) {
      const next = await this.runs.nextQueued(tx);
      if (!next || !(await this.hasRoom(tx))) return;
      const run = this.live.get(next.id) ?? new ActiveRun(next.id, next.sessionId);
      const session = await this.sessions.getWithin(tx, next.sessionId);
      if (!(await this.runs.claim(tx, next.id, this.claimFor(session)))) throw new ClaimLost();
      await this.opened(tx, run, session, JSON.parse(next.input) as QueryContent);
    }
  }

  private claimFor(session: Session): Claim {
    const { provider, id } = this.sessions.modelReferenceOf(session);
    return { owner: this.owner, provider, model: id };
  }

  private async opened(
    tx: Transaction,
    run: ActiveRun,
    session: Session,
    content: QueryContent,
  ): Promise<void> {
    const { provider, id, displayName } = this.sessions.modelReferenceOf(session);
    const options = runOptions(session);
    const begun = await this.events.append(tx, session.id, run.id, [
      { type: 'user_message', content },
      {
        type: 'agent_run_start',
        runOptions: { ...options },
        provider,
        model: id,
        modelDisplayName: displayName,
        agentName: this.config.agent.name,
      },
    ]);
    await this.sessions.setState(tx, session.id, 'executing');
    tx.afterCommit(() => {
      // One that came into the queue in this very commit is known only now, and somebody waits for it.
      const live = this.live.get(run.id) ?? run;
      this.live.add(live);
      live.startedAt = Date.now();
      const isFirst = begun[0]?.seq === 1;
      void this.execute(live, session, content, options, isFirst ? begun : undefined);
    });
  }
}

function runOptions({ agentOptions, runtimeSettings }: Session): RunOptions {
  return { ...agentOptions, ...(runtimeSettings && { runtimeSettings }) };
}
