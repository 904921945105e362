import { Injectable } from '@nestjs/common';
import { InvalidInput } from '../common/errors.js';
import { maskSecretsIn } from '../common/secret.js';
import { AppConfig } from '../config/index.js';
import type { Transaction } from '../database/index.js';
import type { Usage } from '../events/index.js';
import { ModelCatalog } from '../models/index.js';
import { type RunSessions, SessionNotFound, type SessionState } from '../runs/index.js';
import type { CreateSessionDto, UpdateSessionDto } from './dto/sessions.dto.js';
import { SessionCreation } from './session-creation.js';
import { SessionDeletion } from './session-deletion.js';
import { type SessionDto, toSessionDto } from './session.dto.js';
import type { Session } from './session.entity.js';
import { SessionsRepository, type SessionSummary } from './sessions.repository.js';

/** Keys of a session's metadata that have a place, or an endpoint, of their own. */
const OWN_KEYS = new Set([
  'name',
  'tags',
  'modelConfig',
  'agentInfo',
  'runtimeSettings',
  'agentOptions',
  '__proto__',
]);

/** Characters of JSON: a list of sessions carries the metadata of each. */
const MAX_METADATA = 100_000;

/** Sessions are rows: nothing of one that is idle lives in the process. */
@Injectable()
export class SessionsService implements RunSessions {
  constructor(
    private readonly repository: SessionsRepository,
    private readonly deletion: SessionDeletion,
    private readonly creation: SessionCreation,
    private readonly catalog: ModelCatalog,
    private readonly config: AppConfig,
  ) {}

  /** @throws InvalidInput for runtime settings that do not fit their schema */
  async create(given: CreateSessionDto): Promise<Session> {
    const { session } = await this.creation.create(given);
    return session;
  }

  /** The last updated ones, for a person to choose from. */
  newest(limit: number): Promise<SessionSummary[]> {
    return this.repository.summaries(limit);
  }

  /** @throws SessionNotFound */
  async get(id: string): Promise<Session> {
    const session = await this.repository.find(id);
    if (!session) throw new SessionNotFound(id);
    return session;
  }

  /** @throws SessionNotFound */
  async require(id: string): Promise<void> {
    if (!(await this.repository.exists(id))) throw new SessionNotFound(id);
  }

  /** The session as it is inside a transaction. @throws SessionNotFound */
  async getWithin(tx: Transaction, id: string): Promise<Session> {
    const session = await this.repository.find(id, tx);
    if (!session) throw new SessionNotFound(id);
    return session;
  }

  /**
   * The session of a query that is to be taken. One that is being deleted takes none: a run that began between
   * the end of the others and the session's own would lose its rows, and not know it before its next write.
   * @throws SessionNotFound
   */
  async getForQuery(tx: Transaction, id: string): Promise<Session> {
    if (this.deletion.isUnderWay(id)) throw new SessionNotFound(id);
    const session = await this.getWithin(tx, id);
    this.catalog.modelOf(session); // refused now rather than when its turn comes
    return session;
  }

  /** The session that was updated last. @throws SessionNotFound when there is none */
  async latest(): Promise<Session> {
    const session = await this.repository.newest();
    if (!session) throw new SessionNotFound();
    return session;
  }

  async update(dto: UpdateSessionDto): Promise<Session> {
    const { sessionId, ...given } = dto;
    const { name, tags, metadata } = this.masked(given);
    // `name` and `tags` may come in either place; the flat ones win.
    const newName = name ?? metadata?.name;
    const newTags = tags ?? metadata?.tags;
    return this.repository.update(sessionId, (session) => ({
      ...(newName != null && { name: newName }),
      ...(newTags && { tags: newTags }),
      ...(metadata && { metadata: mergeMetadata(session.metadata, metadata) }),
    }));
  }

  /** Adds what must be over before a session can go; a run of it, for instance. */
  onDelete(hook: (sessionId: string) => Promise<void>): void {
    this.deletion.before(hook);
  }

  /**
   * Deletes the session with all its events and runs. From the call on it takes no query.
   * @throws SessionNotFound
   */
  delete(sessionId: string): Promise<void> {
    return this.deletion.delete(sessionId);
  }

  /** Notes what the session is doing, and adds what its run has used. */
  setState(tx: Transaction, sessionId: string, state: SessionState, usage?: Usage): Promise<void> {
    return this.repository.setState(tx, sessionId, state, usage);
  }

  toDto(session: Session): SessionDto {
    return toSessionDto(session, this.catalog.referenceOf(session), this.config.agent.name);
  }

  /** A key of this server is in no row, whoever gave it. */
  private masked<T>(given: T): T {
    return maskSecretsIn(given, this.config.secrets);
  }
}

function mergeMetadata(
  before: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged = { ...before };
  for (const [key, value] of Object.entries(changes)) {
    if (OWN_KEYS.has(key)) continue;
    if (value === null) delete merged[key];
    else merged[key] = value;
  }
  if (JSON.stringify(merged).length > MAX_METADATA) {
    throw new InvalidInput(
      `metadata would be longer than ${MAX_METADATA} characters of JSON. Remove keys from it by setting them to null.`,
    );
  }
  return merged;
}
