import { setImmediate as turn } from 'node:timers/promises';
import type { UnitOfWork } from '../database/index.js';
import type { StoredAgentEvent } from './event.types.js';

/** Rows read at once. */
const PAGE = 100;
/** A longer event is read on its own: a page of them would fill the memory. Bytes. */
const INLINE_BYTES = 65_536;
/** Rows that are looked at, the newest first: a longer conversation fits no model. */
const MAX_ROWS = 20_000;

export interface RecentOptions {
  /** Only these types. Default: all. */
  readonly types?: readonly string[] | undefined;
  /** What the events may take together as JSON, in bytes; the results of tools at most half of it. */
  readonly maxBytes: number;
}

/** The newest events of a session, in `seq` order. */
export interface RecentEvents {
  readonly events: readonly StoredAgentEvent[];
  /** Whether these are all: older ones, or older results of tools, may have been left out. */
  readonly complete: boolean;
}

interface Row {
  readonly seq: number;
  readonly type: StoredAgentEvent['type'];
  readonly bytes: number;
  /** Null when it is too long to be read with the others. */
  readonly data: string | null;
}

/**
 * Reads a session from its end, as far as there is room. What a session holds has no bound, what is in memory of it
 * has: results of tools, of which there may be very many and very long ones, are the first to be left out.
 */
export async function readRecent(
  work: UnitOfWork,
  sessionId: string,
  options: RecentOptions,
): Promise<RecentEvents> {
  const found = new Collected(options.maxBytes);
  for (let before = Number.MAX_SAFE_INTEGER, looked = 0; ;) {
    const rows = await readPage(work, sessionId, before, options.types);
    for (const row of rows) {
      if (!found.admits(row)) continue;
      found.add(row.data ?? (await readWhole(work, sessionId, row.seq)));
    }
    looked += rows.length;
    before = rows.at(-1)?.seq ?? 0;
    if (rows.length < PAGE) return found.result();
    if (found.isFull || looked >= MAX_ROWS) return { ...found.result(), complete: false };
    await turn(); // some drivers read at once: others shall have their turn
  }
}

/** What has been read, the newest first, and how much room is left. */
class Collected {
  private readonly events: StoredAgentEvent[] = [];
  private room: number;
  private roomForResults: number;
  private complete = true;

  constructor(maxBytes: number) {
    this.room = maxBytes;
    this.roomForResults = maxBytes / 2;
  }

  /** Whether the event has a place. From the first of its kind that has none, no older one has. */
  admits({ type, bytes }: Row): boolean {
    const isResult = type === 'tool_result';
    if (bytes <= (isResult ? Math.min(this.room, this.roomForResults) : this.room)) {
      this.room -= bytes;
      if (isResult) this.roomForResults -= bytes;
      return true;
    }
    this.complete = false;
    this.roomForResults = 0;
    if (!isResult) this.room = 0;
    return false;
  }

  add(data: string | undefined): void {
    if (data !== undefined) this.events.push(JSON.parse(data) as StoredAgentEvent);
  }

  get isFull(): boolean {
    return this.room === 0;
  }

  result(): RecentEvents {
    return { events: this.events.reverse(), complete: this.complete };
  }
}

function readPage(
  work: UnitOfWork,
  sessionId: string,
  before: number,
  types: readonly string[] | undefined,
): Promise<Row[]> {
  const ofTypes = types ? ` AND "type" IN (${types.map(() => '?').join(', ')})` : '';
  return work.read((db) =>
    db.query<Row>(
      `SELECT "seq", "type", octet_length("data") AS "bytes", CASE WHEN octet_length("data") <= ${INLINE_BYTES} THEN "data" END AS "data"
       FROM "events" WHERE "sessionId" = ? AND "seq" < ?${ofTypes} ORDER BY "seq" DESC LIMIT ${PAGE}`,
      [sessionId, before, ...(types ?? [])],
    ),
  );
}

async function readWhole(work: UnitOfWork, sessionId: string, seq: number): Promise<string | undefined> {
  const [row] = await work.read((db) =>
    db.query<{ data: string }>('SELECT "data" FROM "events" WHERE "sessionId" = ? AND "seq" = ?', [
      sessionId,
      seq,
    ]),
  );
  return row?.data;
}
