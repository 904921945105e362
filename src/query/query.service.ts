import { Injectable } from '@nestjs/common';
import { concat, filter, from, map, type Observable, of, takeUntil, takeWhile } from 'rxjs';
import { DomainError, type ErrorCode } from '../common/errors.js';
import { newId } from '../common/ids.js';
import { AppConfig, type WhenBusy } from '../config/index.js';
import { type Transaction, UnitOfWork } from '../database/index.js';
import {
  type AgentEvent,
  type AssistantMessageEvent,
  EventBus,
  EventLog,
  EventWatch,
  type Published,
  type QueryContent,
} from '../events/index.js';
import { type SessionStatus, SessionsService, toSessionStatus } from '../sessions/index.js';
import { hold } from './hold.js';
import { LiveRun, type RunResult } from './live-runs.js';
import {
  Draining,
  IdempotencyMismatch,
  QueueFull,
  RunAborted,
  RunInterrupted,
  RunNotFound,
  SessionBusy,
} from './query.errors.js';
import { type RunStep, stepsOf } from './run-story.js';
import type { Run, RunStatus } from './run.entity.js';
import { RunEngine } from './run-engine.js';
import { RunsRepository } from './runs.repository.js';

/** How long an idempotency key is remembered. */
const KEY_LIFETIME_MS = 24 * 60 * 60 * 1_000;

export interface QueryRequest {
  readonly sessionId: string;
  readonly query: QueryContent;
  readonly whenBusy?: WhenBusy | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** A query that was taken: it is stored, and will be answered. */
export interface Accepted {
  readonly runId: string;
  /** Its place in the session's queue, from 1; undefined when it runs. */
  readonly position?: number;
  /** Whether an earlier request with the same idempotency key had started it. */
  readonly attached: boolean;
  readonly done: Promise<RunResult>;
}

export interface Answer {
  readonly result: AssistantMessageEvent;
  readonly runId: string;
  /** Set when it had waited in the queue, with its place at the time of the request. */
  readonly queued?: true;
  readonly position?: number;
}

export type DetailedStatus = SessionStatus & {
  readonly runId?: string;
  readonly waitingOn?: string;
  readonly since?: number;
  readonly queued?: number;
};

/** Takes queries, gives their answers, ends them on request. The runs themselves are the engine's. */
@Injectable()
export class QueryService {
  constructor(
    private readonly engine: RunEngine,
    private readonly runs: RunsRepository,
    private readonly sessions: SessionsService,
    private readonly work: UnitOfWork,
    private readonly log: EventLog,
    private readonly bus: EventBus,
    private readonly watch: EventWatch,
    private readonly config: AppConfig,
  ) {
    sessions.onDelete((sessionId) => this.abortAll(sessionId));
  }

  /** Whether the server is about to stop: it takes no new query then. */
  get draining(): boolean {
    return this.engine.draining;
  }

  /**
   * Takes a query. When this resolves, the user's message is stored (or, in a queue, the query is), and the
   * run goes on whether anybody listens or not.
   * @throws SessionNotFound, SessionBusy, QueueFull, UnknownModel, IdempotencyMismatch, Draining
   */
  async start(request: QueryRequest, runId = newId()): Promise<Accepted> {
    if (this.engine.draining) throw new Draining();
    return this.work.write((tx) => this.accept(tx, request, runId));
  }

  /** Takes a query and waits for its final message. @throws what `start` does, and the model's failure */
  async ask(request: QueryRequest): Promise<Answer> {
    const { runId, done, position } = await this.start(request);
    const { message, error, status } = await done;
    if (error) throw new DomainError(error.code, error.message, { ...detailsOf(error), runId });
    if (status === 'interrupted') throw new RunInterrupted(runId);
    if (!message) throw new RunAborted(runId);
    return { result: message, runId, ...(position !== undefined && { queued: true, position }) };
  }

  /** Takes a query and gives its run's events as SSE frames, from the first to `agent_run_end`. */
  async stream(request: QueryRequest): Promise<Observable<string>> {
    const runId = newId();
    const live = hold(
      this.bus.of(request.sessionId).pipe(
        untilEndOf(runId),
        map(({ json }) => toFrame(json)),
      ),
    );
    try {
      const accepted = await this.start(request, runId);
      if (accepted.attached) {
        live.drop();
        return await this.replay(request.sessionId, accepted.runId);
      }
      // A run that is taken out of the queue, or that another server ends, has no last event here.
      const frames = live.stream.pipe(takeUntil(from(accepted.done)));
      if (accepted.position === undefined) return frames;
      const { position } = accepted;
      const notice = { type: 'queued', sessionId: request.sessionId, runId, position, timestamp: Date.now() };
      return concat(of(toFrame(JSON.stringify(notice))), frames);
    } catch (error) {
      live.drop();
      throw error;
    }
  }

  /**
   * Ends the run under way, or takes `runId` out of the queue. When this resolves, the run has ended and
   * nothing more is written to it.
   * @returns whether there was something to end
   * @throws SessionNotFound
   */
  async abort(sessionId: string, runId?: string): Promise<boolean> {
    await this.sessions.require(sessionId);
    const open = await this.work.write((tx) => this.runs.openOf(tx, sessionId));
    const run = runId === undefined ? open[0] : open.find(({ id }) => id === runId);
    if (!run) return false;
    if (run.status === 'queued' && (await this.dequeue(run.id, sessionId))) return true;
    const live = this.engine.live.get(run.id);
    if (live) {
      live.abort();
      await live.done;
    } else {
      await this.engine.closeLost(run, 'aborted');
    }
    return true;
  }

  /** @throws SessionNotFound */
  async status(sessionId: string): Promise<{ sessionId: string; status: DetailedStatus }> {
    const session = await this.sessions.get(sessionId);
    const status = toSessionStatus(session.state);
    if (!status.isProcessing) return { sessionId, status };
    const runs = this.engine.live.ofSession(sessionId);
    const current = runs.find(({ waitingOn }) => waitingOn !== 'queue') ?? runs[0];
    return {
      sessionId,
      status: {
        ...status,
        ...(current && { runId: current.id, waitingOn: current.waitingOn, since: current.since }),
        queued: runs.filter(({ waitingOn }) => waitingOn === 'queue').length,
      },
    };
  }

  /** The session's runs, oldest first. @throws SessionNotFound */
  async list(sessionId: string): Promise<Run[]> {
    await this.sessions.require(sessionId);
    return this.runs.list(sessionId);
  }

  /** A run with the steps that it took. @throws RunNotFound */
  async story(id: string): Promise<{ run: Run; steps: RunStep[] }> {
    const run = await this.runs.find(id);
    if (!run) throw new RunNotFound(id);
    const events = await this.log.read(run.sessionId, { types: ['assistant_message', 'tool_result'] });
    return { run, steps: stepsOf(events.filter(({ runId }) => runId === id)) };
  }

  private async accept(tx: Transaction, request: QueryRequest, runId: string): Promise<Accepted> {
    const { sessionId, query, idempotencyKey } = request;
    const session = await this.sessions.getWithin(tx, sessionId);
    this.sessions.modelOf(session); // refused now rather than when its turn comes
    const input = JSON.stringify(query);
    if (idempotencyKey !== undefined) {
      const known = await this.runs.findByKey(tx, sessionId, idempotencyKey, Date.now() - KEY_LIFETIME_MS);
      if (known) return this.attach(known, input);
    }
    const open = await this.engine.openRuns(tx, sessionId);
    const [busyWith] = open;
    const whenBusy = request.whenBusy ?? this.config.server.whenBusy;
    if (busyWith && whenBusy === 'reject') throw new SessionBusy(sessionId, busyWith.id);
    const queued = open.filter(({ status }) => status === 'queued');
    const { maxQueued } = this.config.server;
    if (busyWith && whenBusy === 'queue' && queued.length >= maxQueued) throw new QueueFull(maxQueued);

    const run = new LiveRun(runId, sessionId);
    const interrupts = busyWith !== undefined && whenBusy === 'interrupt';
    const priority = interrupts ? 1 : 0;
    const stored = { id: runId, sessionId, priority, input, idempotencyKey: idempotencyKey ?? null };
    const accepted = { runId, attached: false, done: run.done };
    if (!busyWith && (await this.engine.hasRoom(tx))) {
      await this.engine.begin(tx, run, session, stored, query);
      return accepted;
    }
    await this.runs.enqueue(tx, stored);
    await this.sessions.setState(tx, sessionId, 'executing');
    tx.afterCommit(() => {
      this.engine.live.add(run);
      if (interrupts) this.interrupt(sessionId, runId);
    });
    return { ...accepted, position: interrupts ? 1 : queued.length + 1 };
  }

  /** Ends what is under way, and earlier queries that wait to interrupt it, so that `runId` is next. */
  private interrupt(sessionId: string, runId: string): void {
    for (const run of this.engine.live.ofSession(sessionId)) {
      if (run.id !== runId && run.waitingOn !== 'queue') run.abort();
    }
  }

  private attach(run: Run, input: string): Accepted {
    if (run.input !== input) throw new IdempotencyMismatch(run.id);
    const live = this.engine.live.get(run.id);
    return { runId: run.id, attached: true, done: live ? live.done : this.resultOf(run) };
  }

  private async resultOf(run: Run): Promise<RunResult> {
    const messages = await this.log.read(run.sessionId, { types: ['assistant_message'] });
    const message = messages.findLast(({ runId }) => runId === run.id) as AssistantMessageEvent | undefined;
    return {
      runId: run.id,
      status: END_STATUS[run.status],
      ...(message && { message }),
      ...(run.errorCode !== null && {
        error: new DomainError(run.errorCode as ErrorCode, run.errorMessage ?? ''),
      }),
    };
  }

  /** A run's events from its first, whether they are stored or still to come. */
  private async replay(sessionId: string, runId: string): Promise<Observable<string>> {
    const first = (await this.log.read(sessionId)).find((event) => event.runId === runId);
    return this.watch.watch(sessionId, { after: first ? first.seq - 1 : 0 }).pipe(
      map((item) => {
        if (item.kind === 'live') return item.published.event;
        return item.kind === 'stored' ? (JSON.parse(item.logged.data) as AgentEvent) : undefined;
      }),
      filter((event) => event?.runId === runId),
      takeWhile((event) => event?.type !== 'agent_run_end', true),
      map((event) => toFrame(JSON.stringify(event))),
    );
  }

  private async dequeue(runId: string, sessionId: string): Promise<boolean> {
    const removed = await this.work.write(async (tx) => {
      const end = {
        status: 'aborted',
        iterations: 0,
        inputTokens: 0,
        outputTokens: 0,
        errorCode: null,
        errorMessage: null,
      } as const;
      if (!(await this.runs.end(tx, runId, { status: 'queued' }, end))) return false;
      if ((await this.runs.openOf(tx, sessionId)).length === 0)
        await this.sessions.setState(tx, sessionId, 'idle');
      return true;
    });
    if (removed) {
      this.engine.live.get(runId)?.end({ runId, status: 'aborted' });
      this.engine.live.remove(runId);
    }
    return removed;
  }

  private async abortAll(sessionId: string): Promise<void> {
    const open = await this.work.write((tx) => this.runs.openOf(tx, sessionId));
    // The queue first, so that nothing of it starts when the run under way ends.
    for (const { id } of open.reverse()) await this.abort(sessionId, id);
  }
}

const END_STATUS: Readonly<Record<RunStatus, RunResult['status']>> = {
  queued: 'interrupted',
  running: 'interrupted',
  completed: 'completed',
  failed: 'error',
  aborted: 'aborted',
  interrupted: 'interrupted',
};

/** One line of data and an empty line: existing clients drop any other frame. */
const toFrame = (json: string): string => `data: ${json}\n\n`;

const untilEndOf = (runId: string) => (source: Observable<Published>) =>
  source.pipe(
    filter(({ event }) => event.runId === runId),
    takeWhile(({ event }) => event.type !== 'agent_run_end', true),
  );

function detailsOf({ details }: DomainError): object {
  return typeof details === 'object' && details !== null ? details : {};
}
