import type { Clients } from './clients.js';
import type { ExpectedHistory } from './expected-history.js';
import { isOpen, type Stored } from './stored.js';

/** What a kill found under way, as clients see it. */
export function phasesOf({ open, expectedHistory }: Clients): string[] {
  const phases = (['create', 'rename', 'interrupt', 'abort', 'delete', 'key'] as const).filter(
    (purpose) => (open.get(purpose) ?? 0) > 0,
  );
  const sessions = [...expectedHistory.sessions.values()];
  return [
    ...phases,
    ...(expectedHistory.unheard.size > 0 ? ['accept'] : []),
    ...(sessions.some(({ streaming }) => streaming.size > 0) ? ['stream'] : []),
    ...(sessions.some(({ tools }) => tools.size > 0) ? ['tool call'] : []),
  ];
}

/** By session: how many queries wait in it. */
export function queuesIn(stored: Stored | undefined): Map<string, number> {
  const queues = new Map<string, number>();
  for (const { status, sessionId } of stored?.runs.values() ?? []) {
    if (status === 'queued') queues.set(sessionId, (queues.get(sessionId) ?? 0) + 1);
  }
  return queues;
}

/** Whether something was committed of which no client had been told. */
export function isAhead({ runs, sessions }: Stored, { unheard, sessions: known }: ExpectedHistory): boolean {
  const told = [...sessions.keys()].every((id) => known.has(id));
  return !told || [...runs.values()].some(({ input }) => unheard.has(JSON.parse(input) as string));
}

/** How far a start had come: whether it had begun, and finished, to close what was open. */
export function phaseOfStart(before: Stored | undefined, left: Stored): string {
  if (!before) return 'first start';
  const open = [...before.runs.values()].filter(isOpen);
  if (open.length === 0) return 'start with nothing open';
  const changed = open.filter(({ id, status }) => left.runs.get(id)?.status !== status);
  if (changed.length === 0) return 'start before recovery';
  const running = open.filter(
    ({ id, status }) => status === 'running' && left.runs.get(id)?.status === 'running',
  );
  return running.length > 0 ? 'recovery, half done' : 'recovery, done';
}
