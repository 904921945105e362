import { createParser } from 'eventsource-parser';
import http from 'node:http';
import type { AnyEvent } from './client.js';

/**
 * How a reader's connection ends. `destroyed`: at once, with a reset. `half-closed`: it says that it sends no more
 * and reads on until the server hangs up. `left`: it says so and reads nothing more.
 */
export const SSE_CUTS = ['destroyed', 'half-closed', 'left'] as const;
export type SseCut = (typeof SSE_CUTS)[number];

export interface SseRequest {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** A frame as it came: the event, its text, and the `id:` line beside it. */
export interface Frame {
  readonly event: AnyEvent;
  readonly json: string;
  readonly id: string | undefined;
}

/** Server-Sent Events over a TCP connection of their own that can be cut, also at a byte of the answer's body. */
export class SseReader {
  /** Resolves with the head of the answer; rejects when the connection ends before. */
  readonly opened: Promise<http.IncomingMessage>;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  /** What came, if it is to be kept: an answer that is no stream always is. */
  text = '';
  /** The status of the answer, once there is one. */
  status: number | undefined;
  private readonly request: http.ClientRequest;
  private readonly decoder = new TextDecoder();
  private readonly parser;
  private received = 0;
  private deaf = false;

  /**
   * @param take is given each frame as it comes
   * @param cutAt cuts the connection in this way after so many bytes of the body; a frame that lies across that
   * byte does not come
   */
  constructor(
    url: string,
    { method = 'GET', path, headers, body }: SseRequest,
    take: (frame: Frame) => void,
    private readonly cutAt?: { readonly bytes: number; readonly how: SseCut },
    private readonly keepText = false,
  ) {
    this.parser = createParser({
      onEvent: ({ data, id }) => take({ event: JSON.parse(data) as AnyEvent, json: data, id }),
    });
    this.request = http.request(url + path, {
      method,
      agent: false,
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    });
    this.closed = new Promise((resolve) => this.request.once('close', resolve));
    this.opened = new Promise((resolve, reject) => {
      this.request.once('response', resolve);
      this.request.on('error', reject); // later a reset, which the test or the server has sent: `closed` tells
      this.request.once('close', () => reject(new Error('The connection ended without an answer.')));
    });
    this.opened.catch(() => undefined); // who cuts it does not wait for it
    this.request.once('response', (response) => this.read(response));
    this.request.end(body && JSON.stringify(body));
    if (cutAt?.bytes === 0) this.request.once('finish', () => this.cut(cutAt.how));
  }

  cut(how: SseCut): void {
    const { socket } = this.request;
    if (!socket || socket.connecting) {
      this.deaf = true;
      this.request.destroy();
    } else if (how === 'destroyed') {
      this.deaf = true;
      if (socket.writableEnded)
        socket.destroy(); // no reset while it says goodbye: libuv refuses that
      else socket.resetAndDestroy();
    } else {
      if (how === 'left') this.deaf = true;
      socket.end();
    }
  }

  private read(response: http.IncomingMessage): void {
    this.status = response.statusCode;
    response.on('error', () => undefined); // `closed` tells
    response.on('data', (chunk: Buffer) => this.hear(chunk));
  }

  private hear(chunk: Buffer): void {
    if (this.deaf) return;
    const { cutAt } = this;
    const before = this.received;
    this.received += chunk.length;
    if (!cutAt || before >= cutAt.bytes || this.received < cutAt.bytes) return this.feed(chunk);
    this.feed(chunk.subarray(0, cutAt.bytes - before));
    this.cut(cutAt.how);
    if (!this.deaf) this.feed(chunk.subarray(cutAt.bytes - before));
  }

  private feed(bytes: Buffer): void {
    const text = this.decoder.decode(bytes, { stream: true });
    if (this.keepText || this.status !== 200) this.text += text;
    this.parser.feed(text);
  }
}
