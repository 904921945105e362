import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { nextTurn } from '../files/loop-turns.js';
import { UnitOfWork } from '../database/index.js';
import type { StoredAgentEvent } from './event.types.js';

/** One stored event, as a page of the log holds it. */
export interface EventRow {
  readonly seq: number;
  readonly type: StoredAgentEvent['type'];
  /** Length of the JSON text in bytes. */
  readonly bytes: number;
  /** JSON text; null when it is longer than {@link ROW_BYTES}: such an event is read by itself. */
  readonly data: string | null;
}

export interface EventRange {
  /** Events with a higher seq only. Default 0. */
  readonly after?: number;
  /** Events up to this seq only. Default: all. */
  readonly upTo?: number;
  /** Only these types. Default: all. */
  readonly types?: readonly string[];
  /** Only events of this run. Default: of all. */
  readonly runId?: string;
}

/** Largest event, in bytes, that a page holds. */
export const ROW_BYTES = 16_384;
/** Events read at once: with {@link ROW_BYTES}, a page is at most a megabyte. */
const PAGE_ROWS = 64;
/** Bytes of a longer event read at once, but never less than an eighth: each part costs a look at the whole. */
const SLICE_BYTES = 262_144;
const SLICES = 8;
/** Events whose sizes are summed at once. */
const WEIGHED = 10_000;

/** The session was deleted while its events were read: the events read so far are incomplete. */
export class EventsGone extends DomainError {
  constructor() {
    super('SESSION_NOT_FOUND', 'The session was deleted while its events were read.');
  }
}

/**
 * The stored events of a session, read in parts of bounded size, however large an event is. No cursor of the database
 * stays open between two parts.
 */
@Injectable()
export class EventPages {
  /** Resolves when the large event in memory is released. */
  private large: Promise<unknown> = Promise.resolve();

  constructor(private readonly work: UnitOfWork) {}

  /** @param limit most events, never more than {@link PAGE_ROWS} */
  page(sessionId: string, range: EventRange, limit = PAGE_ROWS): Promise<EventRow[]> {
    const { sql, values } = conditionOf(sessionId, range);
    return this.work.read((db) =>
      db.select<EventRow>(
        `SELECT "seq", "type", octet_length("data") AS "bytes",
         CASE WHEN octet_length("data") <= ${ROW_BYTES} THEN "data" END AS "data"
         FROM "events" WHERE ${sql} ORDER BY "seq" LIMIT ?`,
        [...values, Math.min(limit, PAGE_ROWS)],
      ),
    );
  }

  /** Whether the session is stored. */
  async hasSession(sessionId: string): Promise<boolean> {
    const rows = await this.work.read((db) =>
      db.select('SELECT 1 FROM "sessions" WHERE "id" = ?', [sessionId]),
    );
    return rows.length > 0;
  }

  /** Whether more events may follow the page. */
  isFull(page: readonly EventRow[]): boolean {
    return page.length === PAGE_ROWS;
  }

  /** All rows of the range, page by page; yields to the event loop between two pages. */
  async *rows(sessionId: string, range: EventRange): AsyncGenerator<EventRow, void, void> {
    for (let after = range.after ?? 0; ;) {
      const page = await this.page(sessionId, { ...range, after });
      yield* page;
      const last = page.at(-1);
      if (!last || !this.isFull(page)) return;
      after = last.seq;
      await nextTurn();
    }
  }

  /**
   * The JSON text of one event, in parts that begin and end anywhere.
   * @param range bytes of the text; default all of it
   * @throws EventsGone
   */
  async *slices(
    sessionId: string,
    { seq, bytes }: Pick<EventRow, 'seq' | 'bytes'>,
    { start, end }: { readonly start: number; readonly end: number } = { start: 0, end: bytes },
  ): AsyncGenerator<Buffer, void, void> {
    const size = Math.max(SLICE_BYTES, Math.ceil(bytes / SLICES));
    for (let at = start; at < end; at += size) {
      const length = Math.min(size, end - at);
      yield await this.bytes(sessionId, seq, `substr(CAST("data" AS BLOB), ?, ?)`, [at + 1, length]);
    }
  }

  /** The JSON text of one event that is known to be short enough. @throws EventsGone */
  async text(sessionId: string, seq: number): Promise<string> {
    return (await this.bytes(sessionId, seq, 'CAST("data" AS BLOB)')).toString();
  }

  /**
   * Passes the JSON text of one large event to `use`. One such text is in memory at a time, for all callers.
   * @param use processes the text, and must not wait for a client
   */
  async withWhole<T>(sessionId: string, seq: number, use: (json: Buffer) => Promise<T>): Promise<T> {
    const turn = this.large.then(async () => {
      await nextTurn();
      return use(await this.bytes(sessionId, seq, 'CAST("data" AS BLOB)'));
    });
    this.large = turn.catch(() => undefined); // the caller gets the rejection
    return turn;
  }

  /** Whether the events of the range exceed `most` bytes in total. */
  async areLonger(
    sessionId: string,
    range: EventRange & { readonly upTo: number },
    most: number,
  ): Promise<boolean> {
    let sum = 0;
    for (let after = range.after ?? 0; after < range.upTo && sum <= most; after += WEIGHED) {
      const upTo = Math.min(range.upTo, after + WEIGHED);
      const { sql, values } = conditionOf(sessionId, { ...range, after, upTo });
      const [row] = await this.work.read((db) =>
        db.select<{ bytes: number | null }>(
          `SELECT SUM(octet_length("data")) AS "bytes" FROM "events" WHERE ${sql}`,
          values,
        ),
      );
      sum += row?.bytes ?? 0;
      if (upTo < range.upTo) await nextTurn();
    }
    return sum > most;
  }

  private async bytes(
    sessionId: string,
    seq: number,
    expression: string,
    values: readonly unknown[] = [],
  ): Promise<Buffer> {
    const [row] = await this.work.read((db) =>
      db.select<{ data: Uint8Array | ArrayBuffer }>(
        `SELECT ${expression} AS "data" FROM "events" WHERE "sessionId" = ? AND "seq" = ?`,
        [...values, sessionId, seq],
      ),
    );
    if (!row) throw new EventsGone();
    const { data } = row; // libsql gives an ArrayBuffer, the others a Buffer
    return data instanceof ArrayBuffer
      ? Buffer.from(data)
      : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }
}

function conditionOf(
  sessionId: string,
  { after = 0, upTo = Number.MAX_SAFE_INTEGER, types, runId }: EventRange,
): { readonly sql: string; readonly values: readonly unknown[] } {
  const ofTypes = types ? ` AND "type" IN (${types.map(() => '?').join(', ')})` : '';
  const ofRun = runId === undefined ? '' : ' AND "runId" = ?';
  return {
    sql: `"sessionId" = ? AND "seq" > ? AND "seq" <= ?${ofTypes}${ofRun}`,
    values: [sessionId, after, upTo, ...(types ?? []), ...(runId === undefined ? [] : [runId])],
  };
}
