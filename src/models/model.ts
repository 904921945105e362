import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  SharedV3ProviderMetadata,
  SharedV3ProviderOptions,
} from '@ai-sdk/provider';
import { EndedEarly } from './model-error.js';
import type { StreamDialect } from './stream-dialects.js';

/** A request to a model, in the AI SDK's terms. */
export interface ModelRequest extends Pick<
  LanguageModelV3CallOptions,
  'prompt' | 'temperature' | 'maxOutputTokens'
> {
  /** The same list for every request, so that a client may cache its serialised form. */
  readonly tools?: Readonly<LanguageModelV3CallOptions['tools']>;
}

/** A language model as the loop uses it: any provider of the AI SDK, or a client of our own. */
export interface Model {
  /**
   * Sends one request and passes on the parts of the answer as they arrive. Resolves at the end of the stream; if the
   * request fails or `signal` aborts, rejects and closes the connection.
   */
  stream(
    request: ModelRequest,
    signal: AbortSignal,
    take: (part: LanguageModelV3StreamPart) => void,
  ): Promise<void>;
  /** Sends one request for a whole text. */
  generate(request: ModelRequest, signal: AbortSignal): Promise<string>;
}

/** Adapter for any model of the AI SDK. */
export class SdkModel implements Model {
  /**
   * @param dialect of the provider; undefined for a model without one
   * @param options of the provider, for every request
   */
  constructor(
    private readonly model: LanguageModelV3,
    private readonly dialect?: StreamDialect,
    private readonly options?: SharedV3ProviderOptions,
  ) {}

  async stream(
    request: ModelRequest,
    signal: AbortSignal,
    take: (part: LanguageModelV3StreamPart) => void,
  ): Promise<void> {
    const { stream } = await this.model.doStream(this.toCallOptions(request, signal));
    const reader = stream.getReader();
    // Providers need not pass the signal on: cancelling the reader closes the connection anyway.
    const cancel = () => void reader.cancel().catch(() => undefined);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (value.type === 'finish') this.requireWhole(value.finishReason, value.providerMetadata);
        take(value);
      }
    } catch (error) {
      cancel();
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
    signal.throwIfAborted(); // some providers end an aborted stream silently
  }

  async generate(request: ModelRequest, signal: AbortSignal): Promise<string> {
    const { content, finishReason, providerMetadata } = await this.model.doGenerate(
      this.toCallOptions(request, signal),
    );
    this.requireWhole(finishReason, providerMetadata);
    return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
  }

  /** @throws EndedEarly with the provider's reason, for an answer that is not whole */
  private requireWhole(
    { unified, raw }: LanguageModelV3FinishReason,
    metadata: SharedV3ProviderMetadata | undefined,
  ): void {
    if (raw === undefined) return; // cut off, or reported as an error already
    const isFailure = this.dialect?.isFailure(raw, unified !== 'other');
    if (!isFailure && unified !== 'error') return;
    const reason = Object.values(metadata ?? {})
      .map(reasonIn)
      .find(Boolean);
    throw new EndedEarly(`it ended with ${raw}${reason ? `: ${reason}` : ''}`, raw !== 'refusal');
  }

  private toCallOptions(
    { tools, ...rest }: ModelRequest,
    abortSignal: AbortSignal,
  ): LanguageModelV3CallOptions {
    const providerOptions = this.options && { providerOptions: this.options };
    return { ...rest, ...(tools && { tools: [...tools] }), ...providerOptions, abortSignal };
  }
}

/** Google's or Anthropic's explanation of an end. */
function reasonIn({ finishMessage, stopDetails }: Readonly<Record<string, unknown>>): string | undefined {
  const text = finishMessage ?? (stopDetails as { explanation?: unknown } | null | undefined)?.explanation;
  return typeof text === 'string' && text !== '' ? text : undefined;
}
