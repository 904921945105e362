import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentService, type RunUsage } from '../agent/index.js';
import { elapsedMs, monotonicMs } from '../common/clock.js';
import { type DomainError, toDomainError } from '../common/errors.js';
import { maskSecrets } from '../common/secret.js';
import { AppConfig } from '../config/index.js';
import { type Transaction, UnitOfWork } from '../database/index.js';
import { type EventDraft, RunRecorders, type RunRecorder } from '../events/index.js';
import { type ActiveRun, ActiveRuns } from './active-runs.js';
import { counted, leastEnd, NO_USAGE, type RunOutcome } from './run-end.js';
import { endLine, startLine } from './run-log-lines.js';
import { RunDelayed } from './run.errors.js';
import { type BegunRun, RunLifecycle, type WrittenEnd } from './run-lifecycle.js';
import { RunPreparation } from './run-preparation.js';
import { SessionNotFound } from './run-session.js';
import { delayNotice, silenceWarning } from './run-warnings.js';
import { StallDetector } from './stall-detector.js';
import { supervise } from './supervise.js';

/** Retry interval for a run's end that failed for another reason than the database: its session must not stay busy. */
const RETRY_MS = 5_000;

/** Executes a begun run, detached from its caller, and ends it exactly once. */
@Injectable()
export class RunExecutor {
  private readonly logger = new Logger(RunExecutor.name);

  constructor(
    private readonly work: UnitOfWork,
    private readonly recorders: RunRecorders,
    private readonly lifecycle: RunLifecycle,
    private readonly active: ActiveRuns,
    private readonly agents: AgentService,
    private readonly preparation: RunPreparation,
    private readonly config: AppConfig,
  ) {}

  /** Never rejects. @returns whether any session has queued runs: one of them may begin now */
  async execute(run: ActiveRun, begun: BegunRun): Promise<boolean> {
    run.startedAt = monotonicMs();
    this.tell(() => startLine(run, begun.model));
    const log = this.record(run, begun);
    run.waitsFor('model');
    run.progressAt = () => Math.max(run.since, log.progressAt);
    const stalls = new StallDetector(this.config.server.watchdogMs, run.progressAt, (silentMs) =>
      this.warnOfSilence(run, log, silentMs),
    );
    const outcome = await this.answer(run, begun, log).finally(() => stalls.stop());
    const ended = await this.end(run, outcome, log.takePending());
    this.active.remove(run.id);
    this.tell(() => endLine(run, outcome, elapsedMs(run.startedAt)));
    const error = ended.error ?? outcome.error;
    const message =
      ended.events?.findLast((event) => event.type === 'assistant_message') ?? (await log.lastMessage);
    run.end({ runId: run.id, status: outcome.status, ...(message && { message }), ...(error && { error }) });
    return ended.someWait ?? true;
  }

  /** Logs a line, which is made only for a level that is kept: twice a run. */
  private tell(line: () => string): void {
    if (Logger.isLevelEnabled('log')) this.logger.log(line());
  }

  private record(run: ActiveRun, { events }: BegunRun): RunRecorder {
    const isFirst = events[0]?.seq === 1;
    return this.recorders.open({
      sessionId: run.sessionId,
      runId: run.id,
      claim: (tx) => this.lifecycle.touch(tx, run.id),
      delayed: () => this.delayed(run),
      known: isFirst ? events : undefined,
    });
  }

  private async answer(run: ActiveRun, begun: BegunRun, log: RunRecorder): Promise<RunOutcome> {
    const usage: RunUsage = { ...NO_USAGE };
    const result = await supervise(
      run,
      log,
      () => this.workOn(run, begun, log, usage),
      (thrown) => this.logFailure(run, thrown),
    );
    return { ...result, ...counted(usage) };
  }

  private async workOn(run: ActiveRun, begun: BegunRun, log: RunRecorder, usage: RunUsage): Promise<void> {
    const { session, content, options } = begun;
    const { signal } = run;
    const context = await this.preparation.contextOf(session.workspace, content, signal);
    if (context) await log.append(context);
    await this.agents.run({
      sessionId: session.id,
      runId: run.id,
      workspace: session.workspace,
      choice: session,
      options,
      signal,
      log,
      usage,
      waitsFor: (what) => run.waitsFor(what),
    });
  }

  /**
   * Writes the run's end, and retries until it is stored: a session must not stay busy. The database may refuse the
   * last message, or the end itself, so each retry writes less.
   * @returns the stored end, or the reason why the run was not ended here
   */
  private async end(run: ActiveRun, outcome: RunOutcome, last: readonly EventDraft[]): Promise<Ended> {
    for (let attempt = 0; ; attempt++) {
      const kept = attempt === 0 ? last : [];
      const told = attempt < 2 ? outcome : leastEnd(outcome);
      try {
        const written = await this.work.persist(
          (tx: Transaction) => this.lifecycle.end(tx, run, told, kept),
          () => this.delayed(run),
        );
        return written ?? { error: new SessionNotFound(run.sessionId) };
      } catch (error) {
        this.logger.error(
          `The end of run ${run.id} of session ${run.sessionId} cannot be stored: ${String(error)}`,
        );
        if (this.work.isStopping) return { error: toDomainError(error) }; // the next start closes the run
        if (attempt < 2) continue;
        this.delayed(run);
        await sleep(RETRY_MS);
      }
    }
  }

  /** Answers callers that await the run, and tells listeners by an event that is not stored. */
  private delayed(run: ActiveRun): void {
    const first = !run.delayNotified;
    const error = new RunDelayed(run.id);
    run.notifyDelayed(error);
    if (first) this.recorders.announce(run.sessionId, delayNotice(run, error));
  }

  private warnOfSilence(run: ActiveRun, log: RunRecorder, silentMs: number): void {
    log.appendNotice(silenceWarning(run, silentMs)).catch((error: unknown) => {
      this.logger.warn(`Run ${run.id} makes no progress, and that cannot be stored: ${String(error)}`);
    });
  }

  private logFailure({ id, sessionId }: ActiveRun, thrown: unknown): void {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    this.logger.error(`Run ${id} of session ${sessionId} failed: ${maskSecrets(text, this.config.secrets)}`);
  }
}

type Ended = Partial<WrittenEnd> & { readonly error?: DomainError };
