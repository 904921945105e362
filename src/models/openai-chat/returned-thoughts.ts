import type { LanguageModelV3Message, SharedV3ProviderOptions } from '@ai-sdk/provider';
import type { ModelRequest } from '../model.js';

export type AssistantMessage = Extract<LanguageModelV3Message, { role: 'assistant' }>;

/**
 * DeepSeek's and Moonshot's own models, not those at other hosts (`name/…`): they refuse a message with calls and
 * without `reasoning_content` (DeepSeek, "Thinking Mode"; Kimi K2 Thinking).
 */
const WANTS_THOUGHTS = /(?<![\w/])(deepseek|kimi)/i;

/** Models that refuse the first call of a turn without a signature (Gemini API, "Thought signatures"). */
const WANTS_SIGNATURES = /^(models\/)?gemini-[3-9]/i;
/** Stands for the signature of a call that another model has made (there, "FAQs"). */
const UNSIGNED = { google: { thought_signature: 'skip_thought_signature_validator' } };

/** A field of a part that `/chat/completions` of a provider has sent with it. */
export function chatFieldOf(part: { providerOptions?: SharedV3ProviderOptions }, field: string): unknown {
  return part.providerOptions?.['chat']?.[field];
}

/**
 * Thoughts of a conversation's messages in the fields in which they came: of turns with tool calls all, as providers
 * demand; of other turns none but the signed ones, since some providers refuse them.
 */
export class ReturnedThoughts {
  private readonly wanted: ReadonlySet<AssistantMessage>;
  /** Whether a message with calls has an empty `reasoning_content` where there was no thought. */
  private readonly needsAll: boolean;

  constructor(
    private readonly model: string,
    prompt: ModelRequest['prompt'],
  ) {
    this.wanted = new Set(turnsOf(prompt).filter(hasCalls).flat());
    this.needsAll = WANTS_THOUGHTS.test(model) || [...this.wanted].some(isInReasoningContent);
  }

  /** Fields of a message beside its content and its calls. */
  of(message: AssistantMessage): object {
    const details = message.content.flatMap((part) => listOf(chatFieldOf(part, 'reasoningDetails')));
    const extra = message.content
      .map((part) => (part.type === 'tool-call' ? undefined : chatFieldOf(part, 'extraContent')))
      .find((each) => each !== undefined);
    return {
      ...(this.wanted.has(message) && this.text(message)),
      ...(details.length > 0 && { reasoning_details: details }),
      ...(extra !== undefined && { extra_content: extra }),
    };
  }

  /** The calls of a message; the first one signed, if the model demands it. */
  signed(calls: object[]): object[] {
    const [first, ...others] = calls;
    if (!first || !WANTS_SIGNATURES.test(this.model)) return calls;
    return calls.some((call) => 'extra_content' in call)
      ? calls
      : [{ ...first, extra_content: UNSIGNED }, ...others];
  }

  private text({ content }: AssistantMessage): object {
    const parts = content.filter((part) => part.type === 'reasoning' && !isInContent(part));
    const text = parts.map((part) => (part.type === 'reasoning' ? part.text : '')).join('');
    const field = parts.some(isInReasoning) ? 'reasoning' : 'reasoning_content';
    return text !== '' || (this.needsAll && field === 'reasoning_content') ? { [field]: text } : {};
  }
}

/** Messages of the model between two of the user. */
function turnsOf(prompt: ModelRequest['prompt']): AssistantMessage[][] {
  const turns: AssistantMessage[][] = [[]];
  for (const message of prompt) {
    if (message.role === 'user') turns.push([]);
    else if (message.role === 'assistant') turns.at(-1)?.push(message);
  }
  return turns;
}

const hasCalls = (turn: readonly AssistantMessage[]): boolean =>
  turn.some(({ content }) => content.some(({ type }) => type === 'tool-call'));

const isInReasoning = (part: AssistantMessage['content'][number]): boolean =>
  chatFieldOf(part, 'field') === 'reasoning';

/** Thoughts in `<think>` within the text: servers cut them out of the history. */
const isInContent = (part: AssistantMessage['content'][number]): boolean =>
  chatFieldOf(part, 'field') === 'content';

const isInReasoningContent = ({ content }: AssistantMessage): boolean =>
  content.some(
    (part) => part.type === 'reasoning' && part.text !== '' && !isInReasoning(part) && !isInContent(part),
  );

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
