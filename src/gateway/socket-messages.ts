import type { RefusedAck } from '../http/error-response.js';
import type { AbortDto, QueryDto } from '../query/index.js';
import type { JoinSessionDto, LeaveSessionDto } from './dto/messages.dto.js';

/** The acknowledgement of a message that was taken and has nothing to tell. */
export interface DoneAck {
  readonly ok: true;
}

/** The acknowledgement of a query that was taken: it is stored, and will be answered by events. */
export interface QueryAck {
  readonly ok: true;
  readonly runId: string;
  /** Set when it waits in the session's queue. */
  readonly queued?: true;
  /** Its place in the queue, from 1. */
  readonly position?: number;
}

/** The acknowledgement of an abort, once the run has ended. */
export interface AbortAck {
  readonly ok: true;
  /** Whether there was something to abort. */
  readonly success: boolean;
}

/**
 * The messages that a socket may send, by their names. Each may ask for an acknowledgement, which also tells an error.
 * For TypeScript clients: `const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url)`. What
 * `emitWithAck` resolves with is untyped, because the acknowledgements are optional: name its type.
 */
export interface ClientToServerEvents {
  /** Follows a session, with what was missed when `after` is given. Joining twice doubles nothing. */
  'join-session': (session: string | JoinSessionDto, ack?: (answer: DoneAck | RefusedAck) => void) => void;
  /** Follows it no more. */
  'leave-session': (session: string | LeaveSessionDto, ack?: (answer: DoneAck | RefusedAck) => void) => void;
  /** Sends a query. Its run goes on whether the socket stays or not. */
  'send-query': (query: QueryDto, ack?: (answer: QueryAck | RefusedAck) => void) => void;
  /** Ends the run under way, or takes one out of the queue. */
  'abort-query': (run: AbortDto, ack?: (answer: AbortAck | RefusedAck) => void) => void;
}
