import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ignoreOffer } from '../http/upgrades.js';

export interface HandOverRules {
  /** Whether a request is for the own server. */
  readonly covers: (req: IncomingMessage) => boolean;
  /** Whether a connection may send its first request to the own server; a refused one has been answered. */
  readonly admits: (socket: Socket) => boolean;
}

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Hands a host server's requests for certain paths to a second HTTP server, which listens nowhere. The host's
 * middleware, parsers and upgrade listeners do not see them. All other requests stay with the host.
 */
export class HandOver {
  private readonly emit: Emit;
  private readonly admitted = new WeakSet<Socket>();
  /** Responses in progress. */
  private readonly answers = new Set<ServerResponse>();

  constructor(
    private readonly host: Server,
    private readonly own: Server,
    private readonly rules: HandOverRules,
  ) {
    this.emit = host.emit.bind(host) as Emit;
    host.emit = (event: string | symbol, ...args: unknown[]) => this.receive(event, args);
    host.on('upgrade', () => undefined); // Node tells of upgrades only where there is a listener
  }

  /** Takes a connection back, as if new. */
  readonly reconnect = (socket: Socket): void => {
    this.emit('connection', socket);
  };

  /** Lets the own server answer a request, on any path. */
  serve(req: IncomingMessage, res: ServerResponse): void {
    if (!this.mayStay(req.socket)) return;
    this.answers.add(res);
    res.once('close', () => this.answers.delete(res));
    for (const name of res.getHeaderNames()) res.removeHeader(name); // the host's, where it has seen the request
    this.own.emit('request', req, res);
  }

  /** Disconnects readers of unfinished responses: the host's server waits for each connection. */
  end(): void {
    for (const res of this.answers) if (!res.writableEnded || res.writableLength > 0) res.destroy();
  }

  private receive(event: string | symbol, args: unknown[]): boolean {
    const [req, second, head] = args as [IncomingMessage, unknown, Buffer];
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation':
        if (!this.rules.covers(req)) break;
        if (event === 'checkContinue') (second as ServerResponse).writeContinue();
        this.serve(req, second as ServerResponse);
        return true;
      case 'upgrade':
        return this.upgrade(req, second as Socket, head);
    }
    return this.emit(event, ...args);
  }

  private upgrade(req: IncomingMessage, socket: Socket, head: Buffer): boolean {
    if (this.rules.covers(req)) {
      if (this.mayStay(socket)) this.own.emit('upgrade', req, socket, head);
      return true;
    }
    if (this.host.listenerCount('upgrade') > 1) return this.emit('upgrade', req, socket, head);
    ignoreOffer(req, socket, head, this.reconnect); // as Node does without listeners for upgrades
    return true;
  }

  private mayStay(socket: Socket): boolean {
    if (this.admitted.has(socket)) return true;
    if (!this.rules.admits(socket)) return false;
    this.admitted.add(socket);
    return true;
  }
}
