import { describe, expect, it } from '@jest/globals';
import { toUsage, usageIn } from './usage.js';

const counts = (chunk: object, choice: object | null = null) => {
  const { inputTokens, outputTokens } = toUsage(usageIn({ ...chunk }, choice ? { ...choice } : undefined));
  return [inputTokens.total, outputTokens.total];
};

describe('the usage of an answer', () => {
  const usage = { prompt_tokens: 11, completion_tokens: 7 };

  it.each<[string, object, object | null]>([
    ['at the top', { usage }, null],
    ['in the choice', {}, { usage }],
    ['under x_groq', { x_groq: { id: 'r', usage } }, null],
    ['beside a null', { usage: null, x_groq: { usage } }, null],
    ['in the words of others', { usage: { input_tokens: 11, output_tokens: 7 } }, null],
    ['nested', { usage: { billed_units: {}, tokens: { input_tokens: 11, output_tokens: 7 } } }, null],
  ])('is found %s', (_where, chunk, choice) => {
    expect(counts(chunk, choice)).toEqual([11, 7]);
  });

  it.each<[string, object, number]>([
    [
      'among the output (OpenAI, DeepSeek)',
      { completion_tokens: 7, total_tokens: 18, completion_tokens_details: { reasoning_tokens: 5 } },
      7,
    ],
    [
      'beside it (xAI)',
      { completion_tokens: 2, total_tokens: 18, completion_tokens_details: { reasoning_tokens: 5 } },
      7,
    ],
    ['beside it, and only in the total (Google)', { completion_tokens: 2, total_tokens: 18 }, 7],
    [
      'nowhere: the total holds the cached input',
      { completion_tokens: 7, total_tokens: 28, prompt_tokens_details: { cached_tokens: 10 } },
      7,
    ],
    ['nowhere: the total is too small', { completion_tokens: 7, total_tokens: 7 }, 7],
    ['nowhere: the total is no count', { completion_tokens: 7, total_tokens: Infinity }, 7],
  ])('counts the thinking once that stands %s', (_where, given, output) => {
    expect(counts({ usage: { prompt_tokens: 11, ...given } })).toEqual([11, output]);
  });

  it.each([{ usage: null }, { usage: { prompt_tokens: 0, completion_tokens: 0 } }, { usage: 'x' }, {}])(
    'is none: %j',
    (chunk) => {
      expect(usageIn(chunk, undefined)).toBeUndefined();
    },
  );
});
