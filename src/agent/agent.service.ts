import { Inject, Injectable } from '@nestjs/common';
import { ModelCatalog } from '../models/index.js';
import { ToolRegistry } from '../tools/index.js';
import { AGENT, type Agent, type RunContext } from './agent.js';

/** Gives the agent what it works with: the run's model, and a snapshot of the tools. */
@Injectable()
export class AgentService {
  constructor(
    @Inject(AGENT) private readonly agent: Agent,
    private readonly catalog: ModelCatalog,
    private readonly tools: ToolRegistry,
  ) {}

  /** Resolves when the query is answered. Throws what {@link Agent.run} throws. */
  async run(scope: Omit<RunContext, 'model' | 'tools'>): Promise<void> {
    const [model, tools] = await Promise.all([this.catalog.load(scope.modelConfig), this.tools.snapshot()]);
    await this.agent.run({ ...scope, model, tools });
  }
}
