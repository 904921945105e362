import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** The head of an answer, and its body unless that is a stream without an end. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; what comes twice is joined by a comma. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export type RawHeaders = readonly (readonly [name: string, value: string])[];

export interface RawRequest {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly headers?: RawHeaders;
  readonly body?: string | Buffer;
}

const HEAD_END = '\r\n\r\n';

/** A request as bytes, with exactly these headers: client libraries would mend them. */
export function toBytes({
  method = 'GET',
  target = '/',
  version = '1.1',
  headers = [],
  body,
}: RawRequest): Buffer {
  const lines = [
    `${method} ${target} HTTP/${version}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const bytes = body === undefined ? undefined : Buffer.from(body);
  if (bytes) lines.push(`Content-Length: ${bytes.length}`);
  return Buffer.concat([Buffer.from(lines.join('\r\n') + HEAD_END, 'latin1'), bytes ?? Buffer.alloc(0)]);
}

/** Answers to what was written into a bare TCP connection. */
export class RawConnection {
  private received = Buffer.alloc(0);
  private closed = false;
  private wake: () => void = () => undefined;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    socket.on('error', () => undefined); // a reset: 'close' follows
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  /** @param from the address that it comes from, such as 127.0.0.2 */
  static async open(port: number, host = '127.0.0.1', from?: string): Promise<RawConnection> {
    const socket = connect({ port, host, localAddress: from });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  write(bytes: Buffer | string): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /**
   * The next answer; undefined when the connection is closed before it is complete.
   * @param method of the request: an answer to HEAD has no body, whatever length it names
   */
  async answer(method = 'GET'): Promise<RawAnswer | undefined> {
    for (;;) {
      const parsed = parse(this.received, this.closed, method === 'HEAD');
      if (parsed) {
        this.received = this.received.subarray(parsed.length);
        if (parsed.answer.status !== 100) return parsed.answer;
      } else if (this.closed) {
        return undefined;
      } else {
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    }
  }

  /** Resolves when a text has come that was not in an answer before. */
  async until(text: string): Promise<void> {
    while (!this.received.includes(text)) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  /** All that has come, and no answer holds, when the server has closed the connection. */
  async everything(): Promise<string> {
    while (!this.closed) await new Promise<void>((resolve) => (this.wake = resolve));
    return this.received.toString();
  }

  /** Sends nothing more; what was asked may still be answered. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  get isOpen(): boolean {
    return !this.closed && !this.socket.destroyed;
  }
}

/** One request on a connection of its own. */
export async function sendRaw(port: number, request: RawRequest | Buffer): Promise<RawAnswer> {
  const connection = await RawConnection.open(port);
  connection.write(Buffer.isBuffer(request) ? request : toBytes(request));
  const answer = await connection.answer();
  connection.destroy();
  if (!answer) throw new Error('The connection was closed without an answer.');
  return answer;
}

function parse(
  bytes: Buffer,
  closed: boolean,
  isHead: boolean,
): { answer: RawAnswer; length: number } | undefined {
  const headLength = bytes.indexOf(HEAD_END);
  if (headLength < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headLength).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  const headers = toRecord(lines);
  const start = headLength + HEAD_END.length;
  const body = isHead ? { text: '', length: 0 } : bodyOf(bytes.subarray(start), status, headers, closed);
  return body && { answer: { status, headers, body: body.text }, length: start + body.length };
}

function toRecord(lines: readonly string[]): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {};
  for (const line of lines) {
    const at = line.indexOf(':');
    const name = line.slice(0, at).toLowerCase();
    const value = line.slice(at + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}

function bodyOf(
  bytes: Buffer,
  status: number,
  headers: RawAnswer['headers'],
  closed: boolean,
): { text: string; length: number } | undefined {
  const isEndless = headers['content-type']?.startsWith('text/event-stream');
  if (status < 200 || status === 204 || status === 304 || isEndless) return { text: '', length: 0 };
  if (headers['transfer-encoding'] === 'chunked') return chunksOf(bytes);
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
  if (length === undefined) return closed ? { text: bytes.toString(), length: bytes.length } : undefined;
  return bytes.length < length ? undefined : { text: bytes.toString('utf8', 0, length), length };
}

function chunksOf(bytes: Buffer): { text: string; length: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const start = lineEnd + 2;
    if (bytes.length < start + size + 2) return undefined;
    if (size === 0) return { text: Buffer.concat(chunks).toString(), length: start + 2 };
    chunks.push(bytes.subarray(start, start + size));
    at = start + size + 2;
  }
}
