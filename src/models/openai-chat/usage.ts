import type { LanguageModelV3Usage } from '@ai-sdk/provider';
import { isCount } from '../counts.js';
import { type Fields, fieldsOf } from './fields.js';

/**
 * The counts of a chunk: at its top (OpenAI), in its choice (Moonshot), under `x_groq` (Groq). Cohere nests them in
 * `tokens`.
 */
export function usageIn(chunk: Fields, choice: Fields | undefined): Fields | undefined {
  const usage =
    fieldsOf(chunk['usage']) ?? fieldsOf(choice?.['usage']) ?? fieldsOf(fieldsOf(chunk['x_groq'])?.['usage']);
  const counts = fieldsOf(usage?.['tokens']) ?? usage;
  // Some services send zeros in every chunk but the one that counts.
  return counts && (inputOf(counts) || outputOf(counts)) ? counts : undefined;
}

/** Counts as the SDK has them. */
export function toUsage(usage: Fields | undefined): LanguageModelV3Usage {
  return {
    inputTokens: {
      total: usage && inputOf(usage),
      noCache: undefined,
      cacheRead: undefined,
      cacheWrite: undefined,
    },
    outputTokens: { total: usage && withThinking(usage), text: undefined, reasoning: undefined },
  };
}

const countOf = (value: unknown): number | undefined => (isCount(value) ? value : undefined);
const inputOf = (usage: Fields) => countOf(usage['prompt_tokens']) ?? countOf(usage['input_tokens']);
const outputOf = (usage: Fields) => countOf(usage['completion_tokens']) ?? countOf(usage['output_tokens']);

/**
 * Output tokens, those of the thinking counted once. OpenAI counts them among the completion's; xAI and Google beside
 * them, so that the total exceeds the sum of prompt and completion by as many.
 */
function withThinking(usage: Fields): number | undefined {
  const output = outputOf(usage);
  const total = countOf(usage['total_tokens']);
  if (output === undefined || total === undefined) return output;
  const beside = total - (inputOf(usage) ?? total) - output;
  if (beside <= 0) return output;
  const thinking = countOf(fieldsOf(usage['completion_tokens_details'])?.['reasoning_tokens']);
  const cached = countOf(fieldsOf(usage['prompt_tokens_details'])?.['cached_tokens']);
  if (thinking === undefined) return beside === cached ? output : output + beside;
  return output + (thinking <= beside ? thinking : 0);
}
