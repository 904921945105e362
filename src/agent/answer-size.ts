import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';

/** Fixed size of a part, in characters: very many parts without text must reach the bound, too. */
const PART = 50;

/** Characters that one part adds to an answer, including names, ids and provider metadata. */
export function sizeOfPart(part: LanguageModelV3StreamPart): number {
  switch (part.type) {
    case 'text-delta':
    case 'reasoning-delta':
      return sizeOf(part.delta) + sizeOf(part.providerMetadata);
    case 'tool-input-delta':
      return sizeOf(part.delta);
    case 'stream-start':
    case 'finish':
    case 'error':
    case 'raw':
      return 0; // not kept
    default:
      return PART + sizeOf(part);
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length || 1;
  if (typeof value !== 'object' || value === null) return 0;
  let sum = 0;
  for (const [key, each] of Object.entries(value)) sum += key.length + sizeOf(each);
  return sum;
}
