import type { LiveEvent, PacedStream, StoredAgentEvent } from '../events/index.js';
import type { OneshotService, QueryStreams, RunDto } from '../query/index.js';
import type { SessionDto, SessionEvents } from '../sessions/index.js';

// Answer types of operations whose return type does not give them: these operations stream, or write JSON text, so that
// a stored event is not parsed only to be serialised again. The build reads both into the documentation.

/** Answers of the operations that write JSON text. */
export interface WrittenAnswers {
  SessionsController_list: {
    /** Last updated first. */
    readonly sessions: readonly SessionDto[];
    /** Set if a limit was given and there are more sessions. */
    readonly nextCursor?: string;
  };
  QueryController_runs: {
    /** Oldest first. */
    readonly runs: readonly RunDto[];
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
    /** The page's HTML, or the URL of the uploaded page. */
    ({ readonly html: string } | { readonly url: string });
  DocsController_document: Readonly<Record<string, unknown>>;
  DocsController_socketDocument: Readonly<Record<string, unknown>>;
}

/** What the data of each Server-Sent Event is, of the operations that stream: as the services say that make it. */
export interface StreamedAnswers {
  SessionsController_stream: DataOf<SessionEvents['follow']>;
  QueryController_stream: DataOf<QueryStreams['stream']>;
  QueryController_oneshotStream: DataOf<OneshotService['stream']>;
}

type DataOf<Streaming> = Streaming extends (...args: never) => Promise<PacedStream<infer Item>>
  ? SentAs<Item>
  : never;

/** A message is sent as it is, an event by its JSON. */
type SentAs<Item> = Item extends LiveEvent ? LiveEvent['event'] : Item;

/** Operations that send a raw file with the file's own type. */
export interface FileAnswers {
  WorkspaceController_raw: never;
}
