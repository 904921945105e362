import type { AppConfig } from '../config/index.js';
import type { Usage } from '../events/index.js';
import type { AgentOptions, Session, SessionState } from './session.entity.js';

/** Which model a session uses: never its configuration, which holds a key. */
export interface ModelReference {
  readonly provider: string;
  readonly id: string;
  readonly displayName: string;
}

export interface SessionStatus {
  readonly isProcessing: boolean;
  readonly state: SessionState;
}

/** A session as clients see it. `name` and `tags` stand both flat and under `metadata`. */
export interface SessionDto {
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly name: string;
  readonly tags: readonly string[];
  readonly workspace: string;
  readonly metadata: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly tags: readonly string[];
    readonly modelConfig: ModelReference;
    readonly agentInfo: { readonly name: string };
    readonly runtimeSettings?: Readonly<Record<string, unknown>>;
    readonly agentOptions?: AgentOptions;
  };
  readonly usage: Usage;
  readonly status: SessionStatus;
}

export const toSessionStatus = (state: SessionState): SessionStatus => ({
  isProcessing: state === 'executing',
  state,
});

export function toModelReference({ modelProvider, modelId }: Session, { models }: AppConfig): ModelReference {
  const [standard] = models;
  const provider = modelProvider ?? standard.provider;
  const id = modelId ?? standard.id;
  const model = models.find((each) => each.provider === provider && each.id === id);
  return { provider, id, displayName: model?.displayName ?? id };
}

export function toSessionDto(session: Session, config: AppConfig): SessionDto {
  const { name, tags } = session;
  return {
    id: session.id,
    createdAt: session.createdAt,
    updatedAt: session.updatedAt,
    name,
    tags,
    workspace: session.workspace,
    metadata: {
      ...session.metadata,
      name,
      tags,
      modelConfig: toModelReference(session, config),
      agentInfo: { name: config.agent.name },
      ...(session.runtimeSettings && { runtimeSettings: session.runtimeSettings }),
      ...(session.agentOptions && { agentOptions: session.agentOptions }),
    },
    usage: { inputTokens: session.inputTokens, outputTokens: session.outputTokens },
    status: toSessionStatus(session.state),
  };
}
