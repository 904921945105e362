import { Inject, Injectable, Logger } from '@nestjs/common';
import { toCount } from '../models/counts.js';
import { DomainError, toDomainError } from '../common/errors.js';
import { maskSecrets } from '../common/secret.js';
import { AppConfig, type ModelConfig } from '../config/index.js';
import type { RunEndStatus, RunRecorder } from '../events/index.js';
import { AGENT, type Agent, type RunOptions, type RunUsage, type WaitingOn } from './agent.js';
import { ModelCatalog } from '../models/model-catalog.js';
import { type AnyTool, builtInTools, ToolSet } from '../tools/index.js';

/** What the agent is given to answer one query. */
export interface RunRequest {
  readonly sessionId: string;
  readonly runId: string;
  readonly workspace: string;
  readonly model: ModelConfig;
  readonly options: RunOptions;
  readonly signal: AbortSignal;
  readonly log: RunRecorder;
  /** What has to be done before the agent begins. Where it fails, the run does. */
  readonly prepare?: () => Promise<void>;
  waitsFor(what: WaitingOn): void;
}

/** How a run ended, before that has been written down. */
export interface RunOutcome extends Readonly<RunUsage> {
  readonly status: RunEndStatus;
  /** Set when the status is `error`. */
  readonly error?: DomainError;
}

/** How long an agent may take to notice that its run was aborted. */
const ABORT_GRACE_MS = 100;

/** An agent may be anybody's, and add what is no number: the database would refuse it, and the run would not end. */
function counted({ iterations, inputTokens, outputTokens }: RunUsage): RunUsage {
  return {
    iterations: toCount(iterations),
    inputTokens: toCount(inputTokens),
    outputTokens: toCount(outputTokens),
  };
}

/** Follows the agent's work to its end; when its run is aborted, only for a moment more. */
async function withAbortGrace(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const late = new Promise<void>((resolve) => {
    const wait = () => setTimeout(resolve, ABORT_GRACE_MS);
    if (signal.aborted) wait();
    else signal.addEventListener('abort', wait, { once: true });
  });
  work.catch(() => undefined); // what it throws once nobody listens any more says nothing
  await Promise.race([work, late]);
}

/** Has the agent answer one query, whatever happens to it on the way. */
@Injectable()
export class AgentService {
  private readonly logger = new Logger(AgentService.name);
  readonly tools: ToolSet;

  constructor(
    @Inject(AGENT) private readonly agent: Agent,
    private readonly catalog: ModelCatalog,
    private readonly config: AppConfig,
  ) {
    this.tools = new ToolSet(builtInTools(config.files), config.tools as readonly AnyTool[]);
  }

  /** Never rejects: an error is an outcome too. What the model had written by then is kept. */
  async run(request: RunRequest): Promise<RunOutcome> {
    const tally: RunUsage = { iterations: 0, inputTokens: 0, outputTokens: 0 };
    let outcome: Omit<RunOutcome, keyof RunUsage> = { status: 'completed' };
    try {
      await withAbortGrace(this.work(request, tally), request.signal);
      request.signal.throwIfAborted();
    } catch (thrown) {
      outcome = request.signal.aborted
        ? { status: 'aborted' }
        : { status: 'error', error: this.toRunError(thrown, request) };
    }
    this.finalizeMessage(request.log, outcome.status);
    request.log.close();
    return Object.assign(outcome, counted(tally)); // two spreads are several times as slow
  }

  private async work(request: RunRequest, tally: RunUsage): Promise<void> {
    const { sessionId, runId, workspace, model: modelConfig, options, signal, log } = request;
    await request.prepare?.();
    await this.agent.run({
      sessionId,
      runId,
      workspace,
      modelConfig,
      model: await this.catalog.load(modelConfig),
      tools: this.tools,
      options,
      signal,
      log,
      tally,
      waitsFor: (what) => request.waitsFor(what),
    });
  }

  /** Every run ends with a message: what was cut short is stored as far as it got, and marked. */
  private finalizeMessage(log: RunRecorder, status: RunEndStatus): void {
    if (status === 'aborted') log.deferFinalMessage({ finishReason: 'abort' });
    else if (status === 'completed') {
      if (log.message || !log.hasMessage) log.deferFinalMessage({ finishReason: 'stop' });
    } else if (log.message?.isEmpty === false) log.deferFinalMessage({ finishReason: 'error' });
    else log.discardMessage();
  }

  private toRunError(thrown: unknown, { sessionId, runId }: RunRequest): DomainError {
    const error = toDomainError(thrown);
    if (error.code === 'INTERNAL') {
      const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      this.logger.error(
        `Run ${runId} of session ${sessionId} failed: ${maskSecrets(text, this.config.secrets)}`,
      );
    }
    return error;
  }
}
