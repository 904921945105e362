import { Injectable } from '@nestjs/common';
import type { LanguageModelV3ToolCall } from '@ai-sdk/provider';
import { maskSecretsInJson } from '../common/secret.js';
import { AppConfig } from '../config/index.js';
import type { StoredAgentEvent, ToolCallRequest } from '../events/index.js';
import type { Agent, RunContext } from './agent.js';
import { type FetchImage, fetchImage, withLinkedImages } from '../images/index.js';
import { addCounts, CallIds, type Dialect, dialectOf } from '../models/index.js';
import { MAX_OUTPUT_BYTES, roomForHistory } from './bounds.js';
import { Conversation, RequestTooLarge } from './conversation.js';
import { systemPrompt } from './system-prompt.js';
import { modelStep } from './model-step.js';
import { PROMPT_EVENTS, toPrompt } from './prompt.js';
import { stepMessages } from './step-messages.js';
import { ToolCalls } from './tool-calls.js';

/** The default agent: asks the model, runs the tools it calls, and asks again until it calls none. */
@Injectable()
export class ToolLoopAgent implements Agent {
  /** Fetches a linked image, once `server.fetchImages` allows it. */
  protected readonly fetchImage: FetchImage = fetchImage;

  constructor(private readonly config: AppConfig) {}

  async run(turn: RunContext): Promise<void> {
    const dialect = dialectOf(turn.modelConfig);
    const { conversation, ids } = await this.begin(turn, dialect);
    const { temperature, maxOutputTokens } = turn.options;
    const limit = Math.min(turn.options.maxIterations ?? Infinity, this.config.agent.maxIterations);
    const calls = new ToolCalls(turn, this.config);
    while (turn.usage.iterations < limit && !calls.areSpent) {
      turn.waitsFor('model');
      turn.usage.iterations += 1;
      const request = {
        prompt: conversation.forRequest(),
        ...(turn.tools.forModel.length > 0 && { tools: turn.tools.forModel }),
        ...(temperature !== undefined && { temperature }),
        ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      };
      const step = await modelStep(turn, request, ids);
      turn.usage.inputTokens = addCounts(turn.usage.inputTokens, step.usage.inputTokens);
      turn.usage.outputTokens = addCounts(turn.usage.outputTokens, step.usage.outputTokens);
      const { finishReason, usage, record, hosted: before } = step;
      const end = { finishReason, usage, record, before };
      if (step.toolCalls.length === 0) return turn.log.deferFinalMessage(end);
      const toolCalls = step.toolCalls.map((call) => this.toRequest(call));
      const message = await turn.log.closeMessage({ ...end, toolCalls });

      turn.waitsFor('tool');
      const { results, bytes } = await calls.run(step.toolCalls, step.cutCalls);
      const [said, told] = stepMessages(message, results, dialect);
      if (said) conversation.push(said, bytesOf(said.content));
      if (told) conversation.push(told, bytes);
    }
    if (calls.areSpent) await stopAtLimit(turn, `${calls.limit} tool calls`, 'as many as one run may make');
    else await stopAtLimit(turn, `${limit} steps`, 'the limit set by agent.maxIterations');
  }

  /** The conversation so far for the model, and the ids of its calls. */
  private async begin(
    turn: RunContext,
    dialect: Dialect,
  ): Promise<{ conversation: Conversation; ids: CallIds }> {
    const { workspace, options, signal, log } = turn;
    const instructions = systemPrompt(workspace, this.config.instructions, options.instructions);
    const room = roomForHistory(this.config);
    const { events, complete, outputBytes } = await log.recent(PROMPT_EVENTS, room);
    if (!events.some(({ type }) => type === 'user_message')) throw new RequestTooLarge(room.inputBytes);
    const { fetchImages } = this.config.server;
    const shown = fetchImages ? await withLinkedImages(events, signal, this.fetchImage) : events;
    return {
      conversation: new Conversation(
        toPrompt(instructions, shown, dialect, complete),
        outputBytes,
        MAX_OUTPUT_BYTES,
      ),
      ids: new CallIds(events.flatMap(callIdsOf), complete, (text) => log.masked(text)),
    };
  }

  /** The call as an event holds it. Secrets escaped in the arguments' JSON would escape the event's own masking. */
  private toRequest({ toolCallId, toolName, input }: LanguageModelV3ToolCall): ToolCallRequest {
    const args = maskSecretsInJson(input, this.config.secrets);
    return { id: toolCallId, type: 'function', function: { name: toolName, arguments: args } };
  }
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

const callIdsOf = (event: StoredAgentEvent): string[] =>
  event.type === 'assistant_message' ? (event.toolCalls ?? []).map(({ id }) => id) : [];

async function stopAtLimit(turn: RunContext, limit: string, reason: string): Promise<void> {
  await turn.log.append({
    type: 'system',
    level: 'warning',
    message: `The run was ended after ${limit}, ${reason}.`,
  });
  turn.log
    .openMessage()
    .addText(`I stopped after ${limit}, the limit for one request. Tell me to go on if I should.`);
  turn.log.deferFinalMessage({ finishReason: 'max-iterations' });
}
