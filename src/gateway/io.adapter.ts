import type { INestApplicationContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Server, ServerOptions } from 'socket.io';
import type { AccessControl } from '../auth/index.js';
import type { DomainError } from '../common/errors.js';
import { type OriginPolicy, guardServer } from '../http/origin-policy.js';
import type { Gate } from '../http/gate.js';
import { rejectSocket, writeError } from '../http/error-response.js';
import { REQUEST_ID, requestIdOf } from '../http/request-id.js';
import { boundBacklogs } from './backpressure.js';
import { Handshakes } from './handshakes.js';
import { guardSockets, handshakeRefusal, limitSockets } from './socket-guard.js';

export interface SocketOptions {
  readonly door: OriginPolicy;
  readonly gate: Gate;
  /** Without it nobody is asked for a token. */
  readonly access: AccessControl | undefined;
}

/** How long a connection may be in no namespace: until then nothing is known of who it is. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Socket.IO, behind the door of the HTTP server: its own `cors` option does not cover WebSocket upgrades, and
 * `allowRequest` covers handshakes only. There the token is looked at, where it comes in a header.
 */
export class SocketAdapter extends IoAdapter {
  constructor(
    app: INestApplicationContext,
    private readonly own: SocketOptions,
  ) {
    super(app);
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const { door, gate, access } = this.own;
    const handshakes = new Handshakes(gate);
    const io = super.createIOServer(port, {
      ...options,
      maxHttpBufferSize: gate.limits.rules.messageBytes,
      connectTimeout: CONNECT_TIMEOUT_MS,
      allowRequest: (req, answer) => {
        const refused = (access && handshakeRefusal(req, access)) ?? handshakes.refusal(req);
        if (refused) refuse(req, refused);
        else answer(undefined, true);
      },
      serveClient: true,
      destroyUpgrade: false, // the door sees to upgrades that nobody claims
    } as ServerOptions);
    if (port !== 0) guardServer(io.httpServer as HttpServer, door, { gate }); // an extension's, on a port of its own
    if (access) {
      guardSockets(io, access);
      guardScript(io.httpServer as HttpServer, access);
    }
    handshakes.follow(io);
    limitSockets(io, gate.limits, handshakes);
    boundBacklogs(io);
    return io;
  }
}

/** engine.io itself would answer with 403, or 400 to an upgrade, whatever the reason. */
function refuse(req: IncomingMessage & { readonly res?: ServerResponse }, error: DomainError): void {
  if (req.res) writeError(req.res, error);
  else rejectSocket(req.socket, error, { [REQUEST_ID]: requestIdOf(req) });
}

/** Socket.IO sends its client's script before anybody else sees the request. */
function guardScript(http: HttpServer, access: AccessControl): void {
  const listeners = http.listeners('request');
  http.removeAllListeners('request');
  http.on('request', (req: IncomingMessage, res: ServerResponse) => {
    try {
      if (/^\/socket\.io\/[^?]/.test(req.url ?? '')) access.authenticateRequest(req);
    } catch (error) {
      return writeError(res, error as DomainError);
    }
    for (const listener of listeners) Reflect.apply(listener, http, [req, res]);
  });
}
