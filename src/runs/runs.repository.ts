import { Injectable } from '@nestjs/common';
import { type FindOptionsSelect, In, MoreThan } from 'typeorm';
import { epochMs } from '../common/clock.js';
import { type Select, type Transaction, UnitOfWork } from '../database/index.js';
import type { RunEnd } from './run-end.js';
import { type OpenRun, Run, type StoredRun } from './run.entity.js';

export type NewRun = Pick<Run, 'id' | 'sessionId' | 'priority' | 'input' | 'idempotencyKey'>;

/** Owner and model of a run. */
export interface Claim {
  readonly owner: string;
  readonly provider: string;
  readonly model: string;
}

const OPEN_RUN = '"id", "sessionId", "status", "owner", "createdAt", "startedAt", "progressAt"';

/** All columns but the query's content, which may be long. */
const WITHOUT_INPUT: FindOptionsSelect<Run> = {
  no: true,
  id: true,
  sessionId: true,
  status: true,
  priority: true,
  owner: true,
  idempotencyKey: true,
  createdAt: true,
  startedAt: true,
  endedAt: true,
  progressAt: true,
  provider: true,
  model: true,
  attempts: true,
  iterations: true,
  inputTokens: true,
  outputTokens: true,
  errorCode: true,
  errorMessage: true,
};

// SQLite takes a partial index only where its condition stands in the query as it is: one half for each.
const OPEN_OF: Select = `SELECT ${OPEN_RUN} FROM "runs" WHERE "sessionId" = ? AND "status" = 'running'
  UNION ALL
  SELECT * FROM (SELECT ${OPEN_RUN} FROM "runs" WHERE "sessionId" = ? AND "status" = 'queued' ORDER BY "priority" DESC, "no")`;

/**
 * The rows of runs. Every change names the status it changes from, so that it happens once. Times of one run never
 * run back: the wall clock may.
 */
@Injectable()
export class RunsRepository {
  constructor(private readonly work: UnitOfWork) {}

  /** Puts a run into the queue. */
  async enqueue(tx: Transaction, run: NewRun): Promise<void> {
    await tx.execute(
      `INSERT INTO "runs" ("id", "sessionId", "status", "priority", "input", "idempotencyKey", "createdAt")
       VALUES (?, ?, 'queued', ?, ?, ?, ?)`,
      [run.id, run.sessionId, run.priority, run.input, run.idempotencyKey, epochMs()],
    );
  }

  /** Inserts a running run. The database refuses it while another run of the session is running. */
  async insertRunning(tx: Transaction, run: NewRun, { owner, provider, model }: Claim): Promise<void> {
    const now = epochMs();
    await tx.execute(
      `INSERT INTO "runs" ("id", "sessionId", "status", "priority", "input", "idempotencyKey", "createdAt", "owner",
       "startedAt", "progressAt", "provider", "model", "attempts") VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`,
      [
        run.id,
        run.sessionId,
        run.priority,
        run.input,
        run.idempotencyKey,
        now,
        owner,
        now,
        now,
        provider,
        model,
      ],
    );
  }

  /**
   * Claims a queued run. The database refuses it while another run of the session is running.
   * @returns whether the run was still queued
   */
  async claim(tx: Transaction, id: string, { owner, provider, model }: Claim): Promise<boolean> {
    const now = epochMs();
    const changed = await tx.execute(
      `UPDATE "runs" SET "status" = 'running', "owner" = ?, "startedAt" = MAX("createdAt", ?), "progressAt" = MAX("createdAt", ?), "provider" = ?,
       "model" = ?, "attempts" = "attempts" + 1 WHERE "id" = ? AND "status" = 'queued'`,
      [owner, now, now, provider, model, id],
    );
    return changed === 1;
  }

  /** Records progress. @returns false when `owner` no longer owns the run, and may write nothing more */
  async touch(tx: Transaction, id: string, owner: string): Promise<boolean> {
    const changed = await tx.execute(
      `UPDATE "runs" SET "progressAt" = MAX("progressAt", ?) WHERE "id" = ? AND "status" = 'running' AND "owner" = ?`,
      [epochMs(), id, owner],
    );
    return changed === 1;
  }

  /** @returns false when the run was not `from` any more, or not `owner`'s: it was ended elsewhere */
  async end(
    tx: Transaction,
    id: string,
    from: { status: 'queued' } | { status: 'running'; owner: string | null },
    end: RunEnd,
  ): Promise<boolean> {
    const owner = from.status === 'running' ? from.owner : null;
    const changed = await tx.execute(
      `UPDATE "runs" SET "status" = ?, "endedAt" = MAX("createdAt", COALESCE("startedAt", 0), ?), "iterations" = ?, "inputTokens" = ?, "outputTokens" = ?,
       "errorCode" = ?, "errorMessage" = ? WHERE "id" = ? AND "status" = ? AND "owner" IS NOT DISTINCT FROM ?`,
      [
        end.status,
        epochMs(),
        end.iterations,
        end.inputTokens,
        end.outputTokens,
        end.errorCode,
        end.errorMessage,
        id,
        from.status,
        owner,
      ],
    );
    return changed === 1;
  }

  /** Asks the owner of the session's running run to abort it, unless that is `asking`. */
  async requestAbort(tx: Transaction, sessionId: string, asking: string): Promise<void> {
    await tx.execute(
      `UPDATE "runs" SET "abortRequestedAt" = ? WHERE "sessionId" = ? AND "status" = 'running' AND "owner" <> ?`,
      [epochMs(), sessionId, asking],
    );
  }

  /** Ids of the owner's running runs that it is asked to abort. */
  async abortRequested(owner: string): Promise<string[]> {
    const rows = await this.work.read((db) =>
      db.select<{ id: string }>(
        `SELECT "id" FROM "runs" WHERE "status" = 'running' AND "abortRequestedAt" IS NOT NULL AND "owner" = ?`,
        [owner],
      ),
    );
    return rows.map(({ id }) => id);
  }

  /** Those of some runs that are neither queued nor running any more, by their ids; undefined where the row is gone. */
  async endedAmong(ids: readonly string[]): Promise<Map<string, StoredRun | undefined>> {
    const rows = await this.work.read((db) =>
      db.find(Run, { select: WITHOUT_INPUT, where: { id: In([...ids]) } }),
    );
    const found = new Map<string, StoredRun>(rows.map((run) => [run.id, run]));
    const isOpen = (id: string) => found.get(id)?.endedAt === null;
    return new Map(ids.filter((id) => !isOpen(id)).map((id) => [id, found.get(id)]));
  }

  async isRunning(id: string): Promise<boolean> {
    const rows = await this.work.read((db) =>
      db.select(`SELECT 1 FROM "runs" WHERE "id" = ? AND "status" = 'running'`, [id]),
    );
    return rows.length > 0;
  }

  /** The session's unfinished runs: the running one first, then the queue in its order. */
  openOf(tx: Transaction, sessionId: string): Promise<OpenRun[]> {
    return tx.query<OpenRun>(OPEN_OF, [sessionId, sessionId]);
  }

  /** Committed rows of {@link openOf}. */
  readOpenOf(sessionId: string): Promise<OpenRun[]> {
    return this.work.read((db) => db.select<OpenRun>(OPEN_OF, [sessionId, sessionId]));
  }

  async countRunning(tx: Transaction): Promise<number> {
    const [row] = await tx.query<{ n: number }>(
      `SELECT COUNT(*) AS "n" FROM "runs" WHERE "status" = 'running'`,
    );
    return Number(row?.n ?? 0);
  }

  /** Whether any session has queued runs. */
  async hasQueued(tx: Transaction): Promise<boolean> {
    return (await tx.query(`SELECT 1 FROM "runs" WHERE "status" = 'queued' LIMIT 1`)).length > 0;
  }

  /** Next queued run, of a session without a running one. */
  async nextQueued(tx: Transaction): Promise<Run | undefined> {
    const [run] = await tx.query<Run>(
      `SELECT * FROM "runs" AS "waiting" WHERE "status" = 'queued' AND NOT EXISTS (
         SELECT 1 FROM "runs" AS "busy" WHERE "busy"."sessionId" = "waiting"."sessionId" AND "busy"."status" = 'running'
       ) ORDER BY "priority" DESC, "no" LIMIT 1`,
    );
    return run;
  }

  async findByKey(tx: Transaction, sessionId: string, key: string, since: number): Promise<Run | undefined> {
    const [run] = await tx.query<Run>(
      `SELECT * FROM "runs" WHERE "sessionId" = ? AND "idempotencyKey" = ? AND "createdAt" > ?
       ORDER BY "no" DESC LIMIT 1`,
      [sessionId, key, since],
    );
    return run;
  }

  async find(id: string): Promise<StoredRun | undefined> {
    const [run] = await this.work.read((db) => db.find(Run, { select: WITHOUT_INPUT, where: { id } }));
    return run;
  }

  /** The next runs of a session in order of acceptance. @param after the `no` of the last one before them */
  page(sessionId: string, after: number, limit: number): Promise<StoredRun[]> {
    return this.work.read((db) =>
      db.find(Run, {
        select: WITHOUT_INPUT,
        where: { sessionId, no: MoreThan(after) },
        order: { no: 'ASC' },
        take: limit,
      }),
    );
  }

  /** All running runs, of every server. */
  running(): Promise<OpenRun[]> {
    return this.work.read((db) =>
      db.select<OpenRun>(`SELECT ${OPEN_RUN} FROM "runs" WHERE "status" = 'running'`),
    );
  }
}
