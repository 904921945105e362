import type { INestApplicationContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { type DoorRules, guardDoor } from '../common/front-door.js';
import type { Server as HttpServer } from 'node:http';
import type { Server, ServerOptions } from 'socket.io';
import { boundBacklogs } from './backlog.js';

/**
 * Socket.IO, behind the door of the HTTP server: its own `cors` option does not cover WebSocket upgrades, and
 * `allowRequest` covers handshakes only. A message may hold the images of a query: as much as a request's body.
 */
export class SocketAdapter extends IoAdapter {
  constructor(
    app: INestApplicationContext,
    private readonly maxMessageBytes: number,
    private readonly door: DoorRules,
  ) {
    super(app);
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const server = super.createIOServer(port, {
      ...options,
      maxHttpBufferSize: this.maxMessageBytes,
      serveClient: true,
    } as ServerOptions);
    if (port !== 0) guardDoor(server.httpServer as HttpServer, this.door); // an extension's, on a port of its own
    boundBacklogs(server);
    return server;
  }
}
