import { Injectable } from '@nestjs/common';
import type {
  LanguageModelV3Prompt,
  LanguageModelV3ToolCall,
  LanguageModelV3ToolResultPart,
} from '@ai-sdk/provider';
import { abortable } from '../common/race.js';
import { maskSecrets, maskSecretsIn } from '../common/secret.js';
import { AppConfig } from '../config/index.js';
import type { ToolCallRequest } from '../events/index.js';
import type { Agent, AgentTurn } from './agent.js';
import { type FetchImage, fetchImage } from './images/fetch-image.js';
import { withLinkedImages } from './images/linked-images.js';
import { systemPrompt } from './instructions.js';
import { modelStep } from './model-step.js';
import { ToolError } from './tools/index.js';
import { parseArguments, PROMPT_EVENTS, toolResultText, toPrompt } from './prompt.js';

/** The default agent: asks the model, runs the tools it calls, and asks again until it calls none. */
@Injectable()
export class ToolLoopAgent implements Agent {
  /** How it gets an image that a link names, once `server.fetchImages` allows it. */
  protected readonly fetchImage: FetchImage = fetchImage;

  constructor(private readonly config: AppConfig) {}

  async run(turn: AgentTurn): Promise<void> {
    const prompt = await this.conversation(turn);
    const { temperature, maxOutputTokens } = turn.options;
    const limit = Math.min(turn.options.maxIterations ?? Infinity, this.config.agent.maxIterations);
    while (turn.tally.iterations < limit) {
      turn.waitsFor('model');
      turn.tally.iterations += 1;
      const step = await modelStep(turn, {
        prompt,
        ...(turn.tools.forModel.length > 0 && { tools: turn.tools.forModel }),
        ...(temperature !== undefined && { temperature }),
        ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      });
      turn.tally.inputTokens += step.usage.inputTokens;
      turn.tally.outputTokens += step.usage.outputTokens;
      const { finishReason, usage } = step;
      if (step.toolCalls.length === 0) return turn.log.closeLastMessage({ finishReason, usage });
      await turn.log.closeMessage({ finishReason, usage, toolCalls: step.toolCalls.map(toRequest) });

      turn.waitsFor('tool');
      const results: LanguageModelV3ToolResultPart[] = [];
      for (const call of step.toolCalls) results.push(await this.callTool(turn, call));
      prompt.push({ role: 'assistant', content: step.content }, { role: 'tool', content: results });
    }
    await this.stopAtLimit(turn, limit);
  }

  private async conversation(turn: AgentTurn): Promise<LanguageModelV3Prompt> {
    const { workspace, options, signal } = turn;
    const instructions = systemPrompt(workspace, this.config.instructions, options.instructions);
    const events = await turn.log.history(PROMPT_EVENTS);
    if (!this.config.server.fetchImages) return toPrompt(instructions, events);
    return toPrompt(instructions, await withLinkedImages(events, signal, this.fetchImage));
  }

  /** Runs one tool call. Whatever goes wrong with it is a result that the model can work with. */
  private async callTool(
    turn: AgentTurn,
    { toolCallId, toolName, input }: LanguageModelV3ToolCall,
  ): Promise<LanguageModelV3ToolResultPart> {
    const { log, tools, signal } = turn;
    const args = parseArguments(input);
    const startTime = Date.now();
    await log.append({
      type: 'tool_call',
      toolCallId,
      name: toolName,
      arguments: args ?? {},
      startTime,
      tool: tools.info(toolName),
    });
    let content: unknown = [];
    let error: string | undefined;
    try {
      if (!args) throw new Error(`The arguments are no JSON object: ${input.slice(0, 500)}`);
      content = maskSecretsIn(await this.execute(turn, toolName, args), this.config.secrets);
    } catch (thrown) {
      error = maskSecrets(this.explain(turn, thrown), this.config.secrets);
    }
    await log.append({
      type: 'tool_result',
      toolCallId,
      name: toolName,
      content,
      elapsedMs: Date.now() - startTime,
      ...(error !== undefined && { error }),
    });
    signal.throwIfAborted();
    return {
      type: 'tool-result',
      toolCallId,
      toolName,
      output:
        error === undefined
          ? { type: 'text', value: toolResultText(content) }
          : { type: 'error-text', value: error },
    };
  }

  /** Ends with the run or at the time limit, also when the tool itself heeds neither. */
  private async execute(turn: AgentTurn, name: string, args: Record<string, unknown>): Promise<unknown> {
    const { sessionId, workspace } = turn;
    const { tool, args: checked } = turn.tools.resolve(name, args);
    const timeout = AbortSignal.timeout(this.config.agent.toolTimeoutMs);
    const signal = AbortSignal.any([turn.signal, timeout]);
    signal.throwIfAborted(); // while the call was being stored: what has not begun must not begin
    const work = Promise.resolve(tool.execute(checked, { sessionId, workspace, signal }));
    return requireJson(name, await abortable(work, signal));
  }

  private explain(turn: AgentTurn, thrown: unknown): string {
    if (turn.signal.aborted) return 'The run was stopped before the tool had answered.';
    if ((thrown as Error | undefined)?.name === 'TimeoutError') {
      return `The tool did not answer within ${this.config.agent.toolTimeoutMs} ms.`;
    }
    return thrown instanceof Error ? thrown.message : String(thrown);
  }

  private async stopAtLimit(turn: AgentTurn, limit: number): Promise<void> {
    await turn.log.append({
      type: 'system',
      level: 'warning',
      message: `The run was ended after ${limit} steps, the limit set by agent.maxIterations.`,
    });
    turn.log
      .openMessage()
      .addText(`I stopped after ${limit} steps, the limit for one request. Tell me to go on if I should.`);
    turn.log.closeLastMessage({ finishReason: 'max-iterations' });
  }
}

/** What a tool gave, as an event can hold it: nothing is null. */
function requireJson(name: string, content: unknown): unknown {
  try {
    return JSON.stringify(content) === undefined ? null : content;
  } catch (error) {
    throw new ToolError(`${name} gave a result that is no JSON: ${(error as Error).message.split('\n')[0]}`);
  }
}

const toRequest = ({ toolCallId, toolName, input }: LanguageModelV3ToolCall): ToolCallRequest => ({
  id: toolCallId,
  type: 'function',
  function: { name: toolName, arguments: input },
});
