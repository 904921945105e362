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
export { SummaryService } from './summary.service.js';
export { toolResultText } from './step-messages.js';
