import type { Transformer } from 'node:stream/web';
import { requireFewValues } from './json.js';
import { LineBuffer, MAX_LINE } from './line-buffer.js';

/** Maximum of characters in an answer that is no stream: a title, or an error. */
const MAX_BODY = 1_000_000;

/**
 * `fetch` for the clients of the AI SDK, which buffer an event of any length and parse any JSON in it: this one gives
 * them whole lines of bounded events, and bounded answers that are no stream. The body fails with a SyntaxError if a
 * bound is exceeded.
 */
export const boundedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (!response.body) return response;
  const isStream = response.headers.get('content-type')?.includes('text/event-stream');
  const body = response.body.pipeThrough(new TransformStream(new WholeLines(isStream ? MAX_LINE : MAX_BODY)));
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers });
};

class WholeLines implements Transformer<Uint8Array, Uint8Array> {
  private readonly lines = new LineBuffer();
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private readonly encoder = new TextEncoder();
  /** Characters of the current event; an empty line ends the event. */
  private length = 0;

  constructor(private readonly limit: number) {}

  transform(bytes: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>): void {
    const lines = this.lines.push(this.decoder.decode(bytes, { stream: true }));
    if (lines.length === 0) return;
    for (const line of lines) this.take(line);
    controller.enqueue(this.encoder.encode(`${lines.join('\n')}\n`));
  }

  flush(controller: TransformStreamDefaultController<Uint8Array>): void {
    const rest = this.lines.end() + this.decoder.decode();
    this.take(rest);
    if (rest !== '') controller.enqueue(this.encoder.encode(rest));
  }

  private take(line: string): void {
    requireFewValues(line);
    this.length = line === '' || line === '\r' ? 0 : this.length + line.length;
    if (this.length > this.limit) throw new SyntaxError(`it has no end after ${this.limit} characters`);
  }
}
