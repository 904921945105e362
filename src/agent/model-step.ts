import type {
  LanguageModelV3FinishReason,
  LanguageModelV3ReasoningPart,
  LanguageModelV3StreamPart,
  LanguageModelV3ToolCall,
  LanguageModelV3Usage,
  SharedV3ProviderMetadata,
} from '@ai-sdk/provider';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenMessage, Usage } from '../events/index.js';
import type { AgentTurn } from './agent.js';
import type { ModelRequest } from './model/model.js';
import { modelCutOff, modelTimedOut, ModelFailed, toModelFailed } from './model/model-error.js';

/** How often a request of which nothing has come yet is made again. */
const MAX_RETRIES = 2;

/** What the model answered in one step. Its text has been streamed to the open message. */
export interface ModelStep {
  readonly finishReason: string;
  readonly toolCalls: readonly LanguageModelV3ToolCall[];
  readonly usage: Usage;
  readonly message: OpenMessage;
  /** The model's thinking, with what its provider wants to see again in the next step. */
  readonly thoughts: readonly LanguageModelV3ReasoningPart[];
}

/**
 * Asks the model once and streams what it says into a new message of the run's log. A request that fails
 * before anything has come is made again, a few times, where that can help.
 * @throws ModelFailed when there is no whole answer; what had come stays in the open message
 */
export async function modelStep(turn: AgentTurn, request: ModelRequest): Promise<ModelStep> {
  for (let attempt = 0; ; attempt++) {
    const message = turn.log.openMessage();
    try {
      return await stream(turn, request, message);
    } catch (error) {
      turn.signal.throwIfAborted();
      const failed = toModelFailed(error, turn.modelConfig);
      if (!message.isEmpty || failed.retryAfterMs === undefined || attempt >= MAX_RETRIES) throw failed;
      turn.log.discardMessage();
      await sleep(Math.max(failed.retryAfterMs, 250) * 2 ** attempt, undefined, { signal: turn.signal });
    }
  }
}

async function stream(turn: AgentTurn, request: ModelRequest, message: OpenMessage): Promise<ModelStep> {
  const { modelConfig, model } = turn;
  const silence = new SilenceTimer(turn.signal, modelConfig.firstTokenTimeoutMs);
  try {
    const collected = new StepCollector(message);
    await model.stream(request, silence.signal, (part) => {
      if (collected.take(part)) silence.heard(modelConfig.idleTimeoutMs);
    });
    silence.signal.throwIfAborted();
    return collected.finish() ?? cutOff(turn);
  } catch (error) {
    turn.signal.throwIfAborted();
    if (silence.expired) throw modelTimedOut(modelConfig, silence.waitedMs, silence.started);
    throw error;
  } finally {
    silence.stop();
  }
}

function cutOff(turn: AgentTurn): never {
  throw modelCutOff(turn.modelConfig);
}

/** Aborts its signal when the run's does, or when nothing has been heard of the model for too long. */
class SilenceTimer {
  private readonly controller = new AbortController();
  private readonly abort = () => this.controller.abort();
  private timer: NodeJS.Timeout;
  expired = false;
  started = false;

  constructor(
    private readonly parent: AbortSignal,
    public waitedMs: number,
  ) {
    parent.addEventListener('abort', this.abort, { once: true });
    if (parent.aborted) this.abort();
    this.timer = this.arm();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  heard(idleMs: number): void {
    if (this.started) {
      this.timer.refresh(); // re-arms without a new timer: this runs once per token
      return;
    }
    this.started = true;
    clearTimeout(this.timer);
    this.waitedMs = idleMs;
    this.timer = this.arm();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.parent.removeEventListener('abort', this.abort);
  }

  private arm(): NodeJS.Timeout {
    return setTimeout(() => {
      this.expired = true;
      this.controller.abort();
    }, this.waitedMs);
  }
}

/** Sorts the parts of a stream: deltas go to the message, the rest is kept until the end. */
class StepCollector {
  private readonly toolCalls: LanguageModelV3ToolCall[] = [];
  private readonly toolNames = new Map<string, string>();
  private readonly thoughts = new Map<string, { text: string[]; metadata?: SharedV3ProviderMetadata }>();
  private end: { reason: LanguageModelV3FinishReason; usage: LanguageModelV3Usage } | undefined;

  constructor(private readonly message: OpenMessage) {}

  /** @returns whether the part is a sign of the model itself, not only of its connection */
  take(part: LanguageModelV3StreamPart): boolean {
    switch (part.type) {
      case 'text-delta':
        if (part.delta !== '') this.message.addText(part.delta);
        return true;
      case 'reasoning-start':
      case 'reasoning-end':
        this.think(part.id, '', part.providerMetadata);
        return true;
      case 'reasoning-delta':
        this.think(part.id, part.delta, part.providerMetadata);
        return true;
      case 'tool-input-start':
        this.toolNames.set(part.id, part.toolName);
        return true;
      case 'tool-input-delta':
        this.message.addToolArguments(part.id, this.toolNames.get(part.id) ?? '', part.delta);
        return true;
      case 'tool-call':
        if (!this.toolNames.has(part.toolCallId)) {
          this.message.addToolArguments(part.toolCallId, part.toolName, part.input);
        }
        this.toolCalls.push(part);
        return true;
      case 'finish':
        this.end = { reason: part.finishReason, usage: part.usage };
        return true;
      case 'error':
        throw part.error instanceof Error ? part.error : new ModelFailed('MODEL_ERROR', reason(part.error));
      default:
        return false;
    }
  }

  private think(id: string, delta: string, metadata: SharedV3ProviderMetadata | undefined): void {
    let thought = this.thoughts.get(id);
    if (!thought) this.thoughts.set(id, (thought = { text: [] }));
    if (metadata) thought.metadata = { ...thought.metadata, ...metadata };
    if (delta === '') return;
    thought.text.push(delta);
    this.message.addThinking(delta);
  }

  /** The step, or undefined when the stream ended without saying why: it was cut off. */
  finish(): ModelStep | undefined {
    const { end } = this;
    if (!end || (end.reason.unified === 'other' && end.reason.raw === undefined)) return undefined;
    return {
      finishReason: end.reason.unified,
      toolCalls: this.toolCalls,
      usage: {
        inputTokens: end.usage.inputTokens.total ?? 0,
        outputTokens: end.usage.outputTokens.total ?? 0,
      },
      message: this.message,
      thoughts: [...this.thoughts.values()].map(({ text, metadata }) => ({
        type: 'reasoning',
        text: text.join(''),
        ...(metadata && { providerOptions: metadata }),
      })),
    };
  }
}

function reason(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return `The model failed: ${typeof message === 'string' ? message : (JSON.stringify(error) ?? 'no reason given')}`;
}
