import type { QueryContent } from '../events/index.js';

/** A file or a directory of the workspace that a query names. */
export interface Reference {
  readonly kind: 'file' | 'dir';
  /** The paths that it may mean, in the order in which they are tried; at least one. */
  readonly paths: readonly string[];
}

/** No file system has a path that is longer. */
const REFERENCE = /(?<![\w@])@(file|dir):(?:"([^"\n]{1,4096})"|([^\s"]\S{0,4095}))/g;
/** Mentions beyond it are not looked at: nobody has typed them. */
const MAX_MENTIONS = 10_000;

/** What may follow a path in a sentence. */
const PUNCTUATION = new Set('.,;:!?\'"`)]}>*…’”»。，、；：！？）】」』》');
const MAX_TRIMMED = 8;

/** Whether a text may hold references: looking closer costs more. */
export const mayRefer = (text: string): boolean => text.includes('@file:') || text.includes('@dir:');

/** All that a user has written, without the images. */
export function textsOf(content: QueryContent): string[] {
  if (typeof content === 'string') return [content];
  return content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
}

/**
 * The references of a text, each once, of its first 10,000 mentions: `@file:src/a.ts` and `@dir:src` end at a blank, `@file:"my notes.txt"` at its
 * quote. The punctuation of a sentence behind a path may be a part of it or not.
 */
export function referencesIn(texts: readonly string[]): Reference[] {
  const found = new Map<string, Reference>();
  let mentions = 0;
  for (const text of texts) {
    for (const [, kind, quoted, plain = ''] of text.matchAll(REFERENCE)) {
      if (++mentions > MAX_MENTIONS) break;
      const paths = quoted === undefined ? withAndWithoutPunctuation(plain) : [quoted];
      // The same file in two sentences is one reference.
      const key = `${kind} ${paths.at(-1)}`;
      if (!found.has(key)) found.set(key, { kind: kind as Reference['kind'], paths });
    }
  }
  return [...found.values()];
}

function withAndWithoutPunctuation(path: string): string[] {
  const paths = [path];
  for (let rest = path; paths.length <= MAX_TRIMMED && PUNCTUATION.has(rest.slice(-1));) {
    rest = rest.slice(0, -1);
    // What is left of ".." or "a/.." would be another directory.
    if (rest === '' || rest.endsWith('.') || rest.endsWith('/')) break;
    paths.push(rest);
  }
  return paths;
}
