import type { LanguageModelV3Message, LanguageModelV3Prompt } from '@ai-sdk/provider';
import { DomainError } from '../common/errors.js';

/** The session's last query, or its run so far, exceeds the size of a request to a model. */
export class RequestTooLarge extends DomainError {
  constructor(maxBytes: number) {
    super(
      'PAYLOAD_TOO_LARGE',
      `What the model has to be sent is larger than ${maxBytes} bytes, even without the older results of tools. Ask for less at once, or go on in a new session.`,
      { limit: maxBytes },
    );
  }
}

/** Characters of a result that is too short to be left out. */
const SHORT = 500;
const LEFT_OUT =
  '[This result was left out: the conversation has grown too long. Call the tool again if it is needed.]';

/** Messages of a run's requests; those of the model and its tools are bounded in bytes of JSON. */
export class Conversation {
  private readonly messages: LanguageModelV3Message[];
  /** Index of the first message that may still have long results. */
  private oldest = 0;

  /** @param bytes size of the output of the model and its tools in `messages` */
  constructor(
    messages: LanguageModelV3Prompt,
    private bytes: number,
    private readonly maxBytes: number,
  ) {
    this.messages = [...messages];
  }

  /** Adds a message of the model or its tools. */
  push(message: LanguageModelV3Message, bytes: number): void {
    this.messages.push(message);
    this.bytes += bytes;
  }

  /**
   * Messages for the next request: the oldest tool results are left out until the rest fits.
   * @throws RequestTooLarge when no result is left
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

  /** The message without long results. A character takes at least one byte of JSON: as many bytes are free. */
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
