/** What all kills together have shown. */
export class Counts {
  kills = 0;
  /** Kills whose moment did not come: they happened when the time for it was over. */
  late = 0;
  /** What an answer or an acknowledgement has promised: a session, a run, an event, an end. */
  acknowledged = 0;
  /** Different stored events that a client was sent. */
  seen = 0;
  /** How often a stored event was sent to a client. */
  sightings = 0;
  /** Sent or promised to a client, and not stored as it was. */
  lost = 0;
  /** Sent or stored twice, run twice. */
  repeated = 0;
  /** Sent or stored in another order. */
  outOfOrder = 0;
  /** By window: how many kills hit it. One kill hits as many as it finds open. */
  readonly phases = new Map<string, number>();

  hit(phase: string): void {
    this.phases.set(phase, (this.phases.get(phase) ?? 0) + 1);
  }

  toString(): string {
    const phases = [...this.phases].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
    return (
      `kills ${this.kills}, acknowledged ${this.acknowledged}, seen ${this.seen} (${this.sightings} times), ` +
      `lost ${this.lost}, repeated ${this.repeated}, out of order ${this.outOfOrder}; ` +
      `kills that hit: ${phases.join(', ')}; at the end of their time ${this.late}`
    );
  }
}

/** What was found wrong, each counted as what it is. */
export class Problems {
  readonly found: string[] = [];

  constructor(private readonly counts: Counts) {}

  lost(what: string): void {
    this.counts.lost += 1;
    this.found.push(`lost: ${what}`);
  }

  repeated(what: string): void {
    this.counts.repeated += 1;
    this.found.push(`repeated: ${what}`);
  }

  outOfOrder(what: string): void {
    this.counts.outOfOrder += 1;
    this.found.push(`out of order: ${what}`);
  }

  wrong(what: string): void {
    this.found.push(what);
  }

  /** @throws Error with the first of them, and where in the suite it happened */
  throwIfAny(where: string): void {
    if (this.found.length === 0) return;
    const shown = this.found.slice(0, 10).map((each) => `\n  - ${each}`);
    throw new Error(`${where}: ${this.found.length} problems${shown.join('')}`);
  }
}
