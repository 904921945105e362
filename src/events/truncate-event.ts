import type { Truncated } from './event.types.js';
import { endWithin, type EventTexts, type FieldSpan, QUOTE } from './event-texts.js';

/** Texts of up to so many characters are never cut, but where there is no other way. */
export const MIN_TEXT = 200;
/** Bytes that the note of a cut takes. */
const MARKER_BYTES = 60;
/** Left free: with what a transport adds, the frame alone must not be more than a reader may leave unread. */
const SPARE = 1_000;

/**
 * An event's JSON in at most `limit` bytes: with its long texts cut, or, where no single text is long, with the head
 * of its content as text. A field `truncated` comes last.
 * @param texts what has been found in `json`: its texts of more than {@link MIN_TEXT} characters
 */
export function cutEvent(json: Buffer, texts: EventTexts, truncated: Truncated, limit: number): string {
  const tail = `,"truncated":${JSON.stringify(truncated)}}`;
  const room = limit - Buffer.byteLength(tail) - SPARE;
  return `${withLongTextsCut(json, texts, room) ?? headOf(json, texts.fields, room)}${tail}`;
}

/** The JSON with long texts cut, without its last brace; undefined when it cannot be short enough. */
function withLongTextsCut(json: Buffer, { long }: EventTexts, room: number): string | undefined {
  const others = long.reduce((bytes, { start, end }) => bytes - (end - start), json.length - 1);
  const keep = Math.floor((room - others) / Math.max(1, long.length)) - MARKER_BYTES;
  if (keep < 0 || long.length === 0) return undefined;
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, length } of long) {
    parts.push(json.toString('utf8', at, start), cutText(json, start, end, length, keep));
    at = end;
  }
  return parts.join('') + json.toString('utf8', at, json.length - 1);
}

/** The fields that fit, without the last brace; long ones as a head. */
function headOf(json: Buffer, fields: readonly FieldSpan[], room: number): string {
  const content = fields.find(({ name }) => name === 'content');
  let left = room - '{"content":""'.length;
  const kept = new Map<FieldSpan, string>();
  for (const field of fields) {
    const value = field === content ? undefined : shortened(json, field, left / 4);
    if (value === undefined) continue;
    kept.set(field, value);
    left -= Buffer.byteLength(value) + Buffer.byteLength(field.name) + 4;
  }
  if (content) kept.set(content, headOfContent(json, content, left - MARKER_BYTES));
  const inOrder = fields.filter((field) => kept.has(field));
  return `{${inOrder.map((field) => `"${field.name}":${kept.get(field)}`).join(',')}`;
}

function shortened(json: Buffer, { name, start, end }: FieldSpan, most: number): string | undefined {
  if (end - start <= most) return json.toString('utf8', start, end);
  if (name === 'arguments') return '{}';
  const keep = Math.min(MIN_TEXT, most - MARKER_BYTES);
  const isText = json[start] === QUOTE && keep > 0;
  return isText ? `"${cutText(json, start + 1, end - 1, end - start - 2, keep)}"` : undefined;
}

function headOfContent(json: Buffer, { start, end }: FieldSpan, bytes: number): string {
  if (end - start <= bytes) return json.toString('utf8', start, end);
  if (json[start] === QUOTE) return `"${cutText(json, start + 1, end - 1, end - start - 2, bytes)}"`;
  const head = json.toString('utf8', start, endWithin(json, start, end, bytes));
  const text = Buffer.from(JSON.stringify(head).slice(1, -1));
  const length = text.length + end - start - Buffer.byteLength(head);
  return `"${cutText(text, 0, text.length, length, bytes)}"`;
}

/**
 * Head of a text, still as JSON, and the number of characters left out. An image is left out whole: cut, it would be
 * broken.
 */
function cutText(json: Buffer, start: number, end: number, length: number, bytes: number): string {
  if (end - start <= bytes) return json.toString('utf8', start, end);
  if (json.toString('latin1', start, start + 5) === 'data:') return `data:,[${length} characters left out]`;
  const stop = endWithin(json, start, end, bytes);
  const head = json.toString('utf8', start, stop);
  const left = length - (JSON.parse(`"${head}"`) as string).length;
  return `${head}\\n[… ${left} more characters]`;
}
