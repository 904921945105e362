import { type Fields, fieldsOf, textOf } from './fields.js';

/** Texts and thoughts of a message's content, in order. */
export interface ContentReader {
  text(delta: string): void;
  thought(delta: string): void;
}

/**
 * Reads content that is a list of parts, or one part: texts, thinking (Mistral, whose thinking is a list of texts
 * again), refusals. Parts of other types hold nothing to be shown.
 */
export function readContent(content: unknown, reader: ContentReader): void {
  for (const part of Array.isArray(content) ? (content as unknown[]) : [content]) {
    const fields = fieldsOf(part);
    if (!fields) continue;
    const thought = fields['thinking'] ?? fields['reasoning'];
    if (thought !== undefined) reader.thought(joined(thought));
    else reader.text(textIn(fields));
  }
}

const textIn = (part: Fields): string => textOf(part['text']) || textOf(part['refusal']);

function joined(thought: unknown): string {
  if (!Array.isArray(thought)) return textOf(thought);
  return thought.map((part) => textIn(fieldsOf(part) ?? {})).join('');
}
