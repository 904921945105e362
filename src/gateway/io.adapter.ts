import type { INestApplicationContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { type DoorRules, refusal } from '../common/front-door.js';
import type { Server, ServerOptions } from 'socket.io';
import { boundBacklogs } from './backlog.js';

/**
 * Socket.IO behind the same door as every request: its own `cors` option does not cover WebSocket upgrades. A
 * message may hold the images of a query: as much as a request's body.
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
      allowRequest: (req, answer) => {
        const refused = refusal(req, this.door);
        answer(refused?.message, refused === undefined);
      },
      serveClient: true,
    } as ServerOptions);
    boundBacklogs(server);
    return server;
  }
}
