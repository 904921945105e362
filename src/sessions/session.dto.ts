import type { Usage } from '../events/index.js';
import type { ModelReference } from '../models/index.js';
import type { AgentOptions, SessionState } from '../runs/index.js';
import type { Session } from './session.entity.js';

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

/** @param agentName the server's, shown with each session */
export function toSessionDto(session: Session, model: ModelReference, agentName: string): SessionDto {
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
      modelConfig: model,
      agentInfo: { name: agentName },
      ...(session.runtimeSettings && { runtimeSettings: session.runtimeSettings }),
      ...(session.agentOptions && { agentOptions: session.agentOptions }),
    },
    usage: { inputTokens: session.inputTokens, outputTokens: session.outputTokens },
    status: toSessionStatus(session.state),
  };
}
