import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3StreamPart,
} from '@ai-sdk/provider';

/** What the model is asked, in the AI SDK's terms. */
export interface ModelRequest extends Pick<
  LanguageModelV3CallOptions,
  'prompt' | 'temperature' | 'maxOutputTokens'
> {
  /** One list serves every request: a client may keep what it has made of it. */
  readonly tools?: Readonly<LanguageModelV3CallOptions['tools']>;
}

/** A language model as the loop uses it: any provider of the AI SDK, or a client of our own. */
export interface Model {
  /**
   * Asks once and hands on the parts of the answer as they come. Resolves at the end of the stream; rejects
   * when the request fails or `signal` aborts, and the connection is closed then.
   */
  stream(
    request: ModelRequest,
    signal: AbortSignal,
    take: (part: LanguageModelV3StreamPart) => void,
  ): Promise<void>;
  /** Asks once for a whole text. */
  generate(request: ModelRequest, signal: AbortSignal): Promise<string>;
}

/** Any model of the AI SDK. */
export class SdkModel implements Model {
  constructor(private readonly model: LanguageModelV3) {}

  async stream(
    request: ModelRequest,
    signal: AbortSignal,
    take: (part: LanguageModelV3StreamPart) => void,
  ): Promise<void> {
    const { stream } = await this.model.doStream(toCallOptions(request, signal));
    const reader = stream.getReader();
    // A provider may not pass the signal on: cancelling the reader closes its connection all the same.
    const cancel = () => void reader.cancel().catch(() => undefined);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        take(value);
      }
    } catch (error) {
      cancel();
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
    signal.throwIfAborted(); // some providers end their stream silently when they are aborted
  }

  async generate(request: ModelRequest, signal: AbortSignal): Promise<string> {
    const { content } = await this.model.doGenerate(toCallOptions(request, signal));
    return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
  }
}

function toCallOptions(
  { tools, ...rest }: ModelRequest,
  abortSignal: AbortSignal,
): LanguageModelV3CallOptions {
  return { ...rest, ...(tools && { tools: [...tools] }), abortSignal };
}
