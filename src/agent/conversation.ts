import type { LanguageModelV3Message, LanguageModelV3Prompt } from '@ai-sdk/provider';
import { DomainError } from '../common/errors.js';

/** The session's last query, or what its run has come to, is larger than a request to a model may be. */
export class RequestTooLarge extends DomainError {
  constructor(maxBytes: number) {
    super(
      'PAYLOAD_TOO_LARGE',
      `What the model has to be sent is larger than ${maxBytes} bytes, even without the older results of tools. Ask for less at once, or go on in a new session.`,
      { limit: maxBytes },
    );
  }
}

/** A shorter result is not worth leaving out. Characters. */
const SHORT = 500;
const LEFT_OUT =
  '[This result was left out: the conversation has grown too long. Call the tool again if it is needed.]';

/** The messages of a run's requests, of which those of the model and its tools are held to so many bytes of JSON. */
export class Conversation {
  private readonly messages: LanguageModelV3Message[];
  /** Messages before it have no long results any more. */
  private oldest = 0;

  /** @param bytes what the model and its tools have said in `messages` */
  constructor(
    messages: LanguageModelV3Prompt,
    private bytes: number,
    private readonly maxBytes: number,
  ) {
    this.messages = [...messages];
  }

  /** Adds what the model, or its tools, have said. */
  push(message: LanguageModelV3Message, bytes: number): void {
    this.messages.push(message);
    this.bytes += bytes;
  }

  /**
   * The messages as the next request may hold them: the oldest results of tools are left out until they fit.
   * @throws RequestTooLarge when there are none left
   */
  forRequest(): LanguageModelV3Prompt {
    while (this.bytes > this.maxBytes) this.leaveOutOldest();
    return this.messages;
  }

  private leaveOutOldest(): void {
    const message = this.messages[this.oldest];
    if (!message) throw new RequestTooLarge(this.maxBytes);
    if (message.role === 'tool') this.messages[this.oldest] = this.shortened(message);
    this.oldest += 1;
  }

  /** As JSON a result takes at least a byte for each of its characters: as many are free when it is left out. */
  private shortened(message: ToolMessage): ToolMessage {
    const content = message.content.map((part) => {
      if (part.type !== 'tool-result' || !('value' in part.output)) return part;
      const { value } = part.output;
      if (typeof value !== 'string' || value.length <= SHORT) return part;
      this.bytes -= value.length - LEFT_OUT.length;
      return { ...part, output: { type: 'text' as const, value: LEFT_OUT } };
    });
    return { ...message, content };
  }
}

type ToolMessage = Extract<LanguageModelV3Message, { role: 'tool' }>;
