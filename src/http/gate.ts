import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { addressOf, clientIdOf, hasClient, networkOf, setClientId } from './client-id.js';
import { UnknownConnections } from './connections.js';
import type { DomainError } from '../common/errors.js';
import type { Limits } from './limits.js';
import { Held } from './rate-limit.js';

/**
 * Asked before anybody is let in, so that a request with a token is counted apart from all without one. What differs
 * for a right one must not be seen by somebody who guesses: a wrong one has to count wherever it could be.
 */
export interface TokenReader {
  /** The id of the token by which the request would be let in; undefined without one. Holds nothing against anybody. */
  recognise(req: IncomingMessage): string | undefined;
  /** The request is refused by a limit: a wrong token in it counts, though nothing else will look at it. */
  unheard(req: IncomingMessage): void;
}

/**
 * Holds those whom the front door lets in to their share, before anything of a request is read. Where tokens are asked
 * for, whoever has none is a stranger: strangers share what is theirs, and take nothing from those who have one.
 */
export class Gate {
  private readonly held = new WeakMap<IncomingMessage, Held>();
  private readonly byConnection = new WeakMap<Socket, Set<Held>>();
  /** Of Socket.IO's connections that have told their token, by their id: their polls need not carry it. */
  private readonly sessions = new Map<string, string>();
  private readonly unknown: UnknownConnections;

  /**
   * @param behindProxy connections are those of the one proxy before this server: requests are counted instead
   * @param tokens absent where nobody is asked for a token
   */
  constructor(
    readonly limits: Limits,
    private readonly behindProxy: boolean,
    private readonly tokens?: TokenReader,
  ) {
    this.unknown = new UnknownConnections(limits.rules.connections);
  }

  /** Whether a new connection may stay; one that may not has been answered. */
  admits(socket: Socket): boolean {
    if (!this.tokens || this.behindProxy) return this.limits.admits(socket, this.behindProxy);
    this.unknown.add(socket);
    return true;
  }

  /**
   * Counts a request.
   * @param answer closes when the request is over: its response, or the connection that it turns into
   * @returns why it has to wait; undefined when it may go on
   */
  refusal(req: IncomingMessage, answer: EventEmitter): DomainError | undefined {
    const { tokens, limits, behindProxy } = this;
    if (!tokens && !behindProxy) return undefined; // connections are limited, and Express' requests by their rate
    const session = this.sessions.get(sessionIn(req));
    const token = session ?? tokens?.recognise(req);
    if (token !== undefined) setClientId(req, token);
    const held = new Held();
    try {
      if (this.isStranger(req)) this.countStranger(req, held);
      else if (session !== undefined || !isSocketIo(req)) this.moveConnection(req); // whose token is looked at for good
      if (behindProxy) held.add(limits.holdRequest(sharerOf(req)));
    } catch (error) {
      held.release();
      if (this.isStranger(req)) tokens?.unheard(req);
      return error as DomainError;
    }
    if (!held.isEmpty) this.keep(req, held, answer);
    return undefined;
  }

  /** Whether a request is by somebody who would have to have a token, and has not shown any so far. */
  isStranger(req: IncomingMessage): boolean {
    return this.tokens !== undefined && !hasClient(req);
  }

  /**
   * Counts a Socket.IO handshake, by a request that this gate has let in.
   * @returns its places, until it is in a namespace or gone @throws RateLimited
   */
  holdHandshake(req: IncomingMessage): Held {
    const held = new Held();
    try {
      if (this.isStranger(req)) {
        this.limits.takeHandshake(clientIdOf(req));
        held.add(this.limits.holdStranger('handshakes'));
      } else {
        this.limits.takeRequest(clientIdOf(req)); // what strangers send has been taken
      }
      held.add(this.limits.holdHandshake(clientIdOf(req)));
    } catch (error) {
      held.release();
      if (this.isStranger(req)) this.tokens?.unheard(req);
      throw error;
    }
    return held;
  }

  /**
   * It is known whose a Socket.IO connection is: what it has under way is counted by that from now on.
   * @param session its id
   * @param client by {@link clientIdOf}
   * @param requests those that are under way for it
   * @returns to be called when the connection is gone
   * @throws RateLimited
   */
  introduce(session: string, client: string, requests: readonly IncomingMessage[]): () => void {
    if (!this.tokens) return () => undefined;
    for (const req of requests) {
      setClientId(req, client);
      this.moveConnection(req);
      const held = this.held.get(req);
      held?.release();
      if (held && this.behindProxy) held.add(this.limits.holdRequest(sharerOf(req)));
    }
    this.sessions.set(session, client);
    return () => this.sessions.delete(session);
  }

  /** A connection on which a token is shown is its own from now on. @throws RateLimited */
  private moveConnection(req: IncomingMessage): void {
    const { socket } = req;
    if (!this.unknown.has(socket)) return;
    socket.once('close', this.limits.holdConnection(sharerOf(req)));
    this.unknown.delete(socket);
  }

  private countStranger(req: IncomingMessage, held: Held): void {
    this.limits.count(req);
    if (takesTime(req)) held.add(this.limits.holdStranger('requests'));
  }

  /** Until the answer closes, or the connection: an answer that waits behind another does not close with it. */
  private keep(req: IncomingMessage, held: Held, answer: EventEmitter): void {
    const all = this.byConnection.get(req.socket) ?? this.follow(req.socket);
    all.add(held);
    this.held.set(req, held);
    answer.once('close', () => {
      all.delete(held);
      this.held.delete(req);
      held.release();
    });
  }

  private follow(socket: Socket): Set<Held> {
    const all = new Set<Held>();
    this.byConnection.set(socket, all);
    socket.once('close', () => {
      for (const held of all) held.release();
    });
    return all;
  }
}

/** The key that clients of one address share: all without a token, or all with the same one. */
function sharerOf(req: IncomingMessage): string {
  const network = networkOf(addressOf(req));
  return hasClient(req) ? `${network} ${clientIdOf(req)}` : network;
}

/** Without a token any other request is answered as soon as it is read. */
function takesTime(req: IncomingMessage): boolean {
  const { headers } = req;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody || headers.upgrade !== undefined || isSocketIo(req);
}

function isSocketIo({ url = '/' }: IncomingMessage): boolean {
  return url.startsWith('/socket.io');
}

/** The Socket.IO connection that a request belongs to; empty for one that belongs to none. */
export function sessionIn(req: IncomingMessage): string {
  return (isSocketIo(req) && /[?&]sid=([^&]+)/.exec(req.url ?? '')?.[1]) || '';
}
