import type { LanguageModelV3Message, LanguageModelV3Prompt } from '@ai-sdk/provider';
import { DomainError } from '../common/errors.js';

/** The session's last query alone is larger than a request to a model may be. */
export class RequestTooLarge extends DomainError {
  constructor(maxBytes: number) {
    super(
      'PAYLOAD_TOO_LARGE',
      `What the model has to be sent is larger than ${maxBytes} bytes, even without the older results of tools. Ask for less at once, or go on in a new session.`,
      { limit: maxBytes },
    );
  }
}

/** A shorter result is not worth leaving out. Bytes. */
const SHORT_BYTES = 500;
const LEFT_OUT =
  '[This result was left out: the conversation has grown too long. Call the tool again if it is needed.]';

/** A character of a text is at most so many bytes of JSON: `\u0000`. */
const MOST_PER_CHARACTER = 6;

/** The messages of a run's requests, of which a request holds at most so many bytes. */
export class Conversation {
  /** An upper bound; what it really takes is measured only where this is too much. */
  private most = 0;
  private bytes: number | undefined;
  private readonly messages: LanguageModelV3Message[] = [];
  /** Messages before it have no long results any more. */
  private oldest = 0;

  constructor(
    messages: LanguageModelV3Prompt,
    private readonly maxBytes: number,
  ) {
    this.push(...messages);
  }

  push(...messages: LanguageModelV3Message[]): void {
    for (const message of messages) {
      this.messages.push(message);
      if (this.bytes !== undefined) this.bytes += bytesOf(message);
      else this.most += lengthOf(message) * MOST_PER_CHARACTER;
    }
  }

  /**
   * The messages as the next request may hold them: the oldest results of tools are left out until they fit.
   * @throws RequestTooLarge when there are none left
   */
  forRequest(): LanguageModelV3Prompt {
    if (this.bytes === undefined && this.most > this.maxBytes) {
      this.bytes = this.messages.reduce((sum, message) => sum + bytesOf(message), 0);
    }
    while ((this.bytes ?? 0) > this.maxBytes) this.leaveOutOldest();
    return this.messages;
  }

  private leaveOutOldest(): void {
    const message = this.messages[this.oldest];
    if (!message) throw new RequestTooLarge(this.maxBytes);
    if (message.role === 'tool') {
      const shortened = shorten(message);
      this.messages[this.oldest] = shortened;
      this.bytes = (this.bytes ?? 0) - bytesOf(message) + bytesOf(shortened);
    }
    this.oldest += 1;
  }
}

type ToolMessage = Extract<LanguageModelV3Message, { role: 'tool' }>;

function shorten(message: ToolMessage): ToolMessage {
  return {
    ...message,
    content: message.content.map((part) =>
      part.type === 'tool-result' && bytesOf(part.output) > SHORT_BYTES
        ? { ...part, output: { type: 'text', value: LEFT_OUT } }
        : part,
    ),
  };
}

/** Bytes of a message, or of a part of one, as JSON. The data of an image holds nothing that JSON escapes. */
function bytesOf(value: unknown): number {
  let images = 0;
  const json = JSON.stringify(value, (_key, each: unknown) => {
    if (!isImage(each)) return each;
    images += each.data.length;
    return { ...each, data: '' };
  });
  return Buffer.byteLength(json) + images;
}

function isImage(value: unknown): value is { readonly data: string } {
  const { type, data } = Object(value) as { type?: unknown; data?: unknown };
  return type === 'file' && typeof data === 'string' && data !== '';
}

/** Characters of all texts in a message, and some for what stands around each. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 10;
  let sum = 10;
  for (const [key, each] of Object.entries(value)) sum += key.length + lengthOf(each);
  return sum;
}
