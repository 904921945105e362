import { requireFewValues } from '../json.js';
import { LineBuffer, MAX_LINE } from '../line-buffer.js';

/** Receives the events of a stream, in order. */
export interface EventReader {
  /** Data that is JSON: the value and its text. */
  json(value: unknown, type: string, text: string): void;
  /** Data that is no JSON, such as `[DONE]`. */
  text(data: string, type: string): void;
  /** A comment: the connection is alive. */
  comment(): void;
  /** A line that is no field of an event. Some servers write their errors like this. */
  stray(line: string): void;
}

const BYTE_ORDER_MARK = 0xfeff;
/** Fields that are ignored: those of the standard, and unknown ones, which servers may add. */
const IGNORED = /^(?!error:)[a-z][\w-]*:|^(?:data|event|id|retry)$/i;

/**
 * Splits a stream of Server-Sent Events with JSON data by the rules of the WHATWG (HTML standard, 9.2.6), with one
 * addition: a data line that is a whole JSON object is an event of its own, as some servers leave the empty lines out.
 */
export class EventStream {
  private readonly lines = new LineBuffer();
  private begun = false;
  private type = '';
  /** Data lines of the current event that are no JSON by themselves. */
  private data = '';

  constructor(private readonly reader: EventReader) {}

  /** @throws SyntaxError for a line or an event of more than 8,000,000 characters, or one with too many values */
  push(text: string): void {
    for (const line of this.lines.push(this.begun ? text : this.withoutMark(text))) this.line(line);
  }

  /** To be called at the end of the connection. An event that has not ended is dropped, unless it is whole JSON. */
  end(): void {
    const rest = this.lines.end();
    if (rest !== '') this.line(rest);
    this.dispatch(true);
  }

  private withoutMark(text: string): string {
    this.begun = text !== '';
    return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
  }

  private line(line: string): void {
    if (line.startsWith('data:')) this.dataLine(line.slice(line.charAt(5) === ' ' ? 6 : 5));
    else if (line === '') this.dispatch();
    else if (line.startsWith(':')) this.reader.comment();
    else if (line.startsWith('event:')) this.type = line.slice(6).trim();
    else if (!IGNORED.test(line)) this.reader.stray(line);
  }

  private dataLine(line: string): void {
    if (this.data === '') {
      const value = line.trimEnd().endsWith('}') ? parse(line) : undefined;
      if (value !== undefined) return this.reader.json(value, this.type, line);
      if (line.trim() === '[DONE]') return this.reader.text('[DONE]', this.type);
      this.data = line;
    } else {
      this.data += `\n${line}`;
      if (this.data.length > MAX_LINE)
        throw new SyntaxError(`an event has no end after ${MAX_LINE} characters`);
    }
  }

  private dispatch(atEnd = false): void {
    const { data, type } = this;
    this.data = this.type = '';
    if (data.trim() === '') return;
    const value = parse(data);
    if (value !== undefined) this.reader.json(value, type, data);
    else if (!atEnd || type === 'error') this.reader.text(data.trim(), type);
  }
}

/** The JSON value of a text; undefined for a text that is no JSON. */
function parse(text: string): unknown {
  requireFewValues(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the text may go on in the next line, or be an error in words
  }
}
