import { Inject, Injectable } from '@nestjs/common';
import { ModelCatalog, type ModelChoice } from '../models/index.js';
import { ToolRegistry } from '../tools/index.js';
import { AGENT, type Agent, type RunContext } from './agent.js';

/** Run context without model and tools. */
export interface RunScope extends Omit<RunContext, 'modelConfig' | 'model' | 'tools'> {
  /** The model that the run's session has chosen. */
  readonly choice: ModelChoice;
}

/** Runs the agent with the run's model and a snapshot of the tools. */
@Injectable()
export class AgentService {
  constructor(
    @Inject(AGENT) private readonly agent: Agent,
    private readonly catalog: ModelCatalog,
    private readonly tools: ToolRegistry,
  ) {}

  /** Resolves when the query is answered. @throws UnknownModel, and what {@link Agent.run} throws */
  async run({ choice, ...scope }: RunScope): Promise<void> {
    const modelConfig = this.catalog.modelOf(choice);
    const [model, tools] = await Promise.all([this.catalog.load(modelConfig), this.tools.snapshot()]);
    await this.agent.run({ ...scope, modelConfig, model, tools });
  }
}
