import { DomainError } from '../common/errors.js';
import { cutText } from '../common/text.js';
import type { Transaction } from '../database/index.js';
import type { SessionState, Usage } from '../events/index.js';

export type { SessionState };

/** Options that a client may set for the runs of one session. */
export interface AgentOptions {
  /** Appended to the server's own instructions. */
  readonly instructions?: string;
  /** Most model steps of one run; never more than the server allows. */
  readonly maxIterations?: number;
  /** @fraction */
  readonly temperature?: number;
  readonly maxOutputTokens?: number;
}

/** Fields of a session that its runs need. */
export interface RunSession {
  readonly id: string;
  /** The directory that the run's tools work in. */
  readonly workspace: string;
  readonly state: SessionState;
  /** The model chosen for the session; null: the server's default. */
  readonly modelProvider: string | null;
  readonly modelId: string | null;
  readonly agentOptions: AgentOptions | null;
  readonly runtimeSettings: Readonly<Record<string, unknown>> | null;
}

export class SessionNotFound extends DomainError {
  constructor(id?: string) {
    super(
      'SESSION_NOT_FOUND',
      id === undefined
        ? 'There is no session yet. Create one with POST /api/sessions/create.'
        : `There is no session "${cutText(id, 100)}". List the sessions with GET /api/sessions, or create one with POST /api/sessions/create.`,
    );
  }
}

/** Sessions inside the transactions of runs. The feature that keeps sessions implements it. */
export abstract class RunSessions {
  /** @throws SessionNotFound */
  abstract getWithin(tx: Transaction, id: string): Promise<RunSession>;

  /** Sets a session's state, and adds the usage of its run. */
  abstract setState(tx: Transaction, id: string, state: SessionState, usage?: Usage): Promise<void>;
}
