import type { QueryContent } from '../events/index.js';

/** A file or a directory of the workspace that a query names. */
export interface Reference {
  readonly kind: 'file' | 'dir';
  /** Candidate paths of the reference, in the order in which they are tried; at least one. */
  readonly paths: readonly string[];
}

/** References; no file system has longer paths than 4,096 characters. */
const REFERENCE = /(?<![\w@])@(file|dir):(?:"([^"\n]{1,4096})"|([^\s"]\S{0,4095}))/g;
/** Maximum of mentions that are read: no user types more. */
const MAX_MENTIONS = 10_000;

/** Punctuation that may follow a path in a sentence. */
const PUNCTUATION = new Set('.,;:!?\'"`)]}>*…’”»。，、；：！？）】」』》');
const MAX_TRIMMED = 8;

/** Whether a text may contain references: a cheap test before the regular expression. */
export const mayRefer = (text: string): boolean => text.includes('@file:') || text.includes('@dir:');

/** All texts of a query, without the images. */
export function textsOf(content: QueryContent): string[] {
  if (typeof content === 'string') return [content];
  return content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
}

/**
 * The references in the first 10,000 mentions of some texts, each once: `@file:src/a.ts` and `@dir:src` end at a blank,
 * `@file:"my notes.txt"` at the quote. Punctuation after a path may belong to the path or to the sentence.
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
    // A path such as ".." or "a/.." would name another directory if it were shortened.
    if (rest === '' || rest.endsWith('.') || rest.endsWith('/')) break;
    paths.push(rest);
  }
  return paths;
}
