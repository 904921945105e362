import { epochMs, toEpochMs } from '../common/clock.js';
import type { DomainError } from '../common/errors.js';
import { newId } from '../common/ids.js';
import type { EventDraft, NoticeEvent } from '../events/index.js';
import type { ActiveRun } from './active-runs.js';

/** Warning in the session of a run without progress for `silentMs`: the run goes on, and its user can decide. */
export function silenceWarning(run: ActiveRun, silentMs: number): EventDraft {
  const { id: runId, waitingOn } = run;
  const message =
    `Nothing has come for ${Math.round(silentMs / 1_000)} s: the run waits for the ${waitingOn}. ` +
    'It goes on; abort it if that is too long.';
  const [since, lastProgress] = [toEpochMs(run.since), toEpochMs(run.progressAt())];
  const details = { code: 'NO_PROGRESS', runId, waitingOn, since, lastProgress };
  return { type: 'system', level: 'warning', message, details };
}

/** What listeners are told while nothing of the run can be stored: an event that is not stored either. */
export function delayNotice(
  { id: runId, sessionId }: ActiveRun,
  { message, code }: DomainError,
): NoticeEvent {
  const timestamp = epochMs();
  const id = newId(timestamp);
  return { id, type: 'system', sessionId, runId, timestamp, level: 'error', message, details: { code } };
}
