import http from 'node:http';
import { io, type Socket } from 'socket.io-client';
import type { AnyEvent } from './client.js';
import { ticks } from './waiting.js';
import { type Ack, ask } from './sockets.js';

/**
 * How a client leaves. `disconnected`: it says so. `closed`: its transport is closed under it. `cut`: its TCP
 * connections are destroyed. `left`: it leaves the session and stays connected.
 */
export const SOCKET_CUTS = ['disconnected', 'closed', 'cut', 'left'] as const;
export type SocketCut = (typeof SOCKET_CUTS)[number];

/** `upgrade`: polling that becomes a websocket, as clients do by default. */
export const TRANSPORTS = {
  websocket: ['websocket'],
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
};
export type Transport = keyof typeof TRANSPORTS;

/** A Socket.IO client whose connection can be cut in every way. */
export class SocketLine {
  /** Resolves when the socket is no longer connected, whoever ended that; never for one that only left. */
  readonly closed: Promise<void>;
  readonly connected: Promise<void>;
  private readonly socket: Socket;
  /** A connection for each request: one that is used again makes the client repeat a request that was cut off. */
  private readonly agent = new http.Agent({ keepAlive: false });

  constructor(url: string, transport: Transport, take: (event: AnyEvent) => void) {
    this.socket = io(url, {
      transports: TRANSPORTS[transport],
      forceNew: true,
      reconnection: false,
      agent: this.agent as never, // the type knows of browsers only
    });
    this.socket.on('agent-event', take);
    this.connected = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
    this.connected.catch(() => undefined); // who cuts it while it connects does not wait for it
    this.closed = new Promise((resolve) => {
      this.socket.once('disconnect', () => resolve());
      this.socket.once('connect_error', () => resolve());
    });
  }

  /** Takes messages of another name than `agent-event`. */
  on(name: string, take: (message: AnyEvent) => void): void {
    this.socket.on(name, take);
  }

  /** Sends a message and waits for its acknowledgement. Rejects when the connection ends before. */
  ask(message: string, argument: unknown): Promise<Ack> {
    return ask(this.socket, message, argument);
  }

  /** Resolves when it is cut off: nothing more comes then. */
  async cut(how: Exclude<SocketCut, 'left'>): Promise<void> {
    if (this.socket.connected) {
      if (how === 'disconnected') this.socket.disconnect();
      else if (how === 'closed') this.socket.io.engine.close();
      else await this.destroy();
      await this.closed;
    }
    this.socket.removeAllListeners();
    this.socket.disconnect(); // one that was still connecting
    this.agent.destroy();
  }

  /** A polling client may have no request on its way right now: then the next one is destroyed. */
  private async destroy(): Promise<void> {
    let over = false;
    void this.closed.then(() => (over = true));
    for (let tries = 0; !over; tries++) {
      if (tries > 10_000) throw new Error('The socket does not notice that its connections were destroyed.');
      this.agent.destroy();
      const { transport } = this.socket.io.engine as unknown as {
        transport: { ws?: { _socket?: { destroy(): void } | null; terminate(): void } };
      };
      transport.ws?._socket?.destroy();
      await ticks(1);
    }
  }
}
