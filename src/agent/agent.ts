import type { ModelConfig } from '../config/index.js';
import type { RunRecorder } from '../events/index.js';
import type { Model } from '../models/index.js';
import type { ToolSet } from '../tools/index.js';

/** The dependency-injection token of the {@link Agent} that answers queries. */
export const AGENT = Symbol('Agent');

/** Options of one run. */
export interface RunOptions {
  readonly instructions?: string;
  readonly maxIterations?: number;
  /** @fraction */
  readonly temperature?: number;
  readonly maxOutputTokens?: number;
  readonly runtimeSettings?: Readonly<Record<string, unknown>>;
}

/** Usage of a run so far. The agent adds to it step by step, so that a failed run's usage is known too. */
export interface RunUsage {
  iterations: number;
  inputTokens: number;
  outputTokens: number;
}

/** One run, as its agent sees it. */
export interface RunContext {
  readonly sessionId: string;
  readonly runId: string;
  /** The directory that the tools work in. */
  readonly workspace: string;
  readonly modelConfig: ModelConfig;
  readonly model: Model;
  readonly tools: ToolSet;
  readonly options: RunOptions;
  /** Aborts when the run is to end. All work that an agent awaits must end with it. */
  readonly signal: AbortSignal;
  /** Recorder of the run's events and messages. */
  readonly log: RunRecorder;
  readonly usage: RunUsage;
  /** Sets what the run waits for from now on. */
  waitsFor(what: WaitingOn): void;
}

export type WaitingOn = 'model' | 'tool' | 'queue';

/** Answers queries. The default is the tool loop; an extension can replace it. */
export interface Agent {
  /**
   * Answers the session's last user message by writing to `turn.log`. Resolves when the answer is complete; throws a
   * DomainError when it cannot be given, and any error once `turn.signal` has aborted.
   */
  run(turn: RunContext): Promise<void>;
}
