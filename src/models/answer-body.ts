import type { UnderlyingSource } from 'node:stream/web';
import type { StreamDialect } from './stream-dialects.js';
import { requireFewValues } from './json.js';
import { LineBuffer } from './line-buffer.js';

/** How long an answer that has said its end may keep its connection open without an event, in milliseconds. */
const GRACE_MS = 3_000;

/**
 * The body of an answer in whole lines. Of a stream whose dialect is known it ends with the answer: at its last event,
 * whatever the connection does then, and at the end of the connection (or {@link GRACE_MS} later, if it stays open) once
 * the answer has said its end.
 */
export class AnswerBody implements UnderlyingSource<Uint8Array> {
  private readonly lines = new LineBuffer();
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private readonly encoder = new TextEncoder();
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Characters of the current event; an empty line ends the event. */
  private length = 0;
  private end: ReturnType<StreamDialect['endIn']>;

  /** @param limit of characters in an event */
  constructor(
    body: ReadableStream<Uint8Array>,
    private readonly limit: number,
    private readonly dialect: StreamDialect | undefined,
  ) {
    this.reader = body.getReader();
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      while (!(await this.pass(controller))) continue;
    } catch (error) {
      this.hangUp(error);
      throw error;
    }
  }

  cancel(reason: unknown): Promise<void> {
    return this.reader.cancel(reason);
  }

  /** Passes on the next bytes. @returns whether there were whole lines in them, or the end */
  private async pass(controller: ReadableStreamDefaultController<Uint8Array>): Promise<boolean> {
    const bytes = await this.next();
    const lines = this.lines.push(this.decoder.decode(bytes, { stream: bytes !== undefined }));
    let text = this.read(lines);
    if (!bytes) text += this.rest();
    if (text !== '') controller.enqueue(this.encoder.encode(text));
    if (bytes && this.end !== 'ended') return text !== '';
    controller.close();
    this.hangUp('the answer has ended');
    return true;
  }

  /** Checks whole lines. @returns those up to the end of the answer, with their line ends */
  private read(lines: readonly string[]): string {
    let text = '';
    for (const line of lines) {
      this.check(line);
      text += `${line}\n`;
      if (this.end === 'ended') return `${text}\n`; // the empty line that ends the event, too
    }
    return text;
  }

  /** The line without an end at the end of the connection, and what the answer lacks then. */
  private rest(): string {
    const line = this.lines.end();
    this.check(line);
    return this.dialect && this.end === 'said' ? `${line}\n\n${this.dialect.closing}` : line;
  }

  private check(line: string): void {
    requireFewValues(line);
    this.length = line === '' ? 0 : this.length + line.length;
    if (this.length > this.limit) throw new SyntaxError(`it has no end after ${this.limit} characters`);
    if (this.dialect && line.startsWith('data:')) this.end = this.dialect.endIn(line.slice(5)) ?? this.end;
  }

  /** The next bytes; undefined at the end. A break of the connection behind the answer's end is none. */
  private async next(): Promise<Uint8Array | undefined> {
    const read = this.reader.read();
    if (this.end !== 'said') return (await read).value;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, GRACE_MS, undefined)));
    const bytes = read.then(({ value }) => value).catch(() => undefined);
    return Promise.race([bytes, grace]).finally(() => clearTimeout(timer));
  }

  private hangUp(reason: unknown): void {
    this.reader.cancel(reason).catch(() => undefined); // it may have broken already
  }
}
