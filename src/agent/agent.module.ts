import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { AGENT, type Agent } from './agent.js';
import { AgentService } from './agent.service.js';
import { SummaryService } from './summary.service.js';
import { ToolLoopAgent } from './tool-loop.agent.js';

/** Provides the agent that answers queries: the tool loop, or an extension's own. */
@Module({})
export class AgentModule {
  static with(agent: Type<Agent> = ToolLoopAgent): DynamicModule {
    return {
      module: AgentModule,
      global: true,
      providers: [{ provide: AGENT, useClass: agent }, AgentService, SummaryService],
      exports: [AgentService, SummaryService],
    };
  }
}
