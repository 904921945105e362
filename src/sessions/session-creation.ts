import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { epochMs } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { maskSecretsIn } from '../common/secret.js';
import { AppConfig } from '../config/index.js';
import { type Transaction, UnitOfWork } from '../database/index.js';
import { type AgentOptions, SessionNotFound } from '../runs/index.js';
import type { CreateSessionDto } from './dto/sessions.dto.js';
import { RuntimeSettings } from './runtime-settings.js';
import { CreationMismatch } from './session.errors.js';
import type { Session } from './session.entity.js';
import { SessionKeys } from './session-keys.js';
import { SessionsRepository } from './sessions.repository.js';

/** A session, and whether an earlier request with the same idempotency key had created it. */
export interface Created {
  readonly session: Session;
  readonly replayed: boolean;
}

/** Request that an idempotency key makes unique. */
export type Purpose = 'create' | 'oneshot';

/** The beginning of sessions. */
@Injectable()
export class SessionCreation {
  constructor(
    private readonly repository: SessionsRepository,
    private readonly keys: SessionKeys,
    private readonly runtimeSettings: RuntimeSettings,
    private readonly work: UnitOfWork,
    private readonly config: AppConfig,
  ) {}

  /**
   * Creates a session; with a key that has created one within 24 hours, gives that one as it is now.
   * @throws InvalidInput for runtime settings that do not fit their schema; CreationMismatch
   */
  async create(given: CreateSessionDto, key?: string, purpose: Purpose = 'create'): Promise<Created> {
    const session = this.toSession(given);
    if (key !== undefined) return this.work.write((tx) => this.createOnce(tx, session, key, purpose));
    await this.work.write((tx) => this.repository.insert(tx, session));
    return { session, replayed: false };
  }

  private async createOnce(
    tx: Transaction,
    session: Session,
    key: string,
    purpose: Purpose,
  ): Promise<Created> {
    const request = fingerprint(session, purpose);
    const known = await this.keys.find(tx, key, session.createdAt);
    if (known) return this.replay(tx, known, request);
    await this.repository.insert(tx, session);
    await this.keys.add(tx, { key, sessionId: session.id, request }, session.createdAt);
    return { session, replayed: false };
  }

  private async replay(
    tx: Transaction,
    known: { readonly sessionId: string; readonly request: string },
    request: string,
  ): Promise<Created> {
    if (known.request !== request) throw new CreationMismatch(known.sessionId);
    const session = await this.repository.find(known.sessionId, tx);
    if (!session) throw new SessionNotFound(known.sessionId);
    return { session, replayed: true };
  }

  private toSession(given: CreateSessionDto): Session {
    // A key of this server is in no row, whoever gave it.
    const dto = maskSecretsIn(given, this.config.secrets);
    const now = epochMs();
    return {
      id: newId(now),
      createdAt: now,
      updatedAt: now,
      name: dto.name ?? '',
      tags: dto.tags ?? [],
      workspace: this.config.workspace,
      metadata: {},
      modelProvider: null,
      modelId: null,
      agentOptions: dto.agentOptions ? withoutNulls(dto.agentOptions) : null,
      runtimeSettings: dto.runtimeSettings ? this.runtimeSettings.checked(dto.runtimeSettings) : null,
      state: 'idle',
      inputTokens: 0,
      outputTokens: 0,
    };
  }
}

/** `null` in an option means that it is not set; a provider would refuse it. */
function withoutNulls(options: AgentOptions): AgentOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== null && value !== undefined),
  );
}

/** The same for requests that ask for the same, in whatever order their fields stand. */
function fingerprint(session: Session, purpose: Purpose): string {
  const { name, tags, agentOptions, runtimeSettings } = session;
  const text = JSON.stringify([purpose, name, tags, agentOptions, runtimeSettings], sortKeys);
  return createHash('sha256').update(text).digest('base64url');
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
