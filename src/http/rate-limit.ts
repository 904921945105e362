import { monotonicMs } from '../common/clock.js';

const MINUTE_MS = 60_000;
/** Clients that are remembered: whoever comes with more addresses pushes out those that were quiet longest. */
const MAX_CLIENTS = 10_000;

/**
 * So many a minute for each client, evenly: what was not used within the last minute may come at once (the
 * "generic cell rate algorithm", ITU-T I.371). One number per client, no timer, a bound on the clients.
 */
export class RateLimit {
  /** By client: when all that it has taken would be paid for at an even rate. */
  private readonly paidAt = new Map<string, number>();

  constructor(readonly perMinute: number) {}

  /** Takes one. @returns 0, or after how many milliseconds it can be had */
  take(client: string, now = monotonicMs()): number {
    const each = MINUTE_MS / this.perMinute;
    const paidAt = Math.max(now, this.paidAt.get(client) ?? 0);
    const wait = paidAt + each - MINUTE_MS - now;
    if (wait > 0) return Math.ceil(wait);
    this.paidAt.delete(client); // to the end: the oldest is dropped first
    this.paidAt.set(client, paidAt + each);
    if (this.paidAt.size > MAX_CLIENTS) this.dropOldest();
    return 0;
  }

  private dropOldest(): void {
    const [oldest] = this.paidAt.keys();
    if (oldest !== undefined) this.paidAt.delete(oldest);
  }
}

/** So many at once for each client. */
export class AtOnce {
  private readonly held = new Map<string, number>();

  constructor(readonly most: number) {}

  /** @returns what gives the place back, to be called once; undefined when the client has all of its places */
  hold(client: string): (() => void) | undefined {
    const count = this.held.get(client) ?? 0;
    if (count >= this.most) return undefined;
    this.held.set(client, count + 1);
    return () => this.release(client);
  }

  private release(client: string): void {
    const left = (this.held.get(client) ?? 1) - 1;
    if (left > 0) this.held.set(client, left);
    else this.held.delete(client);
  }
}

/** Places that are given back together, and once. */
export class Held {
  private readonly releases: (() => void)[] = [];

  get isEmpty(): boolean {
    return this.releases.length === 0;
  }

  add(release: () => void): void {
    this.releases.push(release);
  }

  release(): void {
    for (const release of this.releases.splice(0)) release();
  }
}
