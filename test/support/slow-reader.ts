import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A client that sends requests and takes nothing of what comes, until it is told to. */
export class SlowReader {
  private constructor(
    private readonly socket: Socket,
    /** Resolves when the connection is gone. */
    readonly closed: Promise<void>,
  ) {}

  static async open(url: string, ...requests: string[]): Promise<SlowReader> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.on('error', () => undefined); // a reset: 'close' follows
    await once(socket, 'connect');
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    for (const request of requests) socket.write(request);
    return new SlowReader(socket, closed);
  }

  /**
   * Takes all that comes until the connection ends, or until it ends as it should.
   * @param end its last characters
   * @param slowlyMs takes little at a time for so long
   */
  async read(end?: string, slowlyMs = 0): Promise<string> {
    const chunks: Buffer[] = [];
    const begun = Date.now();
    const enough = new Promise<void>((resolve) => {
      this.socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        const tail = Buffer.concat(chunks.slice(-2)).toString('latin1');
        if (end !== undefined && tail.endsWith(end)) resolve();
        if (Date.now() - begun < slowlyMs) this.takeBreath();
      });
    });
    this.socket.resume();
    await Promise.race([enough, this.closed]);
    return Buffer.concat(chunks).toString('latin1');
  }

  private takeBreath(): void {
    this.socket.pause();
    setTimeout(() => this.socket.resume(), 10);
  }

  leave(): void {
    this.socket.destroy();
  }
}

/** A request as it stands on the wire. @param more headers, each with its line end */
export function wire(method: 'GET' | 'POST', path: string, body?: object, more = ''): string {
  const json = body && JSON.stringify(body);
  const headers = json
    ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n`
    : '';
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${more}${headers}\r\n${json ?? ''}`;
}
