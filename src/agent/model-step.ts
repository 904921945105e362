import { Logger } from '@nestjs/common';
import type {
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  LanguageModelV3ToolCall,
  LanguageModelV3Usage,
  SharedV3ProviderMetadata,
} from '@ai-sdk/provider';
import { setTimeout as sleep } from 'node:timers/promises';
import { cutText } from '../common/text.js';
import type { EventDraft, StreamingMessage, Usage } from '../events/index.js';
import type { RunContext } from './agent.js';
import { sizeOfPart } from './answer-size.js';
import { cutCalls } from './cut-calls.js';
import {
  type CallIds,
  dialectOf,
  MAX_CALLS_PER_ANSWER,
  modelCutOff,
  type ModelFailed,
  type ModelRequest,
  modelTimedOut,
  modelWentOn,
  StreamError,
  toCount,
  toModelFailed,
} from '../models/index.js';
import { HostedCalls } from './hosted-calls.js';
import { recordOf, type RecordedPart } from './message-record.js';
import { SilenceTimer } from './silence-timer.js';

/** Retries of a request that has produced nothing yet. */
const MAX_RETRIES = 2;
const MIN_DELAY_MS = 250;

const logger = new Logger('Model');

/** The model's answer in one step. Its text has been streamed to the open message. */
export interface ModelStep {
  readonly finishReason: string;
  readonly toolCalls: readonly LanguageModelV3ToolCall[];
  /** Ids of the calls that the maximum length has cut: they must not be run. */
  readonly cutCalls: ReadonlySet<string>;
  readonly usage: Usage;
  readonly message: StreamingMessage;
  /** Record for the next requests to this model alone: thoughts, signatures, the order of parts. */
  readonly record: string | undefined;
  /** Calls that the provider has run itself, with their results: shown, and never run. */
  readonly hosted: readonly EventDraft[];
}

/**
 * Asks the model once and streams its answer into a new message of the run's log. A request that fails before its
 * first part is retried, where a retry can help.
 * @param ids gives the answer's tool calls their ids
 * @throws ModelFailed when there is no whole answer; the parts so far stay in the open message
 */
export async function modelStep(turn: RunContext, request: ModelRequest, ids: CallIds): Promise<ModelStep> {
  for (let attempt = 0; ; attempt++) {
    const message = turn.log.openMessage();
    try {
      return await stream(turn, request, new StepCollector(turn, message, ids));
    } catch (error) {
      turn.signal.throwIfAborted();
      const failed = toModelFailed(error, turn.modelConfig, !message.isEmpty);
      if (!message.isEmpty || failed.retryInMs === undefined || attempt >= MAX_RETRIES) throw failed;
      turn.log.discardMessage();
      const waitMs = Math.max(failed.retryInMs, MIN_DELAY_MS) * 2 ** attempt;
      logRetry(turn, failed, waitMs);
      await sleep(waitMs, undefined, { signal: turn.signal });
    }
  }
}

function logRetry({ runId, sessionId, modelConfig }: RunContext, failed: ModelFailed, waitMs: number): void {
  const { providerStatus = failed.code } = (failed.details ?? {}) as { providerStatus?: number };
  const model = `${modelConfig.provider}/${modelConfig.id}`;
  logger.log(
    `run ${runId} of session ${sessionId}: ${model} is asked again after ${providerStatus} in ${waitMs} ms`,
  );
}

async function stream(turn: RunContext, request: ModelRequest, collected: StepCollector): Promise<ModelStep> {
  const { modelConfig, model } = turn;
  const silence = new SilenceTimer(turn.signal, modelConfig.firstTokenTimeoutMs);
  try {
    await model.stream(request, silence.signal, (part) => {
      if (collected.take(part)) silence.heard(modelConfig.idleTimeoutMs);
      else if (part.type === 'raw') silence.alive();
      if (collected.size > modelConfig.maxAnswerChars) throw modelWentOn(modelConfig);
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

function cutOff(turn: RunContext): never {
  throw modelCutOff(turn.modelConfig);
}

/** A text or a thought, whole or still streaming. */
interface Piece {
  readonly type: 'text' | 'reasoning';
  readonly id: string;
  text: string;
  metadata?: SharedV3ProviderMetadata;
}

/** A tool call while it streams. */
interface OpenCall {
  readonly id: string;
  readonly name: string;
  /** Characters of its arguments so far. */
  streamed: number;
  isWhole: boolean;
}

/** Longest name of a tool. */
const MAX_NAME = 128;

/**
 * Sorts the parts of a stream: deltas go to the message, and all parts are kept in order until the end. Providers
 * refuse an answer whose signed parts come back changed, without their signature or in another order.
 */
class StepCollector {
  private readonly pieces: (Piece | LanguageModelV3ToolCall)[] = [];
  private readonly texts = new Map<string, Piece>();
  private last: Piece | undefined;
  /** Open calls by the provider's id, which may repeat. */
  private readonly calls = new Map<string, OpenCall>();
  private readonly hosted = new HostedCalls();
  private begun = 0;
  /** Ids of calls whose arguments were not streamed. */
  private readonly bare = new Set<string>();
  private end: { reason: LanguageModelV3FinishReason; usage: LanguageModelV3Usage } | undefined;
  /** Characters received, of every kind. */
  size = 0;

  constructor(
    private readonly turn: RunContext,
    private readonly message: StreamingMessage,
    private readonly ids: CallIds,
  ) {}

  /** @returns whether the part comes from the model itself, not only from its connection */
  take(part: LanguageModelV3StreamPart): boolean {
    if (part.type !== 'tool-call') this.size += sizeOfPart(part);
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
        this.begin(part.id, part.toolName);
        return true;
      case 'tool-input-delta':
        this.stream(this.calls.get(part.id) ?? this.begin(part.id, ''), part.delta);
        return true;
      case 'tool-call':
        this.call(part);
        return true;
      case 'tool-result':
        this.hosted.result(part);
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

  /** Begins a call. Of the calls beyond the bound one is kept, so that the model can be told. */
  private begin(given: string, name: string): OpenCall | undefined {
    this.begun += 1;
    this.calls.delete(given);
    if (this.begun > MAX_CALLS_PER_ANSWER + 1) return undefined;
    const call = { id: this.ids.take(given), name: this.nameOf(name), streamed: 0, isWhole: false };
    this.calls.set(given, call);
    return call;
  }

  /** A name to be stored. An unknown one may be any text, even a secret. */
  private nameOf(name: string): string {
    const { tools, log } = this.turn;
    return tools.has(name) ? name : cutText(log.masked(name), MAX_NAME);
  }

  private stream(call: OpenCall | undefined, args: string): void {
    if (!call) return;
    call.streamed += args.length;
    this.message.addToolArguments(call.id, call.name, args);
  }

  private call(part: LanguageModelV3ToolCall): void {
    const open = this.calls.get(part.toolCallId);
    const streamed = open && !open.isWhole ? open.streamed : undefined;
    this.size += streamed === part.input.length ? 0 : sizeOfPart(part);
    const call = open && !open.isWhole ? open : this.begin(part.toolCallId, part.toolName);
    if (!call) return;
    if (call.streamed === 0) {
      this.bare.add(call.id);
      this.stream(call, part.input);
    }
    call.isWhole = true;
    const named = { ...part, toolCallId: call.id, toolName: call.name };
    if (part.providerExecuted) this.hosted.call(part.toolCallId, named);
    else this.pieces.push(named);
  }

  private keep(
    type: Piece['type'],
    id: string,
    delta: string,
    metadata: SharedV3ProviderMetadata | undefined,
  ): void {
    let piece = this.last;
    if (piece?.type !== type || piece.id !== id) {
      piece = this.texts.get(`${type} ${id}`) ?? this.newPiece(type, id);
      this.last = piece;
    }
    piece.text += delta;
    if (metadata) piece.metadata = merged(piece.metadata, metadata);
  }

  private newPiece(type: Piece['type'], id: string): Piece {
    const piece: Piece = { type, id, text: '' };
    this.texts.set(`${type} ${id}`, piece);
    this.pieces.push(piece);
    return piece;
  }

  /** The step; undefined when the stream ended without a finish reason: it was cut off. */
  finish(): ModelStep | undefined {
    const { end } = this;
    if (!end || (end.reason.unified === 'other' && end.reason.raw === undefined)) return undefined;
    if (end.reason.unified === 'error')
      throw new StreamError(`it ended with ${end.reason.raw ?? 'an error'}`);
    const calls = this.pieces.filter((piece) => piece.type === 'tool-call');
    const { dropped, cut } = cutCalls(end.reason, calls, this.bare);
    const isKept = (piece: Piece | LanguageModelV3ToolCall) =>
      piece.type !== 'tool-call' || !dropped.has(piece.toolCallId);
    return {
      finishReason: end.reason.unified,
      toolCalls: calls.filter(isKept),
      cutCalls: cut,
      usage: {
        inputTokens: toCount(end.usage.inputTokens.total),
        outputTokens: toCount(end.usage.outputTokens.total),
      },
      message: this.message,
      record: recordOf(
        dialectOf(this.turn.modelConfig).model,
        this.pieces.filter(isKept).flatMap(toRecorded),
      ),
      hosted: this.hosted.events(),
    };
  }
}

/** All that the parts of a text or thought say of it: Anthropic sends the signature after the text. */
function merged(
  before: SharedV3ProviderMetadata | undefined,
  more: SharedV3ProviderMetadata,
): SharedV3ProviderMetadata {
  const all = { ...before };
  for (const [provider, fields] of Object.entries(more)) all[provider] = { ...all[provider], ...fields };
  return all;
}

function toRecorded(piece: Piece | LanguageModelV3ToolCall): RecordedPart[] {
  if (piece.type === 'tool-call') {
    const { providerMetadata } = piece;
    return [{ type: 'call', ...(providerMetadata && { options: providerMetadata }) }];
  }
  const { type, text, metadata } = piece;
  const options = metadata && { options: metadata };
  if (type === 'text') return [{ type, length: text.length, ...options }];
  return text === '' && !options ? [] : [{ type, text, ...options }];
}
