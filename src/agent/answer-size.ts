import type { LanguageModelV3StreamPart } from '@ai-sdk/provider';

/** What a part costs beside its texts, so that very many of them without any come to an end too. Characters. */
const PART = 50;

/** Characters that one part of an answer adds to it, names, ids and what its provider wants to see again included. */
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
      return 0; // nothing of it is kept
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
