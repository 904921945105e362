import type { LanguageModelV3FinishReason, LanguageModelV3ToolCall } from '@ai-sdk/provider';
import { describe, expect, it } from '@jest/globals';
import { cutCalls } from './cut-calls.js';

const call = (toolCallId: string, input: string): LanguageModelV3ToolCall => ({
  type: 'tool-call',
  toolCallId,
  toolName: 'weather',
  input,
});

/** Ids of the calls that are dropped and cut when the answer ends like this. */
function cut(
  unified: LanguageModelV3FinishReason['unified'],
  calls: LanguageModelV3ToolCall[],
  { raw = unified, bare = [] }: { raw?: string; bare?: string[] } = {},
) {
  const found = cutCalls({ unified, raw }, calls, new Set(bare));
  return [[...found.dropped], [...found.cut]];
}

const WHOLE = call('a', '{"city":"SF"}');
const HALF = call('b', '{"city":"S');

describe('a call at an end that came too early', () => {
  it('is run if its arguments are whole, whatever has cut the answer', () => {
    expect(cut('length', [WHOLE])).toEqual([[], []]);
    expect(cut('content-filter', [WHOLE])).toEqual([[], []]);
  });

  it('is not run if they are not: the model is told after its length, and not after a filter', () => {
    expect(cut('length', [WHOLE, HALF])).toEqual([[], ['b']]);
    expect(cut('content-filter', [WHOLE, HALF])).toEqual([['b'], []]);
  });

  it('is not run if nothing of its arguments had come, but for one that others follow', () => {
    const calls = [call('a', '{}'), call('b', '{}')];
    expect(cut('length', calls, { bare: ['a', 'b'] })).toEqual([[], ['b']]);
  });

  it('is dropped with all others when the model has refused', () => {
    expect(cut('content-filter', [WHOLE, HALF], { raw: 'refusal' })).toEqual([['a', 'b'], []]);
  });

  it('is left to its tool after any other end', () => {
    expect(cut('tool-calls', [HALF], { bare: ['b'] })).toEqual([[], []]);
    expect(cut('stop', [HALF])).toEqual([[], []]);
  });
});
