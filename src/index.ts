import type { AnyTool } from './tools/index.js';
import type { ConfigInput } from './config/index.js';

/** Configuration, as `agent-tars.config.ts` exports and `new AgentTARSServer(config)` takes it. */
export type AgentTarsConfig = Omit<ConfigInput, 'tools'> & {
  /** Tools beside the built-in ones. */
  readonly tools?: readonly AnyTool[];
};

/** Types a configuration: `export default defineConfig({ server: { port: 8888 } })`. */
export function defineConfig(config: AgentTarsConfig): AgentTarsConfig {
  return config;
}

export { AgentTARSServer } from './server.js';
export { CannotListen } from './http/listen.js';
export { type Extensions } from './app.module.js';
export { AgentTarsModule, type Registration } from './hosting/agent-tars.module.js';
export { UnfitHost } from './hosting/unfit-host.js';
export { AppConfig, InvalidConfig, type ModelInput, type StorageInput } from './config/index.js';
export { type Agent, type RunContext, type RunOptions } from './agent/index.js';
export {
  type AnyTool,
  defineTool,
  Tool,
  type ToolContext,
  type ToolDescription,
  ToolError,
} from './tools/index.js';
export { type Reader, type Transaction, UnitOfWork } from './database/index.js';
export { DomainError, type ErrorBody, type ErrorCode } from './common/errors.js';
export type * from './events/control-messages.js';
export type * from './gateway/socket-messages.js';
export * from './events/event.types.js';
export { EventBus, EventLog, EventFeed, type RunRecorder } from './events/index.js';
export { SessionsModule, SessionsService, type SessionDto } from './sessions/index.js';
export { QueryModule, QueryService } from './query/index.js';
