import { Injectable } from '@nestjs/common';
import { EventBus } from '../events/index.js';
import { SessionNotFound } from '../runs/index.js';
import { SessionsRepository } from './sessions.repository.js';

/** The end of sessions: what belongs to one ends first, and meanwhile it takes no query. */
@Injectable()
export class SessionDeletion {
  private readonly hooks: ((sessionId: string) => Promise<void>)[] = [];
  /** Deletions under way, by session. */
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(
    private readonly repository: SessionsRepository,
    private readonly bus: EventBus,
  ) {}

  /** Adds what must be over before a session can go; a run of it, for instance. */
  before(hook: (sessionId: string) => Promise<void>): void {
    this.hooks.push(hook);
  }

  isUnderWay(sessionId: string): boolean {
    return this.underWay.has(sessionId);
  }

  /**
   * Deletes the session with all its events and runs. Of several calls at once the first deletes, and the others find
   * nothing when it has.
   * @throws SessionNotFound
   */
  async delete(sessionId: string): Promise<void> {
    if (!(await this.repository.exists(sessionId))) throw new SessionNotFound(sessionId);
    const earlier = this.underWay.get(sessionId);
    if (earlier) {
      await earlier;
      throw new SessionNotFound(sessionId);
    }
    const deletion = this.remove(sessionId);
    this.underWay.set(sessionId, deletion);
    try {
      await deletion;
    } finally {
      this.underWay.delete(sessionId);
    }
  }

  private async remove(sessionId: string): Promise<void> {
    for (const hook of this.hooks) await hook(sessionId);
    const deleted = await this.repository.delete(sessionId);
    this.bus.complete(sessionId);
    if (!deleted) throw new SessionNotFound(sessionId);
  }
}
