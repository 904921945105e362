import { withoutCredentials } from '../../common/secret.js';
import type { AppConfig, ModelConfig } from '../../config/index.js';

export interface ModelDto {
  readonly id: string;
  readonly provider: string;
  readonly displayName: string;
}

/** How the agent is set up, without any secret. */
export interface AgentSetupDto {
  readonly name: string;
  readonly model: ModelDto & { readonly baseURL?: string; readonly apiKey?: string };
  readonly workspace: string;
  readonly instructions: string | null;
  readonly maxIterations: number;
  readonly toolTimeoutMs: number;
  readonly tools: readonly ToolDto[];
}

export interface ToolDto {
  readonly name: string;
  readonly description: string;
}

export const toModelDto = ({ id, provider, displayName }: ModelConfig): ModelDto => ({
  id,
  provider,
  displayName,
});

/** @param model the default one */
export function toAgentSetupDto(
  { agent, workspace, instructions }: AppConfig,
  model: ModelConfig,
  tools: readonly ToolDto[],
): AgentSetupDto {
  const { baseURL, apiKey } = model;
  return {
    name: agent.name,
    model: {
      ...toModelDto(model),
      ...(baseURL && { baseURL: withoutCredentials(baseURL) }),
      ...(apiKey && { apiKey: String(apiKey) }),
    },
    workspace,
    instructions: instructions ?? null,
    maxIterations: agent.maxIterations,
    toolTimeoutMs: agent.toolTimeoutMs,
    tools: tools.map(({ name, description }) => ({ name, description })),
  };
}
