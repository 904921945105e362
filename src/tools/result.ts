import { cutText } from '../common/text.js';
import { isDeeperThan, MAX_JSON_DEPTH } from './depth.js';
import { type TextPart, textResult, ToolError } from './tool.js';

/** A tool's result, as an event can hold it. */
export interface ToolResult {
  /** JSON; null for an undefined result. */
  readonly content: unknown;
  /** Bytes of the content as JSON. */
  readonly bytes: number;
}

const NOTE = '\n[… the rest was cut: the result is too long. Ask for less of it, or for a part.]';

/**
 * Bounds a result to `maxBytes` of JSON. A text, or a list of text parts, is cut there; any other longer value
 * becomes the head of its JSON as a text. A cut result ends with a note.
 * @throws ToolError for a value that is no JSON, or nested too deep
 */
export function boundResult(name: string, content: unknown, maxBytes: number): ToolResult {
  // A text far beyond the bound is cut before it is copied: it may be hundreds of megabytes.
  const given = textLength(content) > maxBytes ? cut(content, maxBytes) : content;
  if (isDeeperThan(given, MAX_JSON_DEPTH)) {
    throw new ToolError(`${name} gave a result that is nested more than ${MAX_JSON_DEPTH} levels deep.`);
  }
  const json = toJson(name, given);
  if (json === undefined) return { content: null, bytes: 4 };
  const bytes = Buffer.byteLength(json);
  if (bytes <= maxBytes) return { content: given, bytes };
  const shorter = cut(textLength(given) > 0 ? given : json, maxBytes);
  return { content: shorter, bytes: bytesOf(shorter) };
}

function toJson(name: string, content: unknown): string | undefined {
  try {
    return JSON.stringify(content);
  } catch (error) {
    throw new ToolError(`${name} gave a result that is no JSON: ${(error as Error).message.split('\n')[0]}`);
  }
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Characters of a text or of text parts; 0 for anything else. */
function textLength(content: unknown): number {
  if (typeof content === 'string') return content.length;
  return isTextParts(content) ? content.reduce((sum, { text }) => sum + text.length, 0) : 0;
}

function isTextParts(content: unknown): content is readonly TextPart[] {
  return (
    Array.isArray(content) &&
    content.every((part: unknown) => typeof (part as { text?: unknown } | null)?.text === 'string')
  );
}

/** Head of a text or of text parts, with the note. */
function cut(content: unknown, maxBytes: number): unknown {
  const room = Math.max(0, maxBytes - bytesOf(textResult(NOTE)));
  if (typeof content === 'string') return headOf(content, room) + NOTE;
  const kept: TextPart[] = [];
  let left = room;
  for (const part of content as readonly TextPart[]) {
    const frame = bytesOf({ ...part, text: '' });
    const whole = { ...part, text: headOf(part.text, left - frame) };
    left -= bytesOf(whole) + 1;
    if (left < 0) break;
    kept.push(whole);
    if (whole.text.length < part.text.length) break;
  }
  return [...kept, ...textResult(NOTE)];
}

/** Head of a text that takes at most `maxBytes` as JSON. No character is cut in half. */
export function headOf(text: string, maxBytes: number): string {
  let head = cutText(text, maxBytes);
  for (let bytes = bytesOf(head); bytes > maxBytes && head !== ''; bytes = bytesOf(head)) {
    head = cutText(head, Math.floor(head.length * (maxBytes / bytes) * 0.99));
  }
  return head;
}
