import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { wellFormed } from '../common/text.js';
import type { Model, ModelRequest } from './model.js';

/**
 * A model whose requests are well-formed text, wherever their parts come from: a provider refuses half a surrogate pair,
 * and with it every later request of the session.
 */
export class WellFormedModel implements Model {
  /** Messages and lists of tools that were looked through: a conversation repeats them in every step. */
  private readonly known = new WeakMap<object, object>();

  constructor(private readonly model: Model) {}

  stream(
    request: ModelRequest,
    signal: AbortSignal,
    take: (part: LanguageModelV3StreamPart) => void,
  ): Promise<void> {
    return this.model.stream(this.fit(request), signal, take);
  }

  generate(request: ModelRequest, signal: AbortSignal): Promise<string> {
    return this.model.generate(this.fit(request), signal);
  }

  private fit({ prompt, tools, ...rest }: ModelRequest): ModelRequest {
    const messages = prompt.map((message) => this.once(message));
    return { ...rest, prompt: messages, ...(tools && { tools: this.once(tools) }) };
  }

  private once<T extends object>(value: T): T {
    let fitted = this.known.get(value) as T | undefined;
    if (!fitted) this.known.set(value, (fitted = wellFormed(value)));
    return fitted;
  }
}
