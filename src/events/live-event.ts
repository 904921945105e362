import type { AgentEvent, NoticeEvent, StoredAgentEvent } from './event.types.js';

/** An event on its way to subscribers, serialised once for all of them. */
export interface LiveEvent {
  readonly type: AgentEvent['type'];
  readonly runId: string;
  /** Place in the session's log; undefined for a streaming event. */
  readonly seq: number | undefined;
  readonly event: AgentEvent;
  /** The event as JSON text. */
  readonly json: string;
}

/** A stored event as its frames hold it. */
export class StoredLiveEvent implements LiveEvent {
  constructor(
    readonly event: StoredAgentEvent,
    readonly json: string,
  ) {}

  get type(): StoredAgentEvent['type'] {
    return this.event.type;
  }

  get runId(): string {
    return this.event.runId;
  }

  get seq(): number {
    return this.event.seq;
  }
}

/** A stored event that is read from the log: parsed for those only who ask for more than its frame. */
export class ReplayedEvent implements LiveEvent {
  #event: StoredAgentEvent | undefined;

  constructor(
    readonly type: StoredAgentEvent['type'],
    readonly seq: number,
    readonly json: string,
  ) {}

  get event(): StoredAgentEvent {
    return (this.#event ??= JSON.parse(this.json) as StoredAgentEvent);
  }

  get runId(): string {
    return this.event.runId;
  }
}

/** An event that is not stored, but told. */
export function toLiveEvent(event: NoticeEvent): LiveEvent {
  return { type: event.type, runId: event.runId, seq: undefined, event, json: JSON.stringify(event) };
}
