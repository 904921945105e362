import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { AGENT, type Agent } from './agent.js';
import { AgentService } from './agent.service.js';
import { SummaryService } from './summary.service.js';
import { ToolLoopAgent } from './tool-loop.agent.js';

/** What answers queries: the tool loop, or the agent that an extension puts in its place. */
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
