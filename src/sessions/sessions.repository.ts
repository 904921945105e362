import { Injectable } from '@nestjs/common';
import { type Reader, type Transaction, UnitOfWork } from '../database/index.js';
import type { Usage } from '../events/index.js';
import { Session, type SessionState } from './session.entity.js';

export interface ListOptions {
  readonly limit?: number;
  /** Only sessions older than this place in the list. */
  readonly before?: { readonly updatedAt: number; readonly id: string };
  readonly tag?: string;
}

/** The rows of sessions. It holds no rule. */
@Injectable()
export class SessionsRepository {
  constructor(private readonly work: UnitOfWork) {}

  insert(session: Session): Promise<void> {
    const row = toRow(session);
    return this.work.write(async (tx) => {
      await tx.execute(
        INSERT,
        COLUMNS.map((column) => row[column]),
      );
    });
  }

  async find(id: string, reader?: Reader): Promise<Session | null> {
    const query = (db: Reader) => db.query<Row>('SELECT * FROM "sessions" WHERE "id" = ?', [id]);
    const [row] = await (reader ? query(reader) : this.work.read(query));
    return row ? fromRow(row) : null;
  }

  async exists(id: string): Promise<boolean> {
    const rows = await this.work.read((db) => db.query('SELECT 1 FROM "sessions" WHERE "id" = ?', [id]));
    return rows.length > 0;
  }

  /** The newest first. */
  list({ limit, before, tag }: ListOptions): Promise<Session[]> {
    return this.work.read(async (db) => {
      const where: string[] = [];
      const parameters: unknown[] = [];
      if (before) {
        where.push('("updatedAt" < ? OR ("updatedAt" = ? AND "id" < ?))');
        parameters.push(before.updatedAt, before.updatedAt, before.id);
      }
      if (tag !== undefined) {
        where.push('EXISTS (SELECT 1 FROM json_each("tags") WHERE "value" = ?)');
        parameters.push(tag);
      }
      // Plain rows: making 10,000 entities out of them costs several times the query.
      const rows = await db.query<Row>(
        `SELECT * FROM "sessions" ${where.length ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY "updatedAt" DESC, "id" DESC LIMIT ?`,
        [...parameters, limit ?? -1],
      );
      return rows.map(fromRow);
    });
  }

  /** @returns whether there was such a session */
  update(id: string, change: (session: Session) => Partial<Session>): Promise<Session | null> {
    return this.work.write(async (tx) => {
      const session = await this.find(id, tx);
      if (!session) return null;
      const changes = { ...change(session), updatedAt: Date.now() };
      await tx.manager.update(Session, { id }, changes as never);
      return Object.assign(session, changes);
    });
  }

  /** Its events and runs go with it. */
  async delete(id: string): Promise<boolean> {
    return this.work.write(async (tx) => {
      return (await tx.execute('DELETE FROM "sessions" WHERE "id" = ?', [id])) > 0;
    });
  }

  async setState(tx: Transaction, id: string, state: SessionState, usage: Usage = NO_USAGE): Promise<void> {
    await tx.execute(
      `UPDATE "sessions" SET "state" = ?, "updatedAt" = ?, "inputTokens" = MIN("inputTokens" + ?, ${Number.MAX_SAFE_INTEGER}),
       "outputTokens" = MIN("outputTokens" + ?, ${Number.MAX_SAFE_INTEGER}) WHERE "id" = ?`,
      [state, Date.now(), usage.inputTokens, usage.outputTokens, id],
    );
  }
}

type Row = Record<keyof Session, unknown>;

const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0 };

const COLUMNS = [
  'id',
  'createdAt',
  'updatedAt',
  'name',
  'tags',
  'workspace',
  'metadata',
  'modelProvider',
  'modelId',
  'agentOptions',
  'runtimeSettings',
  'state',
  'inputTokens',
  'outputTokens',
] as const satisfies readonly (keyof Session)[];

const INSERT = `INSERT INTO "sessions" (${COLUMNS.map((column) => `"${column}"`).join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`;

function toRow(session: Session): Row {
  const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
  return {
    ...session,
    tags: json(session.tags),
    metadata: json(session.metadata),
    agentOptions: json(session.agentOptions),
    runtimeSettings: json(session.runtimeSettings),
  };
}

function fromRow(row: Row): Session {
  const json = (value: unknown): never => (value === null ? null : JSON.parse(value as string)) as never;
  return {
    ...(row as unknown as Session),
    createdAt: Number(row.createdAt),
    updatedAt: Number(row.updatedAt),
    tags: json(row.tags),
    metadata: json(row.metadata),
    agentOptions: json(row.agentOptions),
    runtimeSettings: json(row.runtimeSettings),
  };
}
