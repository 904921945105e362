export {
  type AnyTool,
  defineTool,
  type JsonSchema,
  type TextPart,
  Tool,
  type ToolContext,
  type ToolDescription,
  ToolError,
} from './tool.js';
export { boundResult, headOf, type ToolResult } from './result.js';
export { isDeeperThan, MAX_JSON_DEPTH } from './depth.js';
export { ToolRegistry } from './tool-registry.js';
export { ToolSet } from './tool-set.js';
export { ToolsModule } from './tools.module.js';
export type { ToolSource } from './tool-source.js';
