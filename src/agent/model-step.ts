import type {
  LanguageModelV3FinishReason,
  LanguageModelV3Message,
  LanguageModelV3StreamPart,
  LanguageModelV3ToolCall,
  LanguageModelV3Usage,
  SharedV3ProviderMetadata,
} from '@ai-sdk/provider';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenMessage, Usage } from '../events/index.js';
import type { AgentTurn } from './agent.js';
import type { ModelRequest } from './model/model.js';
import { modelCutOff, modelTimedOut, modelWentOn, StreamError, toModelFailed } from './model/model-error.js';
import { parseArguments } from './prompt.js';

/** How often a request of which nothing has come yet is made again. */
const MAX_RETRIES = 2;

/** What the model answered in one step. Its text has been streamed to the open message. */
export interface ModelStep {
  readonly finishReason: string;
  readonly toolCalls: readonly LanguageModelV3ToolCall[];
  readonly usage: Usage;
  readonly message: OpenMessage;
  /** The answer as the next request repeats it, with what its provider wants to see again (signed thoughts). */
  readonly content: AssistantContent;
}

type AssistantContent = Extract<LanguageModelV3Message, { role: 'assistant' }>['content'];

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
      if (message.length > modelConfig.maxAnswerChars) throw modelWentOn(modelConfig);
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

/**
 * Aborts its signal when the run's does, or when nothing has been heard of the model for too long. What is heard
 * is only noted, for it happens once per token: the timer looks when its time has come, and waits for the rest.
 */
class SilenceTimer {
  private readonly controller = new AbortController();
  private readonly abort = () => this.controller.abort();
  private timer: NodeJS.Timeout;
  private heardAt = Date.now();
  expired = false;
  started = false;

  constructor(
    private readonly parent: AbortSignal,
    public waitedMs: number,
  ) {
    parent.addEventListener('abort', this.abort, { once: true });
    if (parent.aborted) this.abort();
    this.timer = this.arm(waitedMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  heard(idleMs: number): void {
    this.heardAt = Date.now();
    if (this.started) return;
    this.started = true;
    clearTimeout(this.timer);
    this.waitedMs = idleMs;
    this.timer = this.arm(idleMs);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.parent.removeEventListener('abort', this.abort);
  }

  private arm(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.look(), ms);
  }

  private look(): void {
    const left = this.heardAt + this.waitedMs - Date.now();
    if (left > 0) {
      this.timer = this.arm(left);
      return;
    }
    this.expired = true;
    this.controller.abort();
  }
}

/** A text or a thought, whole or as far as it has come. */
interface Piece {
  readonly type: 'text' | 'reasoning';
  readonly id: string;
  text: string;
  metadata?: SharedV3ProviderMetadata;
}

/**
 * Sorts the parts of a stream: deltas go to the message, and all is kept in its order until the end. Providers
 * refuse an answer whose signed parts come back changed, without their signature or in another order.
 */
class StepCollector {
  private readonly pieces: (Piece | LanguageModelV3ToolCall)[] = [];
  private last: Piece | undefined;
  private readonly toolNames = new Map<string, string>();
  private readonly streamedCalls = new Set<string>();
  private end: { reason: LanguageModelV3FinishReason; usage: LanguageModelV3Usage } | undefined;

  constructor(private readonly message: OpenMessage) {}

  /** @returns whether the part is a sign of the model itself, not only of its connection */
  take(part: LanguageModelV3StreamPart): boolean {
    switch (part.type) {
      case 'text-delta':
        this.keep('text', part.id, part.delta, part.providerMetadata);
        if (part.delta !== '') this.message.addText(part.delta);
        return true;
      case 'text-start':
      case 'text-end':
        this.keep('text', part.id, '', part.providerMetadata);
        return true;
      case 'reasoning-start':
      case 'reasoning-end':
        this.keep('reasoning', part.id, '', part.providerMetadata);
        return true;
      case 'reasoning-delta':
        this.keep('reasoning', part.id, part.delta, part.providerMetadata);
        if (part.delta !== '') this.message.addThinking(part.delta);
        return true;
      case 'tool-input-start':
        this.toolNames.set(part.id, part.toolName);
        return true;
      case 'tool-input-delta':
        this.streamedCalls.add(part.id);
        this.message.addToolArguments(part.id, this.toolNames.get(part.id) ?? '', part.delta);
        return true;
      case 'tool-call':
        if (!this.streamedCalls.has(part.toolCallId)) {
          this.message.addToolArguments(part.toolCallId, part.toolName, part.input);
        }
        this.pieces.push(part);
        return true;
      case 'finish':
        this.end = { reason: part.finishReason, usage: part.usage };
        return true;
      case 'error':
        throw part.error instanceof Error ? part.error : new StreamError(part.error);
      default:
        return false;
    }
  }

  private keep(
    type: Piece['type'],
    id: string,
    delta: string,
    metadata: SharedV3ProviderMetadata | undefined,
  ): void {
    let piece = this.last;
    if (piece?.type !== type || piece.id !== id) {
      piece = this.pieces.find((each): each is Piece => each.type === type && each.id === id);
      if (!piece) this.pieces.push((piece = { type, id, text: '' }));
      this.last = piece;
    }
    piece.text += delta;
    if (metadata) piece.metadata = { ...piece.metadata, ...metadata };
  }

  /** The step, or undefined when the stream ended without saying why: it was cut off. */
  finish(): ModelStep | undefined {
    const { end } = this;
    if (!end || (end.reason.unified === 'other' && end.reason.raw === undefined)) return undefined;
    if (end.reason.unified === 'error')
      throw new StreamError(`it ended with ${end.reason.raw ?? 'an error'}`);
    return {
      finishReason: end.reason.unified,
      toolCalls: this.pieces.filter((piece) => piece.type === 'tool-call'),
      usage: {
        inputTokens: end.usage.inputTokens.total ?? 0,
        outputTokens: end.usage.outputTokens.total ?? 0,
      },
      message: this.message,
      content: this.pieces.flatMap(toContent),
    };
  }
}

function toContent(piece: Piece | LanguageModelV3ToolCall): AssistantContent {
  if (piece.type === 'tool-call') {
    const { toolCallId, toolName, input, providerMetadata } = piece;
    const options = providerMetadata && { providerOptions: providerMetadata };
    return [{ type: 'tool-call', toolCallId, toolName, input: parseArguments(input) ?? {}, ...options }];
  }
  const { type, text, metadata } = piece;
  if (type === 'text' && text.trim() === '') return []; // Anthropic refuses it
  return [{ type, text, ...(metadata && { providerOptions: metadata }) }];
}
