import type { JSONObject, LanguageModelV3StreamPart } from '@ai-sdk/provider';
import type { Fields } from './fields.js';
import { ReasoningDetails } from './reasoning-details.js';

/** Where a provider writes thoughts: it wants them back there, and some refuse another field. */
export type ThoughtField = 'reasoning' | 'reasoning_content' | 'content';

/**
 * The thinking of an answer, as one reasoning part. Its `providerMetadata.chat` says how it is to be sent back:
 * `field`, and at the end `reasoningDetails` and `extraContent`, if there were any.
 */
export class Thoughts {
  private field: ThoughtField | undefined;
  private details: ReasoningDetails | undefined;
  private extraContent: Fields | undefined;

  constructor(private readonly take: (part: LanguageModelV3StreamPart) => void) {}

  get isEmpty(): boolean {
    return this.field === undefined;
  }

  add(field: ThoughtField, delta: string): void {
    this.start(field);
    this.take({ type: 'reasoning-delta', id: 'thinking', delta });
  }

  /**
   * @param length characters of the chunk that holds the details
   * @param isShown whether the chunk has the text of the details elsewhere, too
   */
  addDetails(details: readonly unknown[], length: number, isShown: boolean): void {
    if (details.length === 0) return;
    this.start('reasoning');
    const text = (this.details ??= new ReasoningDetails()).push(details, length);
    if (text && !isShown) this.take({ type: 'reasoning-delta', id: 'thinking', delta: text });
  }

  sign(extraContent: Fields): void {
    this.start('content');
    this.extraContent = extraContent;
  }

  end(): void {
    const { field, details, extraContent } = this;
    if (!field || !(details || extraContent)) return;
    const chat: Fields = {
      field,
      ...(details && { reasoningDetails: details.list }),
      ...(extraContent && { extraContent }),
    };
    this.take({ type: 'reasoning-end', id: 'thinking', providerMetadata: { chat: chat as JSONObject } });
  }

  private start(field: ThoughtField): void {
    if (this.field) return;
    this.field = field;
    this.take({ type: 'reasoning-start', id: 'thinking', providerMetadata: { chat: { field } } });
  }
}
