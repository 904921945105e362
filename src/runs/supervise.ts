import { toDomainError, type DomainError } from '../common/errors.js';
import type { RunEndStatus, RunRecorder } from '../events/index.js';
import type { ActiveRun } from './active-runs.js';

/** Result of a run's work. */
export interface WorkResult {
  readonly status: RunEndStatus;
  /** Set when the status is `error`. */
  readonly error?: DomainError;
}

/** Grace for an agent to notice that its run was aborted. */
const ABORT_GRACE_MS = 100;

/**
 * Awaits the work of a run to its end; an error is a result too. The model's text so far becomes the run's last
 * message, and nothing is recorded afterwards.
 * @param onUnexpected called with a thrown error that is no DomainError
 */
export async function supervise(
  run: ActiveRun,
  log: RunRecorder,
  work: () => Promise<void>,
  onUnexpected: (thrown: unknown) => void,
): Promise<WorkResult> {
  const result = await resultOf(run, work, onUnexpected);
  finalizeMessage(log, result.status);
  log.close();
  return result;
}

async function resultOf(
  run: ActiveRun,
  work: () => Promise<void>,
  onUnexpected: (thrown: unknown) => void,
): Promise<WorkResult> {
  try {
    await withAbortGrace(work(), run.signal);
    run.signal.throwIfAborted();
    return { status: 'completed' };
  } catch (thrown) {
    if (run.signal.aborted) return { status: run.abortStatus };
    const error = toDomainError(thrown);
    if (error.code === 'INTERNAL') onUnexpected(thrown);
    return { status: 'error', error };
  }
}

/** Awaits the agent, at most {@link ABORT_GRACE_MS} beyond an abort. */
async function withAbortGrace(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const late = new Promise<void>((resolve) => {
    const wait = () => setTimeout(resolve, ABORT_GRACE_MS);
    if (signal.aborted) wait();
    else signal.addEventListener('abort', wait, { once: true });
  });
  work.catch(() => undefined); // a rejection after the grace has no caller any more
  await Promise.race([work, late]);
}

/** Gives every run a last message: a partial one is stored as far as it got, and marked. */
function finalizeMessage(log: RunRecorder, status: RunEndStatus): void {
  if (status === 'aborted' || status === 'interrupted') {
    // An abort may come between the last message and the end of the agent's work: the answer is whole then.
    if (log.message || !log.hasAnswer) log.deferFinalMessage({ finishReason: 'abort' });
  } else if (status === 'completed') {
    if (log.message || !log.hasMessage) log.deferFinalMessage({ finishReason: 'stop' });
  } else if (log.message?.isEmpty === false) log.deferFinalMessage({ finishReason: 'error' });
  else log.discardMessage();
}
