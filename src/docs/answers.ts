import type { AgentEvent, StoredAgentEvent } from '../events/index.js';
import type { SessionDto } from '../sessions/index.js';

// Most operations say by their type what they answer. These don't: they write JSON text, so that a stored event
// is not parsed only to be serialised again, or they stream. The build reads both into the documentation.

/** What operations send that answer with JSON text. */
export interface WrittenAnswers {
  SessionsController_list: {
    /** Last updated first. */
    readonly sessions: readonly SessionDto[];
    /** Set when a limit was given and there are more. */
    readonly nextCursor?: string;
  };
  SessionsController_events: {
    /** In seq order. */
    readonly events: readonly StoredAgentEvent[];
    /** The seq of the session's last event; 0 when it has none. */
    readonly lastSeq: number;
    readonly hasMore: boolean;
  };
  SessionsController_latest: {
    readonly sessionId: string;
    readonly sessionInfo: SessionDto;
    readonly events: readonly StoredAgentEvent[];
  };
  ShareController_share: { readonly success: true; readonly sessionId: string } &
    /** The page, unless it is uploaded. */
    ({ readonly html: string } | { readonly url: string });
  DocsController_document: Readonly<Record<string, unknown>>;
}

/** What the data of each Server-Sent Event is, of the operations that stream. */
export interface StreamedAnswers {
  SessionsController_stream: AgentEvent | ReplayEnd;
  QueryController_stream: AgentEvent | Queued;
  QueryController_oneshotStream: SessionCreated | AgentEvent | Queued;
}

/** All that was stored has been sent: what follows is live. */
export interface ReplayEnd {
  readonly type: 'replay_end';
  readonly sessionId: string;
  readonly lastSeq: number;
}

/** The query waits: comes first when it was put into the session's queue. */
export interface Queued {
  readonly type: 'queued';
  readonly sessionId: string;
  readonly runId: string;
  /** Its place in the queue, from 1. */
  readonly position: number;
  readonly timestamp: number;
}

/** The session of a oneshot query: comes first. */
export interface SessionCreated {
  readonly type: 'session_created';
  readonly sessionId: string;
  readonly timestamp: number;
}

/** Operations that send a file as it is, with its own type. */
export interface FileAnswers {
  WorkspaceController_raw: never;
}
