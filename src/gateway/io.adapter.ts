import type { INestApplicationContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Server, ServerOptions } from 'socket.io';
import { type Access, headersOf } from '../auth/index.js';
import type { DomainError } from '../common/errors.js';
import { type DoorRules, refusal } from '../common/front-door.js';
import { endWithError, sendError } from '../common/plain-answer.js';
import { guardSockets, handshakeRefusal } from './socket-guard.js';

export interface SocketOptions {
  readonly maxMessageBytes: number;
  readonly door: DoorRules;
  /** Without it nobody is asked for a token. */
  readonly access?: Access;
}

/** How long a connection may be in no namespace: until then nothing is known of who it is. */
const STRANGER_MS = 10_000;

/**
 * Socket.IO behind the same doors as every request: its own `cors` option does not cover WebSocket upgrades. A
 * message may hold the images of a query: as much as a request's body.
 */
export class SocketAdapter extends IoAdapter {
  constructor(
    app: INestApplicationContext,
    private readonly own: SocketOptions,
  ) {
    super(app);
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const { maxMessageBytes, door, access } = this.own;
    const io = super.createIOServer(port, {
      ...options,
      maxHttpBufferSize: maxMessageBytes,
      ...(access && { connectTimeout: STRANGER_MS }),
      allowRequest: (req, answer) => {
        const refused = refusal(req, door) ?? (access && handshakeRefusal(req, access));
        if (refused) refuse(req, refused);
        else answer(undefined, true);
      },
      serveClient: true,
    } as ServerOptions);
    if (access) {
      guardSockets(io, access);
      guardScript(io.httpServer as HttpServer, access);
    }
    return io;
  }
}

/** engine.io itself would answer with 403, or 400 to an upgrade, whatever the reason. */
function refuse(req: IncomingMessage & { readonly res?: ServerResponse }, error: DomainError): void {
  if (req.res) sendError(req.res, error, headersOf(error));
  else endWithError(req.socket, error, headersOf(error));
}

/** Socket.IO sends its client's script before anybody else sees the request. */
function guardScript(http: HttpServer, access: Access): void {
  const listeners = http.listeners('request');
  http.removeAllListeners('request');
  http.on('request', (req: IncomingMessage, res: ServerResponse) => {
    try {
      if (/^\/socket\.io\/[^?]/.test(req.url ?? '')) access.admit(req);
    } catch (error) {
      return sendError(res, error as DomainError, headersOf(error as DomainError));
    }
    for (const listener of listeners) Reflect.apply(listener, http, [req, res]);
  });
}
