import { type NestApplicationOptions, StreamableFile } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { Express, Response } from 'express';
import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';
import { gzipped, prefersGzip } from './compression.js';
import { listenOn, listenOnSecondLoopback } from './listen.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Express as Nest drives it, with four differences. The server makes Express' requests and responses itself (decision
 * 15). JSON is written as it is: Express' own `res.json` hashes each answer for an ETag and looks its type up several
 * times, which costs a short answer more than all the rest of it. Longer JSON is compressed. And it listens on this
 * machine's second loopback address too: browsers may take either for "localhost".
 */
export class ExpressHttpAdapter extends ExpressAdapter {
  private readonly open = new Set<Socket>();
  private second: NetServer | undefined;

  override initHttpServer({ forceCloseConnections }: NestApplicationOptions): void {
    const server = createExpressServer(this.getInstance<Express>());
    if (forceCloseConnections) {
      server.on('connection', (socket) => {
        if (this.open.has(socket)) return; // the door has given it back
        this.open.add(socket);
        socket.once('close', () => this.open.delete(socket));
      });
    }
    this.httpServer = server;
  }

  /**
   * Not by `listen`: Nest logs every port it finds taken as an error of its own.
   * @param port `'auto'` takes the first free one from 8888
   * @throws CannotListen
   */
  async listenOn(port: number | 'auto', host: string): Promise<void> {
    const http = this.getHttpServer() as Server;
    const isLocal = host === '127.0.0.1' || host.toLowerCase() === 'localhost';
    const taken = await listenOn(http, port, isLocal ? '127.0.0.1' : host);
    if (isLocal) this.second = await listenOnSecondLoopback(http, taken);
  }

  override async close(): Promise<void> {
    this.second?.close(); // its connections are the server's own, and end with them
    this.second = undefined;
    for (const socket of this.open) socket.destroy();
    await super.close();
  }

  override reply(response: Response, body: unknown, statusCode?: number): unknown {
    const json = toJson(response, body);
    if (json === undefined) return super.reply(response, body, statusCode) as unknown;
    if (statusCode !== undefined) response.statusCode = statusCode;
    response.setHeader('content-type', JSON_TYPE);
    const length = Buffer.byteLength(json);
    if (prefersGzip(response, length)) return endCompressed(response, json);
    response.setHeader('content-length', length);
    return response.end(json);
  }
}

async function endCompressed(response: Response, json: string): Promise<void> {
  const body = await gzipped(response, json);
  response.setHeader('content-length', body.length);
  response.end(body);
}

/** The answer's JSON text; undefined where it is something else than JSON. */
function toJson(response: Response, body: unknown): string | undefined {
  if (typeof body === 'string') return response.getHeader('content-type') === JSON_TYPE ? body : undefined;
  if (typeof body !== 'object' || body === null) return undefined;
  if (body instanceof StreamableFile || body instanceof Error) return undefined;
  return JSON.stringify(body);
}

/**
 * An HTTP server for an Express application whose requests and responses are Express' own from their birth. Express
 * otherwise changes the prototype of each of them, and V8 runs whatever uses such an object without its caches: a
 * short answer costs two to four times as much.
 */
export function createExpressServer(app: Express): Server {
  try {
    const classes = classesOf(app);
    new classes.ServerResponse(new classes.IncomingMessage(undefined as unknown as Socket));
    return createServer(classes, app);
  } catch {
    return createServer(app); // Node's own have become classes, which cannot be called: slower, and right
  }
}

// Functions that call the base, not `class … extends`: their prototype has to be the application's own object.
function classesOf(app: Express): {
  IncomingMessage: typeof IncomingMessage;
  ServerResponse: typeof ServerResponse;
} {
  function Request(this: IncomingMessage, socket: Socket) {
    call(IncomingMessage, this, socket);
  }
  Request.prototype = app.request;
  function Response(this: ServerResponse, ...args: unknown[]) {
    call(ServerResponse, this, ...args);
  }
  Response.prototype = app.response;
  return {
    IncomingMessage: Request as unknown as typeof IncomingMessage,
    ServerResponse: Response as unknown as typeof ServerResponse,
  };
}

function call(constructor: unknown, self: object, ...args: unknown[]): void {
  (constructor as (...args: unknown[]) => void).call(self, ...args);
}
