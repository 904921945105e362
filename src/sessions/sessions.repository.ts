import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type Transaction, UnitOfWork } from '../database/index.js';
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
    return this.work.write(async (tx) => {
      await tx.manager.insert(Session, session as never); // TypeORM's type rejects open JSON
    });
  }

  find(id: string, manager?: EntityManager): Promise<Session | null> {
    if (manager) return manager.findOneBy(Session, { id });
    return this.work.read((reader) => reader.findOneBy(Session, { id }));
  }

  async exists(id: string): Promise<boolean> {
    const rows = await this.work.read((manager) =>
      manager.query<unknown[]>('SELECT 1 FROM "sessions" WHERE "id" = ?', [id]),
    );
    return rows.length > 0;
  }

  /** The newest first. */
  list({ limit, before, tag }: ListOptions): Promise<Session[]> {
    return this.work.read(async (manager) => {
      const where: string[] = [];
      const parameters: unknown[] = [];
      if (before) {
        where.push('("updatedAt" < ? OR ("updatedAt" = ? AND "id" < ?))');
        parameters.push(before.updatedAt, before.updatedAt, before.id);
      }
      if (tag !== undefined) {
        where.push(`"tags" LIKE ? ESCAPE '\\'`);
        parameters.push(`%${JSON.stringify(tag).replace(/[\\%_]/g, '\\$&')}%`);
      }
      // Plain rows: making 10,000 entities out of them costs several times the query.
      const rows = await manager.query<Record<keyof Session, unknown>[]>(
        `SELECT * FROM "sessions" ${where.length ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY "updatedAt" DESC, "id" DESC LIMIT ?`,
        [...parameters, limit ?? -1],
      );
      return rows.map(fromRow);
    });
  }

  /** @returns whether there was such a session */
  update(id: string, change: (session: Session) => Partial<Session>): Promise<Session | null> {
    return this.work.write(async (tx) => {
      const session = await this.find(id, tx.manager);
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

  async setState(tx: Transaction, id: string, state: SessionState): Promise<void> {
    await tx.execute('UPDATE "sessions" SET "state" = ?, "updatedAt" = ? WHERE "id" = ?', [
      state,
      Date.now(),
      id,
    ]);
  }

  async addUsage(tx: Transaction, id: string, inputTokens: number, outputTokens: number): Promise<void> {
    await tx.execute(
      'UPDATE "sessions" SET "inputTokens" = "inputTokens" + ?, "outputTokens" = "outputTokens" + ? WHERE "id" = ?',
      [inputTokens, outputTokens, id],
    );
  }
}

function fromRow(row: Record<keyof Session, unknown>): Session {
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
