import { DomainError } from '../common/errors.js';
import type { Transaction } from '../database/index.js';
import type { SessionState, Usage } from '../events/index.js';

export type { SessionState };

/** What a client may set for the runs of one session. */
export interface AgentOptions {
  /** Told to the model after the server's own instructions. */
  readonly instructions?: string;
  /** Model steps that one run may take; never more than the server allows. */
  readonly maxIterations?: number;
  readonly temperature?: number;
  readonly maxOutputTokens?: number;
}

/** What a run needs to know of its session. */
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
        : `There is no session "${id.slice(0, 100)}". List the sessions with GET /api/sessions, or create one with POST /api/sessions/create.`,
    );
  }
}

/** The sessions as runs need them, inside the transactions of runs. The feature that keeps sessions provides it. */
export abstract class RunSessions {
  /** @throws SessionNotFound */
  abstract getWithin(tx: Transaction, id: string): Promise<RunSession>;

  /** Notes what a session is doing, and adds what its run has used. */
  abstract setState(tx: Transaction, id: string, state: SessionState, usage?: Usage): Promise<void>;
}
