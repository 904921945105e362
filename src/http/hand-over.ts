import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ignoreOffer } from './upgrades.js';

export interface HandOverRules {
  /** Whether a request is for the own server. */
  readonly covers: (req: IncomingMessage) => boolean;
  /** Whether a connection may send its first request to the own server; a refused one has been answered. */
  readonly admits: (socket: Socket) => boolean;
}

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/** Node tells of upgrades only where there is a listener. */
const hearUpgrades = (): void => undefined;

/**
 * Hands a host server's requests for certain paths to a second HTTP server, which listens nowhere. The host's
 * middleware, parsers and upgrade listeners do not see them. All other requests stay with the host.
 */
export class HandOver {
  /** The host's `emit` as it was; bound. */
  private readonly emit: Emit;
  /** The host's own property `emit`, if it had one. */
  private readonly replaced: PropertyDescriptor | undefined;
  private readonly admitted = new WeakSet<Socket>();
  /** Responses in progress. */
  private readonly answers = new Set<ServerResponse>();
  private isReleased = false;

  constructor(
    private readonly host: Server,
    private readonly own: Server,
    private readonly rules: HandOverRules,
  ) {
    this.emit = host.emit.bind(host) as Emit;
    this.replaced = Object.getOwnPropertyDescriptor(host, 'emit');
  }

  /** Takes the requests from now on. */
  begin(): void {
    this.host.emit = this.receive;
    this.host.on('upgrade', hearUpgrades);
  }

  /** Leaves the host's server as it was before {@link begin}. */
  release(): void {
    const { host, replaced } = this;
    this.isReleased = true;
    host.off('upgrade', hearUpgrades);
    if (host.emit !== this.receive) return; // replaced again since then, on top of this one
    if (replaced) Object.defineProperty(host, 'emit', replaced);
    else Reflect.deleteProperty(host, 'emit');
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

  private readonly receive = (event: string | symbol, ...args: unknown[]): boolean => {
    if (this.isReleased) return this.emit(event, ...args);
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
  };

  private upgrade(req: IncomingMessage, socket: Socket, head: Buffer): boolean {
    if (this.rules.covers(req)) {
      if (this.mayStay(socket)) this.own.emit('upgrade', req, socket, head);
      return true;
    }
    if (this.host.listeners('upgrade').some((each) => each !== hearUpgrades))
      return this.emit('upgrade', req, socket, head);
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
