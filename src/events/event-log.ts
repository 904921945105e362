import { Injectable } from '@nestjs/common';
import { epochMs } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { maskSecrets, mayHoldSecret, SecretMask } from '../common/secret.js';
import { AppConfig } from '../config/index.js';
import { type Transaction, UnitOfWork } from '../database/index.js';
import { EventBus } from './event-bus.js';
import type { EventDraft, StoredAgentEvent } from './event.types.js';
import { EventTruncator } from './event-truncation.js';
import { maskEvent } from './mask-event.js';
import { dropModelRecord, modelRecordOf, recordHoldsSecret } from './model-record.js';
import { readRecent, type RecentEvents, type RecentOptions } from './recent-events.js';

export interface ReadOptions {
  /** Only these types. Default: all. */
  readonly types?: readonly string[];
}

/** The stored events of every session: appended in one order, committed before any subscriber sees them. */
@Injectable()
export class EventLog {
  constructor(
    private readonly work: UnitOfWork,
    private readonly bus: EventBus,
    private readonly frames: EventTruncator,
    private readonly config: AppConfig,
  ) {}

  /**
   * Gives each draft its id, time and `seq` within `tx`, and publishes them when `tx` has been committed.
   * The caller has checked, in the same transaction, that it may write to this session.
   */
  async append(
    tx: Transaction,
    sessionId: string,
    runId: string,
    drafts: readonly EventDraft[],
  ): Promise<StoredAgentEvent[]> {
    const [head] = await tx.query<{ seq: number | null }>(
      'SELECT MAX("seq") AS "seq" FROM "events" WHERE "sessionId" = ?',
      [sessionId],
    );
    let seq = head?.seq ?? 0;
    const timestamp = epochMs();
    const entries = drafts.map((draft) => {
      seq += 1;
      const place = { id: newId(timestamp), type: draft.type, seq, sessionId, runId, timestamp };
      // Not a spread: V8 copies a spread behind other fields one by one, the slow way.
      return this.serialized(Object.assign(place, draft));
    });
    await tx.execute(
      `INSERT INTO "events" ("sessionId", "seq", "runId", "type", "data", "modelRecord") VALUES ${entries.map(() => '(?, ?, ?, ?, ?, ?)').join(', ')}`,
      entries.flatMap(({ event, json }) => [
        ...[sessionId, event.seq, runId, event.type, json],
        modelRecordOf(event) ?? null,
      ]),
    );
    tx.afterCommit(() => {
      for (const { event, json } of entries) this.bus.publish(sessionId, this.frames.publish(event, json));
    });
    return entries.map(({ event }) => event);
  }

  /** Mask of this server's secrets for a streamed text. */
  newMask(): SecretMask {
    return new SecretMask(this.config.secrets);
  }

  /** Masks this server's secrets in a whole text. */
  masked(text: string): string {
    return maskSecrets(text, this.config.secrets);
  }

  /** The event as JSON, with secrets masked: texts of models, tools and users may hold a key of this server. */
  private serialized(event: StoredAgentEvent): { event: StoredAgentEvent; json: string } {
    const { secrets } = this.config;
    const record = modelRecordOf(event);
    if (record !== undefined && recordHoldsSecret(record, secrets)) dropModelRecord(event);
    const json = JSON.stringify(event);
    if (!mayHoldSecret(json, secrets)) return { event, json };
    const masked = maskEvent(event, secrets);
    return masked === event ? { event, json } : { event: masked, json: JSON.stringify(masked) };
  }

  /** The newest events of a session, as far as there is room for them. */
  recent(sessionId: string, options: RecentOptions): Promise<RecentEvents> {
    return readRecent(this.work, sessionId, options);
  }

  /** The events of a session in `seq` order, all at once. An unknown session has none. */
  async read(sessionId: string, { types }: ReadOptions = {}): Promise<StoredAgentEvent[]> {
    const ofTypes = types ? ` AND "type" IN (${types.map(() => '?').join(', ')})` : '';
    const rows = await this.work.read((db) =>
      db.select<{ data: string }>(
        `SELECT "data" FROM "events" WHERE "sessionId" = ?${ofTypes} ORDER BY "seq"`,
        [sessionId, ...(types ?? [])],
      ),
    );
    return rows.map((row) => JSON.parse(row.data) as StoredAgentEvent);
  }

  /** The highest `seq` of a session; 0 when it has no events. */
  async lastSeq(sessionId: string): Promise<number> {
    const [row] = await this.work.read((db) =>
      db.select<{ seq: number | null }>('SELECT MAX("seq") AS "seq" FROM "events" WHERE "sessionId" = ?', [
        sessionId,
      ]),
    );
    return row?.seq ?? 0;
  }
}
