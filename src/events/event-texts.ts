/** A text in an event's JSON: the bytes between its quotes. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
  /** Length of the decoded text, in UTF-16 code units. */
  readonly length: number;
}

/** A top-level field of the event: the bytes of its value. */
export interface FieldSpan {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const U = 0x75;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Finds the fields and the long texts in an event's JSON text without parsing it: an event of many megabytes is
 * mostly a few long texts, and parsing it would block the event loop and take its size in memory again. The JSON is
 * as `JSON.stringify` writes it, without white space.
 */
export class EventTexts {
  /** Texts longer than asked for, in their order; keys are not included. */
  readonly long: TextSpan[] = [];
  readonly fields: FieldSpan[] = [];
  private at = 0;
  private depth = 0;
  /** Start of the text that is being read. */
  private open: number | undefined;
  private length = 0;
  private field: { readonly name: string; readonly start: number } | undefined;

  /** @param longer length beyond which a text is long, in UTF-16 code units */
  constructor(
    private readonly json: Buffer,
    private readonly longer: number,
  ) {}

  /** Reads on for about `bytes`. @returns whether the end was reached */
  read(bytes = Infinity): boolean {
    const stop = Math.min(this.json.length, this.at + bytes);
    while (this.at < stop) {
      if (this.open === undefined) this.readStructure(stop);
      else this.readText(this.open, stop);
    }
    return this.at >= this.json.length;
  }

  private readStructure(stop: number): void {
    const { json } = this;
    while (this.at < stop) {
      const byte = json[this.at];
      if (byte === QUOTE) {
        this.at += 1;
        this.open = this.at;
        this.length = 0;
        return;
      }
      if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.depth += 1;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) this.depth -= 1;
      if (this.depth === 0 || (this.depth === 1 && byte === COMMA)) this.closeField();
      this.at += 1;
    }
  }

  private readText(start: number, stop: number): void {
    const { json } = this;
    let { at, length } = this;
    while (at < stop) {
      const byte = json[at] as number;
      if (byte === QUOTE) {
        this.closeText({ start, end: at, length });
        this.open = undefined;
        at += 1;
        break;
      }
      length += unitsOf(byte);
      at += byte === BACKSLASH ? escapeAt(json, at) : 1;
    }
    this.at = at;
    this.length = length;
  }

  private closeText(text: TextSpan): void {
    if (this.json[text.end + 1] !== COLON) {
      if (text.length > this.longer) this.long.push(text);
    } else if (this.depth === 1) {
      this.field = { name: this.json.toString('utf8', text.start, text.end), start: text.end + 2 };
    }
  }

  private closeField(): void {
    if (this.field) this.fields.push({ ...this.field, end: this.at });
    this.field = undefined;
  }
}

/** End of a text within `bytes`: never inside a character. */
export function endWithin(json: Buffer, start: number, end: number, bytes: number): number {
  const most = Math.min(end, start + Math.max(0, bytes));
  let at = start;
  for (
    let next = at;
    next <= most;
    next += json[next] === BACKSLASH ? escapeAt(json, next) : widthOf(json[next] ?? 0)
  ) {
    at = next;
    if (at === end) break;
  }
  return at;
}

/** Decoded text of a range of JSON. */
export function decode(json: Buffer, start = 0, end = json.length): string {
  return JSON.parse(`"${json.toString('utf8', start, end)}"`) as string;
}

/** UTF-16 code units of the character that a first byte begins; 0 for the other bytes. */
function unitsOf(byte: number): number {
  if (byte < 0x80) return 1;
  if (byte < 0xc0) return 0;
  return byte < 0xf0 ? 1 : 2;
}

const escapeAt = (json: Buffer, at: number): number => (json[at + 1] === U ? 6 : 2);

function widthOf(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
