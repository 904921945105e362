import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server of a test's own, on any free port: what the stubs of models, providers, images and pages build on. */
export abstract class StubServer {
  protected readonly server = http.createServer((req, res) => void this.handle(req, res));

  protected abstract handle(req: http.IncomingMessage, res: http.ServerResponse): void | Promise<void>;

  /** @param host its address; all of this machine's when undefined */
  async listen(host: string | undefined = '127.0.0.1', port = 0): Promise<this> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Hangs up on everybody. */
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

export async function bytesOf(req: http.IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Requests in the order in which they came. */
export class Requests<Request> {
  readonly all: Request[] = [];
  private readonly waiting: ((request: Request) => void)[] = [];

  add(request: Request): void {
    this.all.push(request);
    this.waiting.shift()?.(request);
  }

  /** Resolves with the next request that comes. */
  next(): Promise<Request> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  get last(): Request {
    const last = this.all.at(-1);
    if (!last) throw new Error('No request has come.');
    return last;
  }

  /** All that have come since the last call: each may be large. */
  take(): Request[] {
    return this.all.splice(0);
  }
}
