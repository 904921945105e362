import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyEvent } from '../../support/client.js';
import { contentOf, COUNTS, fileOf } from './model-script.js';
import { type EventRow, isOpen, type RunRow, type Stored } from './stored.js';
import type { Problems } from './counts.js';

/** How the last event of a run names what its row says. */
const END_OF: Readonly<Record<string, string>> = {
  completed: 'completed',
  failed: 'error',
  aborted: 'aborted',
  interrupted: 'interrupted',
};

/** What the events of a session tell of its runs. */
interface Told {
  /** Runs in the order in which they began. */
  readonly begun: string[];
  /** By run: how it ended, and whether the event before says why. */
  readonly ended: Map<string, { status: unknown; explained: boolean }>;
  /** Marks of the calls of the counting tool, and those that it has answered. */
  readonly marks: Set<string>;
  readonly counted: Set<string>;
  readonly open: string | undefined;
}

/** What was found in one database at its last look, so that the next can be held against it. */
export class StoredHistory {
  private last: Stored | undefined;
  private readonly told = new Map<string, Told>();
  /** By id: where the event stands. */
  private readonly places = new Map<string, string>();

  constructor(
    private readonly workspace: string,
    private readonly problems: Problems,
  ) {}

  /**
   * Looks at every rule that holds at any time, also in what a killed server has left.
   * @param mayBeGone whether a client has asked for the session's deletion
   */
  look(stored: Stored, mayBeGone: (sessionId: string) => boolean): void {
    if (stored.integrity !== 'ok') this.problems.wrong(`integrity_check: ${stored.integrity}`);
    if (this.last) this.compare(this.last, stored, mayBeGone);
    const runs = bySession(stored);
    for (const [id, session] of stored.sessions) {
      const rows = stored.events.get(id) ?? [];
      const told = this.read(id, rows);
      this.checkRuns(told, runs.get(id) ?? []);
      const busy = (runs.get(id) ?? []).some(isOpen);
      if ((session.state === 'executing') !== busy) {
        this.problems.wrong(`session ${id} is ${session.state}, its runs are ${busy ? '' : 'not '}open`);
      }
    }
    this.checkTools(stored);
    this.last = stored;
  }

  /** What was stored stays, and as it was; a run that has ended changes no more. */
  private compare(before: Stored, now: Stored, mayBeGone: (sessionId: string) => boolean): void {
    const gone = (id: string) => mayBeGone(id) && !now.sessions.has(id);
    for (const id of before.sessions.keys()) {
      if (!now.sessions.has(id) && !gone(id)) this.problems.lost(`session ${id}`);
    }
    for (const [id, rows] of before.events) {
      const later = now.events.get(id);
      if (gone(id)) continue;
      for (const [i, { data }] of rows.entries()) {
        if (later?.[i]?.data !== data) this.problems.lost(`event ${i + 1} of ${id} was ${data}`);
      }
    }
    for (const [id, run] of before.runs) {
      const later = now.runs.get(id);
      if (!later) {
        if (!gone(run.sessionId)) this.problems.lost(`run ${id}, which was ${run.status}`);
      } else if (later.status !== run.status && (!isOpen(run) || later.status === 'queued')) {
        this.problems.wrong(`run ${id} was ${run.status} and is ${later.status}`);
      }
    }
  }

  private read(sessionId: string, rows: readonly EventRow[]): Told {
    const before = this.last?.events.get(sessionId)?.length ?? 0;
    const known = this.told.get(sessionId);
    if (known && rows.length === before) return known;
    const told = this.tell(sessionId, rows);
    this.told.set(sessionId, told);
    return told;
  }

  /** Goes through a session from its first event to its last. */
  private tell(sessionId: string, rows: readonly EventRow[]): Told {
    const told = {
      begun: [] as string[],
      ended: new Map(),
      marks: new Set<string>(),
      counted: new Set<string>(),
    };
    const calls = new Map<string, AnyEvent>();
    const answered = new Set<string>();
    let open: string | undefined;
    for (const [i, row] of rows.entries()) {
      const event = JSON.parse(row.data) as AnyEvent;
      const place = `${sessionId}/${row.seq}`;
      if (row.seq !== i + 1) this.problems.outOfOrder(`event ${row.seq} of ${sessionId} is its ${i + 1}.`);
      this.checkRow(row, event, place);
      const before = rows[i - 1];
      if (event.type === 'user_message') {
        if (open !== undefined) this.problems.outOfOrder(`${place} begins a run before ${open} has ended`);
        if (told.begun.includes(row.runId)) this.problems.repeated(`${place} begins run ${row.runId} again`);
        told.begun.push(row.runId);
        open = row.runId;
      } else if (row.runId !== open) {
        this.problems.outOfOrder(`${place} (${event.type}) is of run ${row.runId}, not of ${open}`);
      }
      if ((event.type === 'agent_run_start') !== (before?.type === 'user_message')) {
        this.problems.outOfOrder(`${place} is ${event.type} after ${before?.type}`);
      }
      if (event.type === 'agent_run_end') {
        told.ended.set(row.runId, { status: event['status'], explained: before?.type === 'system' });
        open = undefined;
      }
      if (event.type === 'tool_call') {
        const id = event['toolCallId'] as string;
        if (calls.has(id)) this.problems.repeated(`${place} calls ${id} again`);
        calls.set(id, event);
        if (event['name'] === 'count') told.marks.add(markOf(event));
      }
      if (event.type === 'tool_result') {
        const id = event['toolCallId'] as string;
        const call = calls.get(id);
        if (!call) this.problems.outOfOrder(`${place} answers ${id}, which was not called`);
        else if (answered.has(id)) this.problems.repeated(`${place} answers ${id} again`);
        else if (event['error'] === undefined) this.checkResult(call, told.counted);
        answered.add(id);
      }
    }
    return { ...told, open };
  }

  private checkRow(row: EventRow, event: AnyEvent, place: string): void {
    const { id, seq, sessionId, runId, type } = event;
    const same = seq === row.seq && sessionId === row.sessionId && runId === row.runId && type === row.type;
    if (!same) this.problems.wrong(`the columns of ${place} do not fit ${row.data}`);
    const other = this.places.get(id as string);
    if (other !== undefined && other !== place)
      this.problems.repeated(`${other} and ${place} are both ${String(id)}`);
    this.places.set(id as string, place);
  }

  /** A result that is stored stands for what was done. */
  private checkResult(call: AnyEvent, counted: Set<string>): void {
    if (call['name'] === 'count') {
      counted.add(markOf(call));
      return;
    }
    const { path } = call['arguments'] as { path: string };
    const mark = /(m\d+)\.txt$/.exec(path)?.[1] ?? '';
    const file = join(this.workspace, fileOf(mark));
    if (!existsSync(file) || readFileSync(file, 'utf8') !== contentOf(mark)) {
      this.problems.lost(`the file ${path} that a tool said it had written`);
    }
  }

  private checkRuns({ begun, ended, open }: Told, runs: readonly RunRow[]): void {
    for (const { id, status, startedAt } of runs) {
      if (status === 'failed') this.problems.wrong(`run ${id} failed, with a model that never does`);
      if (startedAt === null) {
        if (begun.includes(id)) this.problems.wrong(`run ${id} is ${status}, never began, and has events`);
        if (status !== 'queued' && status !== 'aborted')
          this.problems.wrong(`run ${id} is ${status} before it began`);
        continue;
      }
      if (!begun.includes(id)) this.problems.lost(`the beginning of run ${id}`);
      const end = ended.get(id);
      if ((status === 'running') !== (open === id))
        this.problems.wrong(`run ${id} is ${status}, not its events`);
      if (status !== 'running' && end?.status !== END_OF[status]) {
        this.problems.lost(`the end of run ${id}, which is ${status}: ${String(end?.status)}`);
      }
      if (status === 'interrupted' && !end?.explained) {
        this.problems.lost(`the system event of run ${id}, which was interrupted`);
      }
    }
    this.checkOrder(begun, runs);
  }

  /** First in, first out; queries that interrupt go before, among themselves in their order too. */
  private checkOrder(begun: readonly string[], runs: readonly RunRow[]): void {
    const rows = new Map(runs.map((run) => [run.id, run]));
    for (const priority of [0, 1]) {
      const order = begun.flatMap((id) => {
        const run = rows.get(id);
        return run?.priority === priority ? [run.no] : [];
      });
      if (order.some((no, i) => no < (order[i - 1] ?? 0))) {
        this.problems.outOfOrder(`runs began as ${order.join()}`);
      }
    }
  }

  /** A tool ran once for each call that was stored before, and not for any other. */
  private checkTools({ sessions }: Stored): void {
    const file = join(this.workspace, COUNTS);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    const ran = new Set<string>();
    for (const line of lines) {
      const [mark = '', sessionId = ''] = line.split(' ');
      if (ran.has(mark)) this.problems.repeated(`the tool ran twice for ${mark}`);
      ran.add(mark);
      if (sessions.has(sessionId) && !this.told.get(sessionId)?.marks.has(mark)) {
        this.problems.lost(`the tool ran for ${mark} of ${sessionId}, whose call is not stored`);
      }
    }
    for (const id of sessions.keys()) {
      for (const mark of this.told.get(id)?.counted ?? []) {
        if (!ran.has(mark)) this.problems.wrong(`the result of ${mark} is stored, and the tool did not run`);
      }
    }
  }
}

const markOf = (call: AnyEvent): string => (call['arguments'] as { mark: string }).mark;

function bySession({ runs }: Stored): Map<string, RunRow[]> {
  const lists = new Map<string, RunRow[]>();
  for (const run of runs.values()) {
    const list = lists.get(run.sessionId);
    if (list) list.push(run);
    else lists.set(run.sessionId, [run]);
  }
  return lists;
}
