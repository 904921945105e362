import type { ModelReference } from '../models/index.js';
import { type RunOutcome, toRunEnd } from './run-end.js';

/** A run, as the log names it. */
interface NamedRun {
  readonly id: string;
  readonly sessionId: string;
}

const nameOf = ({ id, sessionId }: NamedRun): string => `run ${id} of session ${sessionId}`;

export function startLine(run: NamedRun, { provider, id }: Pick<ModelReference, 'provider' | 'id'>): string {
  return `${nameOf(run)}: started with ${provider}/${id}`;
}

/** The tokens are those of the requests, and those of the answers. */
export function endLine(run: NamedRun, outcome: RunOutcome, elapsedMs: number): string {
  const { status, errorCode, iterations, inputTokens, outputTokens } = toRunEnd(outcome);
  const why = errorCode === null ? '' : ` (${errorCode})`;
  const steps = `${iterations} ${iterations === 1 ? 'step' : 'steps'}`;
  return `${nameOf(run)}: ${status}${why} in ${elapsedMs} ms, ${steps}, ${inputTokens}/${outputTokens} tokens`;
}

/** The end of a run that did not run here. */
export function endedLine(run: NamedRun, how: string): string {
  return `${nameOf(run)}: ${how}`;
}
