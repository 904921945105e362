import type { RequestHandler } from 'express';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { clientIdOf, networkOf } from './client-id.js';
import { rejectSocket, writeError } from './error-response.js';
import { RateLimited } from './http.errors.js';
import { AtOnce, RateLimit } from './rate-limit.js';

/** How much one client may have. A client is a token where there are tokens, else an address. */
export interface LimitRules {
  readonly requestsPerMinute: number;
  /** Queries, over HTTP and socket together. */
  readonly runsPerMinute: number;
  /**
   * Open connections of one address, whatever they are for. Behind a trusted proxy all are the proxy's: there it is
   * requests under way, WebSockets among them, of one address; those with a token are counted by that too.
   */
  readonly connections: number;
  /** Socket.IO clients. */
  readonly sockets: number;
  /** Socket.IO connections at once that are in no namespace as yet. */
  readonly handshakes: number;
  /** Socket.IO handshakes without a token, of one address, where a token is asked for. */
  readonly handshakesPerMinute: number;
  /**
   * What all together who have no token, where one is asked for, may have at once in the whole server: so many
   * handshakes, and so many requests that can take time.
   */
  readonly strangers: number;
  /** Messages of all its sockets. */
  readonly messagesPerMinute: number;
  /** Bytes of one socket message. */
  readonly messageBytes: number;
  /** How long a reader may take no byte of an answer that waits for it. */
  readonly stalledReaderMs: number;
}

/** Shares of one address that all together who have no token get of {@link LimitRules.handshakesPerMinute}. */
const ADDRESSES = 10;
/** A proxy has the connections of everybody: only what would harm the process is refused to it. */
const OF_A_PROXY = 20_000;
const SOON_MS = 1_000;

/** Requests that were taken from their client's rate as they came in. */
const counted = new WeakSet<IncomingMessage>();

/** Holds each client to its share of the server. */
export class Limits {
  private readonly requests: RateLimit;
  private readonly runs: RateLimit;
  private readonly messages: RateLimit;
  private readonly handshakes: RateLimit;
  private readonly allHandshakes: RateLimit;
  private readonly connections: AtOnce;
  private readonly proxyConnections: AtOnce;
  private readonly requestsUnderWay: AtOnce;
  private readonly sockets: AtOnce;
  private readonly handshakesUnderWay: AtOnce;
  private readonly strangers: AtOnce;

  constructor(readonly rules: LimitRules) {
    this.requests = new RateLimit(rules.requestsPerMinute);
    this.runs = new RateLimit(rules.runsPerMinute);
    this.messages = new RateLimit(rules.messagesPerMinute);
    this.handshakes = new RateLimit(rules.handshakesPerMinute);
    this.allHandshakes = new RateLimit(rules.handshakesPerMinute * ADDRESSES);
    this.connections = new AtOnce(rules.connections);
    this.proxyConnections = new AtOnce(Math.max(rules.connections, OF_A_PROXY));
    this.requestsUnderWay = new AtOnce(rules.connections);
    this.sockets = new AtOnce(rules.sockets);
    this.handshakesUnderWay = new AtOnce(rules.handshakes);
    this.strangers = new AtOnce(rules.strangers);
  }

  /** @throws RateLimited */
  takeRequest(client: string): void {
    take(this.requests, client, 'requests a minute', 'requestsPerMinute');
  }

  /** Takes a request before {@link limitRequests} does. @throws RateLimited */
  count(req: IncomingMessage): void {
    this.takeRequest(clientIdOf(req));
    counted.add(req);
  }

  /** @throws RateLimited */
  takeRun(client: string): void {
    take(this.runs, client, 'queries a minute', 'runsPerMinute');
  }

  /** @throws RateLimited */
  takeMessage(client: string): void {
    take(this.messages, client, 'socket messages a minute', 'messagesPerMinute');
  }

  /** Of somebody without a token. @throws RateLimited */
  takeHandshake(network: string): void {
    const what = 'handshakes without a token a minute';
    take(this.handshakes, network, what, 'handshakesPerMinute');
    take(this.allHandshakes, '', what, 'handshakesPerMinute');
  }

  /** @returns what to call when the request is over @throws RateLimited */
  holdRequest(client: string): () => void {
    return hold(this.requestsUnderWay, client, 'requests at once', 'connections');
  }

  /** @returns what to call when the socket is gone @throws RateLimited */
  holdSocket(client: string): () => void {
    return hold(this.sockets, client, 'sockets at once', 'sockets');
  }

  /** @returns what to call when it is in a namespace, or gone @throws RateLimited */
  holdHandshake(client: string): () => void {
    return hold(this.handshakesUnderWay, client, 'handshakes at once', 'handshakes');
  }

  /** @returns what to call when it is over, or somebody with a token @throws RateLimited */
  holdStranger(kind: 'handshakes' | 'requests'): () => void {
    return hold(this.strangers, kind, `${kind} at once without a token`, 'strangers');
  }

  /** @returns what to call when the connection is closed @throws RateLimited */
  holdConnection(client: string): () => void {
    return hold(this.connections, client, 'connections at once', 'connections');
  }

  /**
   * Whether a new connection may stay; one that may not is answered, and nothing of it is read.
   * @param isProxy it is one of the proxy before this server, whoever asks by it
   */
  admits(socket: Socket, isProxy: boolean): boolean {
    const places = isProxy ? this.proxyConnections : this.connections;
    const release = places.hold(networkOf(socket.remoteAddress ?? ''));
    if (release) {
      socket.once('close', release);
      return true;
    }
    rejectSocket(socket, new RateLimited('connections at once', 'connections', places.most, SOON_MS));
    return false;
  }
}

function hold(places: AtOnce, client: string, what: string, key: keyof LimitRules): () => void {
  const release = places.hold(client);
  if (!release) throw new RateLimited(what, key, places.most, SOON_MS);
  return release;
}

function take(limit: RateLimit, client: string, what: string, key: keyof LimitRules): void {
  const wait = limit.take(client);
  if (wait > 0) throw new RateLimited(what, key, limit.perMinute, wait);
}

/** Refuses requests beyond the client's rate, before anything of them is read. Those that were counted before pass. */
export function limitRequests(limits: Limits): RequestHandler {
  return (req, res, next) => {
    try {
      if (!counted.has(req)) limits.takeRequest(clientIdOf(req));
    } catch (error) {
      return writeError(res, error as RateLimited);
    }
    next();
  };
}
