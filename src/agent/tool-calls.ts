import type { LanguageModelV3ToolCall } from '@ai-sdk/provider';
import { abortable } from '../common/abortable.js';
import { elapsedMs, epochMs, monotonicMs } from '../common/clock.js';
import { maskSecrets, maskSecretsIn } from '../common/secret.js';
import { cutText } from '../common/text.js';
import type { AppConfig } from '../config/index.js';
import type { ToolResultEvent } from '../events/index.js';
import type { RunContext } from './agent.js';
import { MAX_CALLS_PER_ANSWER } from '../models/index.js';
import { MAX_RESULT_BYTES, MAX_STEP_RESULT_BYTES, maxCallsPerRun } from './bounds.js';
import { parseArguments } from './step-messages.js';
import { boundResult, headOf, MAX_JSON_DEPTH, ToolError, type ToolResult } from '../tools/index.js';

/** Factor on a result's bound before secrets are masked: cutting first could leave half a secret. */
const BEFORE_MASKING = 2;
/** Bytes of an error that the model is told. */
const MAX_ERROR_BYTES = 10_000;
/** Least room for a result, in bytes: with less, the call is not run. */
const LEAST_BYTES = 1_000;

/** Result of a call that was cut, for the model. */
const CUT =
  'Your answer reached its maximum length before this call was whole: it was not run. Make it again, shorter or in several steps.';
/** Results of one answer's calls, by their ids; `bytes` is their approximate size as JSON. */
export interface StepResults {
  readonly results: ReadonlyMap<string, ToolResultEvent>;
  readonly bytes: number;
}

/** Runs the tool calls of one run, one after the other, within their bounds. */
export class ToolCalls {
  private made = 0;
  /** Calls that the run may make. */
  readonly limit: number;

  constructor(
    private readonly turn: RunContext,
    private readonly config: AppConfig,
  ) {
    this.limit = maxCallsPerRun(config);
  }

  /** Whether the run has made all the calls that it may. */
  get areSpent(): boolean {
    return this.made >= this.limit;
  }

  /**
   * Results of the calls of one answer, by their ids, and their approximate size in bytes of JSON.
   * @param cut ids of the calls that are not whole: they are not run
   */
  async run(calls: readonly LanguageModelV3ToolCall[], cut: ReadonlySet<string>): Promise<StepResults> {
    const results = new Map<string, ToolResultEvent>();
    let room = MAX_STEP_RESULT_BYTES;
    for (const [i, call] of calls.entries()) {
      const refusal = cut.has(call.toolCallId) ? CUT : this.refusal(i, room);
      const { result, bytes } = await this.call(call, Math.min(room, MAX_RESULT_BYTES), refusal);
      results.set(call.toolCallId, result);
      room -= bytes;
    }
    return { results, bytes: MAX_STEP_RESULT_BYTES - room };
  }

  /** Reason why the call at this place of an answer is not run, if any. */
  private refusal(place: number, room: number): string | undefined {
    if (place >= MAX_CALLS_PER_ANSWER) {
      return `An answer may hold ${MAX_CALLS_PER_ANSWER} tool calls: this one and those after it were not run. Make them in your next steps, if they are still needed.`;
    }
    if (this.areSpent)
      return `This run has made ${this.limit} tool calls, as many as it may: this one was not run.`;
    if (room < LEAST_BYTES) {
      return `The results of this step have reached ${MAX_STEP_RESULT_BYTES} bytes: this call was not run. Make it again in your next step, if it is still needed.`;
    }
    return undefined;
  }

  /** Runs one call. A failure becomes a result that the model can work with. */
  private async call(
    { toolCallId, toolName, input }: LanguageModelV3ToolCall,
    maxBytes: number,
    refusal: string | undefined,
  ): Promise<{ result: ToolResultEvent; bytes: number }> {
    const { log, tools, signal } = this.turn;
    const args = parseArguments(input);
    const [startTime, startedAt] = [epochMs(), monotonicMs()];
    await log.append({
      type: 'tool_call',
      toolCallId,
      name: toolName,
      arguments: args ?? {},
      startTime,
      tool: tools.info(toolName),
    });
    const { content, bytes, error } = await this.resultOf(
      () => {
        if (refusal !== undefined) throw new ToolError(refusal);
        this.made += 1;
        return this.execute(toolName, requireArguments(args, input));
      },
      { toolName, maxBytes },
    );
    const stored = await log.append({
      type: 'tool_result',
      toolCallId,
      name: toolName,
      content,
      elapsedMs: elapsedMs(startedAt),
      ...(error !== undefined && { error }),
    });
    signal.throwIfAborted();
    return { result: stored.at(-1) as ToolResultEvent, bytes };
  }

  /** The result of a call, within its bounds, or the error that stands for it. */
  private async resultOf(
    execute: () => Promise<unknown>,
    { toolName, maxBytes }: { readonly toolName: string; readonly maxBytes: number },
  ): Promise<ToolResult & { readonly error?: string }> {
    try {
      return this.bounded(toolName, await execute(), maxBytes);
    } catch (thrown) {
      const error = headOf(maskSecrets(this.explain(thrown), this.config.secrets), MAX_ERROR_BYTES);
      return { content: [], bytes: 0, error };
    }
  }

  private bounded(name: string, given: unknown, maxBytes: number): ToolResult {
    const { content, bytes } = boundResult(name, given, maxBytes * BEFORE_MASKING);
    const masked = maskSecretsIn(content, this.config.secrets);
    return masked === content && bytes <= maxBytes ? { content, bytes } : boundResult(name, masked, maxBytes);
  }

  /** Executes a tool; ends with the run or at the time limit, even if the tool ignores both. */
  private async execute(name: string, args: Record<string, unknown>): Promise<unknown> {
    const { sessionId, workspace, tools, signal: ofRun } = this.turn;
    const { tool, args: checked } = tools.resolve(name, args);
    const signal = AbortSignal.any([ofRun, AbortSignal.timeout(this.config.agent.toolTimeoutMs)]);
    signal.throwIfAborted(); // the run may have ended while the call was being stored
    const work = Promise.resolve(tool.execute(checked, { sessionId, workspace, signal }));
    return abortable(work, signal);
  }

  private explain(thrown: unknown): string {
    if (this.turn.signal.aborted) return 'The run was stopped before the tool had answered.';
    if ((thrown as Error | undefined)?.name === 'TimeoutError') {
      return `The tool did not answer within ${this.config.agent.toolTimeoutMs} ms.`;
    }
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

function requireArguments(args: Record<string, unknown> | undefined, input: string): Record<string, unknown> {
  if (args) return args;
  throw new ToolError(
    `The arguments are no JSON object, or one nested more than ${MAX_JSON_DEPTH} levels deep: ${cutText(input, 500)}`,
  );
}
