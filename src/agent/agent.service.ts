import { Inject, Injectable } from '@nestjs/common';
import { AppConfig } from '../config/index.js';
import { ModelCatalog } from '../models/index.js';
import { type AnyTool, builtInTools, ToolSet } from '../tools/index.js';
import { AGENT, type Agent, type RunContext } from './agent.js';

/** Gives the agent what it works with: the run's model, and the tools. */
@Injectable()
export class AgentService {
  readonly tools: ToolSet;

  constructor(
    @Inject(AGENT) private readonly agent: Agent,
    private readonly catalog: ModelCatalog,
    config: AppConfig,
  ) {
    this.tools = new ToolSet(builtInTools(config.files), config.tools as readonly AnyTool[]);
  }

  /** Resolves when the query is answered. Throws what {@link Agent.run} throws. */
  async run(scope: Omit<RunContext, 'model' | 'tools'>): Promise<void> {
    const model = await this.catalog.load(scope.modelConfig);
    await this.agent.run({ ...scope, model, tools: this.tools });
  }
}
