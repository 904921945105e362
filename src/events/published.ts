import type { AgentEvent } from './event.types.js';

/** An event on its way to those who listen. It is serialised once, however many they are. */
export class Published<Event extends AgentEvent = AgentEvent> {
  #json: string | undefined;

  constructor(
    readonly event: Event,
    json?: string,
  ) {
    this.#json = json;
  }

  get json(): string {
    return (this.#json ??= JSON.stringify(this.event));
  }

  /** The place in the session's log; undefined for a streaming event. */
  get seq(): number | undefined {
    return 'seq' in this.event ? this.event.seq : undefined;
  }
}
