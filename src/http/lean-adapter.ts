import { type NestApplicationOptions, StreamableFile } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { Express, Response } from 'express';
import type { Socket } from 'node:net';
import { createExpressServer } from './express-server.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Express as Nest drives it, with two differences. The server makes Express' requests and responses itself
 * ({@link createExpressServer}). And JSON is written as it is: Express' own `res.json` hashes each answer for an ETag
 * and looks its type up several times, which costs a short answer more than all the rest of it.
 */
export class LeanExpressAdapter extends ExpressAdapter {
  private readonly open = new Set<Socket>();

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

  override async close(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    await super.close();
  }

  override reply(response: Response, body: unknown, statusCode?: number): unknown {
    const json = toJson(response, body);
    if (json === undefined) return super.reply(response, body, statusCode) as unknown;
    if (statusCode !== undefined) response.statusCode = statusCode;
    response.setHeader('content-type', JSON_TYPE);
    response.setHeader('content-length', Buffer.byteLength(json));
    return response.end(json);
  }
}

/** The answer's JSON text; undefined where it is something else than JSON. */
function toJson(response: Response, body: unknown): string | undefined {
  if (typeof body === 'string') return response.getHeader('content-type') === JSON_TYPE ? body : undefined;
  if (typeof body !== 'object' || body === null) return undefined;
  if (body instanceof StreamableFile || body instanceof Error) return undefined;
  return JSON.stringify(body);
}
