import type http from 'node:http';
import type { Socket } from 'node:net';
import { Requests, StubServer } from './stub-server.js';

/** A request as the images' server got it. */
export interface ImageRequest {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  /** The address of this server that it came to. */
  readonly address: string;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
}

/** The beginning of each format, and then anything. */
export const IMAGES = {
  'image/png': Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
    'base64',
  ),
  'image/jpeg': Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex'),
  'image/gif': Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64'),
  'image/webp': Buffer.from('UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==', 'base64'),
} as const;
export const PNG = IMAGES['image/png'];

type Answer = (res: http.ServerResponse, path: string) => void;

/** A server of images behind real HTTP, on every address of this machine, that answers as the test says. */
export class ImageStub extends StubServer {
  private readonly received = new Requests<ImageRequest>();
  /** Connections, of whatever kind. */
  connections = 0;
  answer: Answer = (res) => ImageStub.send(res, PNG);

  static start(): Promise<ImageStub> {
    const stub = new ImageStub();
    stub.server.on('connection', () => stub.connections++);
    return stub.listen('::');
  }

  static send(res: http.ServerResponse, bytes: Buffer, headers: http.OutgoingHttpHeaders = {}): void {
    res.writeHead(200, { 'content-type': 'image/png', 'content-length': bytes.length, ...headers });
    res.end(bytes);
  }

  static redirect(res: http.ServerResponse, location: string, status = 302): void {
    res.writeHead(status, { location }).end();
  }

  get requests(): readonly ImageRequest[] {
    return this.received.all;
  }

  /** `http://127.0.0.1:PORT/x.png`, or the same with another host. */
  url(path = '/x.png', host = '127.0.0.1'): string {
    return `http://${host}:${this.port}${path}`;
  }

  /** Resolves with the next request that comes. */
  request(): Promise<ImageRequest> {
    return this.received.next();
  }

  /** As it was at first: nothing seen, an image for everybody. */
  reset(): void {
    this.received.take();
    this.connections = 0;
    this.answer = (res) => ImageStub.send(res, PNG);
  }

  protected handle(req: http.IncomingMessage, res: http.ServerResponse): void {
    const closed = closeOf(req.socket);
    const { url: path = '', headers } = req;
    this.received.add({ path, headers, address: req.socket.localAddress ?? '', closed });
    this.answer(res, path);
  }
}

async function closeOf(socket: Socket): Promise<void> {
  socket.on('error', () => undefined); // a connection that is reset is gone too
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}
