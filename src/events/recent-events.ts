import { setImmediate as turn } from 'node:timers/promises';
import type { UnitOfWork } from '../database/index.js';
import type { StoredAgentEvent } from './event.types.js';
import { withModelRecord } from './model-record.js';

/** Rows read at once. */
const PAGE = 100;
/** Bytes of an event. A longer one is read alone: a page of them would fill the memory. */
const INLINE_BYTES = 65_536;
/** Rows read at most, the newest first: a longer conversation fits no model. */
const MAX_ROWS = 20_000;

/** Room for events, in bytes of JSON. */
export interface Room {
  /** The user's input: `user_message` and `environment_input`. */
  readonly inputBytes: number;
  /** Output of the model and its tools. */
  readonly outputBytes: number;
  /** Results of tools, which count as output too. */
  readonly resultBytes: number;
}

export interface RecentOptions {
  /** Only these types. Default: all. */
  readonly types?: readonly string[] | undefined;
  readonly room: Room;
}

/** The newest events of a session, in `seq` order. */
export interface RecentEvents {
  readonly events: readonly StoredAgentEvent[];
  /** Whether these are all events: older ones, or older results of tools, may have been left out. */
  readonly complete: boolean;
  /** Output of the model and its tools among the events, in bytes of JSON. */
  readonly outputBytes: number;
}

/** Size of an event with its model record: both are held, and sent. */
const BYTES = `(octet_length("data") + COALESCE(octet_length("modelRecord"), 0))`;

const INPUTS: ReadonlySet<string> = new Set(['user_message', 'environment_input']);

interface Row {
  readonly seq: number;
  readonly type: StoredAgentEvent['type'];
  readonly bytes: number;
  /** JSON text; null when it is too long to be read with its page. */
  readonly data: string | null;
  readonly modelRecord: string | null;
}

type Texts = Pick<Row, 'data' | 'modelRecord'>;

/**
 * Reads a session from its end, as far as there is room: a session has no bound, its part in memory has. Results of
 * tools, which may be very many and very long, are the first to be left out.
 */
export async function readRecent(
  work: UnitOfWork,
  sessionId: string,
  options: RecentOptions,
): Promise<RecentEvents> {
  const found = new Collected(options.room);
  for (let before = Number.MAX_SAFE_INTEGER, looked = 0; ;) {
    const rows = await readPage(work, sessionId, before, options.types);
    for (const row of rows) {
      if (!found.admits(row)) continue;
      found.add(row.data === null ? await readWhole(work, sessionId, row.seq) : row);
    }
    looked += rows.length;
    before = rows.at(-1)?.seq ?? 0;
    if (rows.length < PAGE) return found.result();
    if (found.isFull || looked >= MAX_ROWS) return { ...found.result(), complete: false };
    await turn(); // some drivers are synchronous: yield to the event loop
  }
}

/** Events read so far, the newest first, and the room that is left. */
class Collected {
  private readonly events: StoredAgentEvent[] = [];
  private inputs: number;
  private outputs: number;
  private results: number;
  private complete = true;
  /** Whether no older event fits any more. */
  isFull = false;

  constructor(private readonly room: Room) {
    this.inputs = room.inputBytes;
    this.outputs = room.outputBytes;
    this.results = room.resultBytes;
  }

  /** Whether the event fits. After the first that does not, no older one of its kind does. */
  admits({ type, bytes }: Row): boolean {
    const fits = !this.isFull && this.take(type, bytes);
    if (fits) return true;
    this.complete = false;
    if (type === 'tool_result') this.results = 0;
    else this.isFull = true;
    return false;
  }

  private take(type: string, bytes: number): boolean {
    if (INPUTS.has(type)) return (this.inputs -= bytes) >= 0;
    if (type === 'tool_result') {
      if (bytes > Math.min(this.results, this.outputs)) return false;
      this.results -= bytes;
    }
    if (bytes > this.outputs) return false;
    this.outputs -= bytes;
    return true;
  }

  add(row: Texts | undefined): void {
    if (typeof row?.data !== 'string') return;
    this.events.push(withModelRecord(JSON.parse(row.data) as StoredAgentEvent, row.modelRecord));
  }

  result(): RecentEvents {
    const { complete } = this;
    return { events: this.events.reverse(), complete, outputBytes: this.room.outputBytes - this.outputs };
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
    db.select<Row>(
      `SELECT "seq", "type", ${BYTES} AS "bytes", CASE WHEN ${BYTES} <= ${INLINE_BYTES} THEN "data" END AS "data",
       CASE WHEN ${BYTES} <= ${INLINE_BYTES} THEN "modelRecord" END AS "modelRecord" FROM "events" WHERE "sessionId" = ? AND "seq" < ?${ofTypes} ORDER BY "seq" DESC LIMIT ${PAGE}`,
      [sessionId, before, ...(types ?? [])],
    ),
  );
}

async function readWhole(work: UnitOfWork, sessionId: string, seq: number): Promise<Texts | undefined> {
  const [row] = await work.read((db) =>
    db.select<Texts>('SELECT "data", "modelRecord" FROM "events" WHERE "sessionId" = ? AND "seq" = ?', [
      sessionId,
      seq,
    ]),
  );
  return row;
}
