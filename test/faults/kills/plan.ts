import { Rng } from '../../support/rng.js';

/** What a session is used for while the server is about to be killed. */
export const JOBS = ['create', 'talk', 'tools', 'queue', 'interrupt', 'abort', 'delete', 'keys'] as const;
export type Job = (typeof JOBS)[number];

/** When the server is killed: at the `nth` time that `on` happens, and so many milliseconds after it. */
export interface Moment {
  /** What the clients note (see ServerLife.note), `work` for the time at which the work began, `wal` or `start`. */
  readonly on: string;
  readonly nth: number;
  readonly thenMs: number;
}

export interface KillPlan {
  readonly kill: number;
  /** While it starts and recovers; just after it is up, in what the queues go on with; or at work. */
  readonly during: 'start' | 'recovered' | 'work';
  /** What the moment is about, and most sessions do. */
  readonly focus: Job;
  readonly moment: Moment;
  /** What the clients choose is drawn from this. */
  readonly rng: Rng;
}

type Step = Pick<KillPlan, 'during' | 'focus'>;
const work = (focus: Job): Step => ({ during: 'work', focus });
const start: Step = { during: 'start', focus: 'queue' };
const recovered: Step = { during: 'recovered', focus: 'queue' };

/** One round of kills: each window that matters. What belongs together follows in quick succession. */
const ROUND: readonly (readonly Step[])[] = [
  ...JOBS.map((focus) => [work(focus)]),
  [work('talk'), recovered],
  [work('tools'), start],
  [work('queue'), start],
  [work('queue'), start, recovered],
  [work('queue'), recovered, start],
];
const KILLS_PER_ROUND = ROUND.flat().length;

/**
 * What happens at a kill, whatever happened at the ones before.
 * @param worker what runs beside it has rounds of its own
 * @param firstStart the server starts on an empty directory: it is killed while it does
 */
export function planOf(
  seed: number,
  kill: number,
  worker: { readonly index: number; readonly kills: number; readonly firstStart: boolean },
): KillPlan {
  const order = new Rng(seed * 7_919 + worker.index * 101 + Math.floor(worker.kills / KILLS_PER_ROUND));
  const step = order.shuffled(ROUND).flat()[worker.kills % KILLS_PER_ROUND] ?? start;
  const { during, focus } = worker.firstStart ? start : step;
  const rng = new Rng(seed * 104_729 + kill * 31 + 1);
  return { kill, during, focus, moment: MOMENT_OF[during](rng, focus), rng };
}

const MOMENT_OF: Readonly<Record<KillPlan['during'], (rng: Rng, focus: Job) => Moment>> = {
  start: atStart,
  recovered: afterRecovery,
  work: atWork,
};

/** A start takes most of its time to load the code: the log and the model say when it has begun to recover. */
function atStart(rng: Rng): Moment {
  const on = rng.pick(['wal', 'wal', 'asked', 'start']);
  if (on === 'start') return { on, nth: 1, thenMs: rng.between(800, 1_050) };
  return { on, nth: rng.between(1, 30), thenMs: rng.pick([0, 0, 0, 1]) };
}

/**
 * The moment as it can come with what is left to do.
 * @param queues in how many sessions a query waits
 * @param startMs how long a start takes: `start` moments are thousandths of it
 */
export function fitted({ during, moment }: KillPlan, queues: number, startMs: number): Moment {
  const { on, nth, thenMs } = moment;
  if (during === 'work' || on === 'work') return moment;
  if (during === 'recovered') {
    if (queues === 0) return { on: 'work', nth: 1, thenMs: nth };
    return on === 'seen:agent_run_end' ? { ...moment, nth: 1 + (nth % queues) } : moment;
  }
  if (on === 'start') return { on, nth, thenMs: (thenMs / 1_000) * startMs };
  if (on === 'asked' && queues > 0) return { on, nth: 1 + (nth % queues), thenMs };
  // The log grows in a few steps with each commit, and each run that is closed is one.
  return { on: 'wal', nth: 1 + (nth % 4), thenMs };
}

function afterRecovery(rng: Rng): Moment {
  const on = rng.pick(['seen', 'seen:assistant_streaming_message', 'seen:agent_run_end', 'work']);
  const most = { seen: 30, 'seen:agent_run_end': 4, work: 1 }[on] ?? 6;
  return { on, nth: rng.between(1, most), thenMs: rng.between(0, on === 'work' ? 40 : 2) };
}

/** Clients note a request when it leaves, and again when its answer is there: between the two all can happen. */
const MOMENTS: Readonly<Record<Job, readonly [string, ...string[]]>> = {
  create: ['sent:create', 'acked:create'],
  talk: ['sent:query', 'acked:query', 'seen:assistant_streaming_message', 'seen:assistant_message', 'seen'],
  tools: ['seen:assistant_streaming_tool_call', 'seen:tool_call', 'seen:tool_result', 'asked'],
  queue: ['sent:queue', 'acked:queue', 'seen:agent_run_end', 'seen:user_message'],
  interrupt: ['sent:interrupt', 'acked:interrupt', 'seen:agent_run_end'],
  abort: ['sent:abort', 'acked:abort'],
  delete: ['sent:delete', 'acked:delete'],
  keys: ['sent:key', 'acked:key'],
};

function atWork(rng: Rng, focus: Job): Moment {
  if (rng.chance(0.2)) return { on: 'work', nth: 1, thenMs: rng.between(0, 300) };
  const on = rng.pick(MOMENTS[focus]);
  const often = on === 'seen' || on.startsWith('seen:assistant_streaming');
  const nth = rng.between(1, often ? 200 : 8);
  return { on, nth, thenMs: rng.between(0, on.startsWith('sent') ? 8 : 3) };
}
