import { epochMs } from '../common/clock.js';
import type { AgentEvent } from './event.types.js';

// Messages to clients beside events. None is stored or has a `seq`; clients ignore those that they don't know.

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

export const replayEnd = (sessionId: string, lastSeq: number): ReplayEnd => ({
  type: 'replay_end',
  sessionId,
  lastSeq,
});

/** @param position in the session's queue, from 1 */
export const queued = (sessionId: string, runId: string, position: number): Queued => ({
  type: 'queued',
  sessionId,
  runId,
  position,
  timestamp: epochMs(),
});

export const sessionCreated = (sessionId: string): SessionCreated => ({
  type: 'session_created',
  sessionId,
  timestamp: epochMs(),
});

/** State of a session: at work, or how its last run ended. */
export type SessionState = 'idle' | 'executing' | 'aborted' | 'error';

/** Sent to a socket when it joins a session, and at every change. */
export interface AgentStatus {
  readonly sessionId: string;
  readonly isProcessing: boolean;
  readonly state: SessionState;
}

/** Takes from what is known of a session's work no more than the message holds. */
export const agentStatus = (
  sessionId: string,
  { isProcessing, state }: Omit<AgentStatus, 'sessionId'>,
): AgentStatus => ({ sessionId, isProcessing, state });

/** Sent to the socket that asked for an abort, once the run has ended. */
export interface AbortResult {
  readonly sessionId: string;
  /** Whether there was something to abort. */
  readonly success: boolean;
}

/** The messages that a socket is sent, by their names. */
export interface ServerToClientEvents {
  /** Event of a session that the socket has joined. */
  'agent-event': (event: AgentEvent | ReplayEnd) => void;
  /** Status of a session: on join, and at every change. */
  'agent-status': (status: AgentStatus) => void;
  /** The end of an abort, beside its acknowledgement. */
  'abort-result': (result: AbortResult) => void;
  /** A sentence that says what was wrong. */
  error: (message: string) => void;
}
