import { Injectable } from '@nestjs/common';
import { withoutCredentials } from '../common/secret.js';
import { AppConfig } from '../config/index.js';
import { DatabaseUnavailable, UnitOfWork } from '../database/index.js';
import { ModelCatalog } from '../models/index.js';
import { QueryService } from '../query/index.js';
import { Draining } from '../runs/index.js';
import { type SessionDto, SessionsService } from '../sessions/index.js';
import { ToolRegistry } from '../tools/index.js';

export interface ModelView {
  readonly id: string;
  readonly provider: string;
  readonly displayName: string;
}

export interface AgentOptionsView {
  readonly name: string;
  readonly model: ModelView & { readonly baseURL?: string; readonly apiKey?: string };
  readonly workspace: string;
  readonly instructions: string | null;
  readonly maxIterations: number;
  readonly toolTimeoutMs: number;
  readonly tools: readonly { readonly name: string; readonly description: string }[];
}

export interface RuntimeSettingsView {
  /** JSON Schema of what a client may set. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly currentValues: Readonly<Record<string, unknown>>;
}

/** What the server says about itself. */
@Injectable()
export class SystemService {
  constructor(
    private readonly tools: ToolRegistry,
    private readonly catalog: ModelCatalog,
    private readonly sessions: SessionsService,
    private readonly queries: QueryService,
    private readonly work: UnitOfWork,
    private readonly config: AppConfig,
  ) {}

  /** @throws Draining, DatabaseUnavailable: no query can run */
  async ready(): Promise<{ status: 'ready' }> {
    if (this.queries.draining) throw new Draining('The server is about to stop and takes no new query.');
    try {
      await this.work.read((db) => db.query('SELECT 1'));
    } catch {
      throw new DatabaseUnavailable('The database cannot be read right now.');
    }
    return { status: 'ready' };
  }

  models(): ModelView[] {
    return this.catalog.all.map(({ id, provider, displayName }) => ({ id, provider, displayName }));
  }

  async agentOptions(): Promise<AgentOptionsView> {
    const { infos } = await this.tools.snapshot();
    const { id, provider, displayName, baseURL, apiKey } = this.catalog.default;
    return {
      name: this.config.agent.name,
      model: {
        id,
        provider,
        displayName,
        ...(baseURL && { baseURL: withoutCredentials(baseURL) }),
        ...(apiKey && { apiKey: String(apiKey) }),
      },
      workspace: this.config.workspace,
      instructions: this.config.instructions ?? null,
      maxIterations: this.config.agent.maxIterations,
      toolTimeoutMs: this.config.agent.toolTimeoutMs,
      tools: infos.map(({ name, description }) => ({ name, description })),
    };
  }

  async runtimeSettings(sessionId: string | undefined): Promise<RuntimeSettingsView> {
    const { schema } = this.config.server.runtimeSettings;
    const session = sessionId === undefined ? undefined : await this.sessions.get(sessionId);
    return { schema, currentValues: { ...defaultsOf(schema), ...session?.runtimeSettings } };
  }

  async setRuntimeSettings(
    sessionId: string,
    settings: Record<string, unknown>,
  ): Promise<{ session: SessionDto; runtimeSettings: Readonly<Record<string, unknown>> }> {
    const session = await this.sessions.setRuntimeSettings(sessionId, settings);
    return { session: this.sessions.toDto(session), runtimeSettings: session.runtimeSettings ?? {} };
  }
}

/** The `default` of each property of an object's JSON Schema. */
function defaultsOf({ properties }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (typeof properties !== 'object' || properties === null) return {};
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([, property]) => typeof property === 'object' && property !== null && 'default' in property)
      .map(([name, property]) => [name, (property as { default: unknown }).default]),
  );
}
