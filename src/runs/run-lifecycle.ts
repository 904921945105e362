import { Injectable } from '@nestjs/common';
import type { RunOptions } from '../agent/index.js';
import { elapsedMs } from '../common/clock.js';
import type { DomainError } from '../common/errors.js';
import { AppConfig } from '../config/index.js';
import type { Transaction } from '../database/index.js';
import { type EventDraft, EventLog, type QueryContent, type StoredAgentEvent } from '../events/index.js';
import { ModelCatalog, type ModelReference } from '../models/index.js';
import { type ActiveRun, ActiveRuns } from './active-runs.js';
import { ClaimLost, UnreadableQuery } from './run.errors.js';
import type { OpenRun } from './run.entity.js';
import {
  endEvents,
  failure,
  type LostStatus,
  lostEvents,
  NO_USAGE,
  type RunOutcome,
  STATE_AFTER,
  toRunEnd,
} from './run-end.js';
import { type RunSession, RunSessions, type SessionState } from './run-session.js';
import { type Claim, type NewRun, RunsRepository } from './runs.repository.js';

/** A begun run, as its transaction sees it. */
export interface BegunRun {
  readonly session: RunSession;
  readonly model: ModelReference;
  readonly content: QueryContent;
  readonly options: RunOptions;
  /** Its first events: `user_message` and `agent_run_start`. */
  readonly events: readonly StoredAgentEvent[];
}

/** A run's end, as it was written. */
export interface WrittenEnd {
  readonly events: readonly StoredAgentEvent[];
  /** Whether any session has queued runs: one of them may begin now. */
  readonly someWait: boolean;
}

/**
 * The only place that changes a run's status: each change is one transaction with the run's events and its session's
 * state. `transitions.ts` lists the changes; each statement names the status it changes from, so that a change
 * happens once.
 */
@Injectable()
export class RunLifecycle {
  constructor(
    private readonly runs: RunsRepository,
    private readonly events: EventLog,
    private readonly sessions: RunSessions,
    private readonly active: ActiveRuns,
    private readonly catalog: ModelCatalog,
    private readonly config: AppConfig,
  ) {}

  /** new → queued. */
  async enqueue(tx: Transaction, run: NewRun): Promise<void> {
    await this.runs.enqueue(tx, run);
    await this.sessions.setState(tx, run.sessionId, 'executing');
  }

  /** new → running: the claim and the user's message are one commit, so an acknowledged query is stored. */
  async begin(tx: Transaction, run: NewRun, session: RunSession, content: QueryContent): Promise<BegunRun> {
    await this.runs.insertRunning(tx, run, this.claimFor(session));
    return this.begun(tx, run.id, session, content);
  }

  /** queued → running. @throws ClaimLost when the run is not queued any more */
  async dequeue(tx: Transaction, run: Pick<NewRun, 'id' | 'sessionId' | 'input'>): Promise<BegunRun> {
    const session = await this.sessions.getWithin(tx, run.sessionId);
    if (!(await this.runs.claim(tx, run.id, this.claimFor(session)))) throw new ClaimLost();
    return this.begun(tx, run.id, session, JSON.parse(run.input) as QueryContent);
  }

  /** queued → aborted. @returns whether the run was still queued */
  async cancel(tx: Transaction, id: string, sessionId: string): Promise<boolean> {
    const end = toRunEnd({ ...NO_USAGE, status: 'aborted' });
    if (!(await this.runs.end(tx, id, { status: 'queued' }, end))) return false;
    await this.sessions.setState(tx, sessionId, await this.stateAfter(tx, sessionId, 'interrupted'));
    return true;
  }

  /** queued → failed: an unreadable run must not block the queue behind it. */
  async reject(tx: Transaction, { id, sessionId }: Pick<NewRun, 'id' | 'sessionId'>): Promise<DomainError> {
    const error = new UnreadableQuery(id);
    const end = toRunEnd({ ...NO_USAGE, status: 'error', error });
    if (!(await this.runs.end(tx, id, { status: 'queued' }, end))) throw new ClaimLost();
    await this.events.append(tx, sessionId, id, [failure(error)]);
    await this.sessions.setState(tx, sessionId, await this.stateAfter(tx, sessionId, 'error'));
    return error;
  }

  /**
   * running → completed, failed, aborted or interrupted.
   * @param last deferred events of the run, to be written with its end
   * @returns the written end; undefined when this server no longer owns the run: nothing is written then
   */
  async end(
    tx: Transaction,
    run: ActiveRun,
    outcome: RunOutcome,
    last: readonly EventDraft[],
  ): Promise<WrittenEnd | undefined> {
    const { id, sessionId } = run;
    const claim = { status: 'running', owner: this.active.ownerId } as const;
    if (!(await this.runs.end(tx, id, claim, toRunEnd(outcome)))) return undefined;
    const drafts = [...last, ...endEvents(outcome, elapsedMs(run.startedAt))];
    const events = await this.events.append(tx, sessionId, id, drafts);
    const someWait = await this.runs.hasQueued(tx);
    const { status } = outcome;
    const state = someWait ? await this.stateAfter(tx, sessionId, status) : STATE_AFTER[status];
    await this.sessions.setState(tx, sessionId, state, outcome);
    return { events, someWait };
  }

  /**
   * running → aborted or interrupted, for a run whose own server does not end it. No-op when the run has already
   * ended.
   * @returns whether it has ended now
   */
  async endLost(tx: Transaction, { id, sessionId, owner }: OpenRun, status: LostStatus): Promise<boolean> {
    const end = toRunEnd({ ...NO_USAGE, status });
    if (!(await this.runs.end(tx, id, { status: 'running', owner }, end))) return false;
    await this.events.append(tx, sessionId, id, lostEvents(status));
    await this.sessions.setState(tx, sessionId, await this.stateAfter(tx, sessionId, status));
    return true;
  }

  /** running → running: records progress. @throws ClaimLost when this server no longer owns the run */
  async touch(tx: Transaction, id: string): Promise<void> {
    if (!(await this.runs.touch(tx, id, this.active.ownerId))) throw new ClaimLost();
  }

  private async begun(
    tx: Transaction,
    runId: string,
    session: RunSession,
    content: QueryContent,
  ): Promise<BegunRun> {
    const model = this.catalog.referenceOf(session);
    const { provider, id, displayName } = model;
    const options = runOptions(session);
    const events = await this.events.append(tx, session.id, runId, [
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
    return { session, model, content, options, events };
  }

  private claimFor(session: RunSession): Claim {
    const { provider, id } = this.catalog.referenceOf(session);
    return { owner: this.active.ownerId, provider, model: id };
  }

  /** State of a session after the end of a run: `executing` while it has other unfinished runs. */
  private async stateAfter(
    tx: Transaction,
    sessionId: string,
    status: RunOutcome['status'],
  ): Promise<SessionState> {
    const open = await this.runs.openOf(tx, sessionId);
    return open.length > 0 ? 'executing' : STATE_AFTER[status];
  }
}

function runOptions({ agentOptions, runtimeSettings }: RunSession): RunOptions {
  return { ...agentOptions, ...(runtimeSettings && { runtimeSettings }) };
}
