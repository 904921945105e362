/**
 * Keys of the published Agent TARS configuration that this server ignores: a file written for Agent TARS still starts
 * the server, which reports the ignored keys. The source is `AgentTARSAppConfig` of `@agent-tars/interface` 0.3.0 and
 * its parts, named below, from github.com/bytedance/UI-TARS-desktop at 239b6544. A key that gets a meaning here leaves
 * this list.
 */
export const PUBLISHED_KEYS: ReadonlySet<string> = new Set([
  // AgentOptions (multimodal/tarko/agent-interface/src/agent-options.ts)
  ...['id', 'name', 'maxTokens', 'temperature', 'top_p', 'thinking', 'tool', 'toolCallEngine'],
  ...['maxIterations', 'context', 'eventStreamOptions', 'enableStreamingToolCallEvents', 'initialEvents'],
  ...['metric', 'sandboxUrl'],
  // AgentModel (multimodal/tarko/model-provider/src/types.ts)
  ...['model', 'server.models'].flatMap((model) =>
    ['headers', 'baseProvider', 'params'].map((key) => `${model}.${key}`),
  ),
  // MCPAgentOptions (multimodal/tarko/mcp-agent-interface/src/index.ts)
  ...['mcpServers', 'mcpServer', 'defaultConnectionTimeout'],
  // AgentTARSOptions (multimodal/agent-tars/interface/src/core.ts)
  ...['search', 'browser', 'mcpImpl', 'planner', 'experimental', 'aioSandbox'],
  // AgentServerOptions (multimodal/tarko/interface/src/server.ts)
  ...['agio', 'snapshot', 'server.sandbox', 'server.tenant'],
  ...['server.runtimeSettings.transform', 'server.runtimeSettings.placement'],
  // AgentStorageImplementation (multimodal/tarko/interface/src/storage-implementation.ts)
  ...['server.storage.baseDir', 'server.storage.dbName'],
  // AgentImplementation (multimodal/tarko/interface/src/agent-implementation.ts)
  ...['type', 'label', 'agio', 'constructor', 'value', 'content'].map((key) => `agent.${key}`),
  // AgentWebUIImplementation (multimodal/tarko/interface/src/web-ui-implementation.ts)
  ...['type', 'remoteUrl', 'logo', 'title', 'subtitle', 'welcomTitle', 'welcomePrompts', 'welcomeCards'].map(
    (key) => `webui.${key}`,
  ),
  ...['enableContextualSelector', 'base', 'workspace', 'layout', 'guiAgent', 'debug'].map(
    (key) => `webui.${key}`,
  ),
]);
