import { Injectable } from '@nestjs/common';
import { epochMs } from '../common/clock.js';
import { type Reader, type Transaction, UnitOfWork } from '../database/index.js';
import type { Usage } from '../events/index.js';
import { SessionNotFound, type SessionState } from '../runs/index.js';
import { Session } from './session.entity.js';

/** Place of a session in the list. */
export interface Place {
  /** Number of its last change: see {@link NEXT_CHANGE}. */
  readonly changeNo: number;
  readonly id: string;
}

export interface ListFilter {
  /** Only sessions older than this place in the list. */
  readonly before?: Place | undefined;
  /** Only sessions newer than this place. */
  readonly after?: Place;
  readonly tag?: string;
}

/** Places of a part of the list, in its order. */
export interface PlacesPart {
  readonly places: readonly Place[];
  /** Where the next part begins. */
  readonly next: Place | undefined;
}

/** A session as a page of the list holds it. */
export interface Listed {
  readonly id: string;
  readonly changeNo: number;
  /** Null when a column of it is longer than {@link LISTED_BYTES}: then it is read by itself. */
  readonly session: Session | null;
}

export type SessionSummary = Pick<Session, 'id' | 'name' | 'state' | 'updatedAt'>;

/** The rows of sessions. It holds no rule. */
@Injectable()
export class SessionsRepository {
  constructor(private readonly work: UnitOfWork) {}

  async insert(tx: Transaction, session: Session): Promise<void> {
    const row = toRow(session);
    const values = COLUMNS.map((column) => row[column]);
    await tx.execute(INSERT, values);
  }

  async find(id: string, reader?: Reader): Promise<Session | null> {
    const query = (db: Reader) => db.select<Row>('SELECT * FROM "sessions" WHERE "id" = ?', [id]);
    const [row] = await (reader ? query(reader) : this.work.read(query));
    return row ? fromRow(row) : null;
  }

  async exists(id: string): Promise<boolean> {
    const rows = await this.work.read((db) => db.select('SELECT 1 FROM "sessions" WHERE "id" = ?', [id]));
    return rows.length > 0;
  }

  /** The session that was updated last; null when there is none. */
  async newest(): Promise<Session | null> {
    const [row] = await this.work.read((db) =>
      db.select<Row>(`SELECT * FROM "sessions" ${NEWEST_FIRST} LIMIT 1`),
    );
    return row ? fromRow(row) : null;
  }

  /** The last updated ones, without the columns that may be long. */
  async summaries(limit: number): Promise<SessionSummary[]> {
    const rows = await this.work.read((db) =>
      db.select<SessionSummary>(
        `SELECT "id", "name", "state", "updatedAt" FROM "sessions" ${NEWEST_FIRST} LIMIT ?`,
        [limit],
      ),
    );
    return rows.map((row) => ({ ...row, updatedAt: Number(row.updatedAt) }));
  }

  /** A page of the list, the newest first. */
  async list({ before }: Pick<ListFilter, 'before'>, limit: number): Promise<Listed[]> {
    const { sql, values } = conditionOf({ before });
    const rows = await this.work.read((db) =>
      db.select<ListedRow>(`SELECT ${LISTED} FROM "sessions" ${sql} ${NEWEST_FIRST} LIMIT ?`, [
        ...values,
        limit,
      ]),
    );
    return rows.map(toListed);
  }

  /** The sessions with these ids, in the order of the ids; some may be gone. */
  async listAll(ids: readonly string[]): Promise<Listed[]> {
    const rows = await this.work.read((db) =>
      db.select<ListedRow>(
        `SELECT ${LISTED} FROM "sessions" WHERE "id" IN (${ids.map(() => '?').join(', ')})`,
        ids,
      ),
    );
    const listed = new Map(rows.map((row) => [row.id, toListed(row)]));
    return ids.flatMap((id) => listed.get(id) ?? []);
  }

  /**
   * A part of the list, of places only: it may be empty where the filter has a tag, and is the last one when `next` is
   * undefined. The part is small enough to keep nobody waiting.
   */
  async places({ tag, ...range }: ListFilter): Promise<PlacesPart> {
    const { sql, values } = conditionOf(range);
    const fits = tag === undefined ? '1' : 'EXISTS (SELECT 1 FROM json_each("tags") WHERE "value" = ?)';
    const limit = tag === undefined ? PLACES : TAGGED_PLACES;
    const rows = await this.work.read((db) =>
      db.select<Place & { readonly fits: number }>(
        `SELECT "changeNo", "id", ${fits} AS "fits" FROM "sessions" ${sql} ${NEWEST_FIRST} LIMIT ?`,
        [...(tag === undefined ? [] : [tag]), ...values, limit],
      ),
    );
    const places = rows
      .filter((row) => row.fits === 1)
      .map(({ changeNo, id }) => ({ changeNo: Number(changeNo), id }));
    const last = rows.at(-1);
    return {
      places,
      next: last && rows.length === limit ? { ...last, changeNo: Number(last.changeNo) } : undefined,
    };
  }

  /** Changes a session's columns, and the time of its update. @throws SessionNotFound */
  update(id: string, change: (session: Session) => Partial<Session>): Promise<Session> {
    return this.work.write(async (tx) => {
      const session = await this.find(id, tx);
      if (!session) throw new SessionNotFound(id);
      const changes = { ...change(session), updatedAt: Math.max(session.updatedAt, epochMs()) };
      await tx.update(Session, { id }, changes);
      await tx.execute(`UPDATE "sessions" SET "changeNo" = ${NEXT_CHANGE} WHERE "id" = ?`, [id]);
      return { ...session, ...changes };
    });
  }

  /** Its events and runs go with it, and nothing of them stays in the files. */
  async delete(id: string): Promise<boolean> {
    return (await this.work.erase('DELETE FROM "sessions" WHERE "id" = ?', [id], id)) > 0;
  }

  async setState(tx: Transaction, id: string, state: SessionState, usage: Usage = NO_USAGE): Promise<void> {
    await tx.execute(
      `UPDATE "sessions" SET "state" = ?, "changeNo" = ${NEXT_CHANGE}, "updatedAt" = MAX("updatedAt", ?),
       "inputTokens" = MIN("inputTokens" + ?, ${Number.MAX_SAFE_INTEGER}),
       "outputTokens" = MIN("outputTokens" + ?, ${Number.MAX_SAFE_INTEGER}) WHERE "id" = ?`,
      [state, epochMs(), usage.inputTokens, usage.outputTokens, id],
    );
  }
}

type Row = Record<keyof Session, unknown>;
type ListedRow = Row & { readonly id: string; readonly changeNo: number };

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

/** Rows of a part of the places: some milliseconds. With a tag the tags of each are read, which may be 20 KB. */
const PLACES = 1_000;
const TAGGED_PLACES = 100;

/** Changes are counted by the database: the wall clock, and `updatedAt` with it, may stand still. */
const NEXT_CHANGE = '(SELECT COALESCE(MAX("changeNo"), 0) + 1 FROM "sessions")';
const NEWEST_FIRST = 'ORDER BY "changeNo" DESC, "id" DESC';

/** Columns that may be long, and what of each a page of the list holds; for more it holds '', which no JSON is. */
const OF_ANY_LENGTH = ['tags', 'metadata', 'agentOptions', 'runtimeSettings'] as const;
const LISTED_BYTES = 4_096;
const LISTED = COLUMNS.map((column) =>
  (OF_ANY_LENGTH as readonly string[]).includes(column)
    ? `CASE WHEN octet_length("${column}") > ${LISTED_BYTES} THEN '' ELSE "${column}" END AS "${column}"`
    : `"${column}"`,
)
  .concat('"changeNo"')
  .join(', ');

const INSERT = `INSERT INTO "sessions" (${COLUMNS.map((column) => `"${column}"`).join(', ')}, "changeNo") VALUES (${COLUMNS.map(() => '?').join(', ')}, ${NEXT_CHANGE})`;

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

function toListed(row: ListedRow): Listed {
  const isShort = OF_ANY_LENGTH.every((column) => row[column] !== '');
  const { id, changeNo } = row;
  return { id, changeNo: Number(changeNo), session: isShort ? fromRow(row) : null };
}

function conditionOf({ before, after }: Omit<ListFilter, 'tag'>): {
  readonly sql: string;
  readonly values: readonly unknown[];
} {
  const where: string[] = [];
  const values: unknown[] = [];
  if (before) {
    where.push('("changeNo", "id") < (?, ?)'); // unlike with OR, the index leads to the place
    values.push(before.changeNo, before.id);
  }
  if (after) {
    where.push('("changeNo", "id") > (?, ?)');
    values.push(after.changeNo, after.id);
  }
  return { sql: where.length > 0 ? `WHERE ${where.join(' AND ')}` : '', values };
}
