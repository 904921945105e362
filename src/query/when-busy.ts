import type { WhenBusy } from '../config/index.js';
import type { OpenRun } from '../runs/index.js';
import { QueueFull, SessionBusy } from './query.errors.js';

/** How a query is to enter its session. */
export interface Entry {
  /** Its place in the queue, from 1; undefined when nothing is under way. */
  readonly position: number | undefined;
  /** Whether it ends what is under way. */
  readonly interrupts: boolean;
}

/**
 * The rule for a session that may be busy.
 * @param open the session's runs that have not ended: the one under way first, then the queue
 * @throws SessionBusy, QueueFull
 */
export function entryOf(
  sessionId: string,
  open: readonly OpenRun[],
  whenBusy: WhenBusy,
  maxQueued: number,
): Entry {
  const [busyWith] = open;
  if (!busyWith) return { position: undefined, interrupts: false };
  if (whenBusy === 'reject') throw new SessionBusy(sessionId, busyWith.id);
  if (whenBusy === 'interrupt') return { position: 1, interrupts: true };
  const queued = open.filter(({ status }) => status === 'queued').length;
  if (queued >= maxQueued) throw new QueueFull(maxQueued);
  return { position: queued + 1, interrupts: false };
}
