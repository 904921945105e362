export {
  AGENT,
  type Agent,
  type RunContext,
  type RunOptions,
  type RunUsage,
  type WaitingOn,
} from './agent.js';
export { AgentModule } from './agent.module.js';
export { AgentService } from './agent.service.js';
export { type Model, type ModelRequest } from '../models/model.js';
export { ModelCatalog } from '../models/model-catalog.js';
export { SummaryService } from './summary.service.js';
export { type AnyTool, defineTool, type Tool, type ToolContext, ToolError } from '../tools/index.js';
export { toolResultText } from './prompt.js';
