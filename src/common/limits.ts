import type { RequestHandler, Response } from 'express';
import type { IncomingMessage } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import { DomainError } from './errors.js';
import { AtOnce, RateLimit } from './rate-limit.js';

/** How much one client may have. A client is a token where there are tokens, else an address. */
export interface LimitRules {
  readonly requestsPerMinute: number;
  /** Queries, over HTTP and socket together. */
  readonly runsPerMinute: number;
  /** Open connections of one address, whatever they are for. */
  readonly connections: number;
  /** Socket.IO clients. */
  readonly sockets: number;
  /** Messages of all its sockets. */
  readonly messagesPerMinute: number;
  /** Bytes of one socket message. */
  readonly messageBytes: number;
}

/** A client has reached a limit. The message names the limit and says when to come again. */
export class RateLimited extends DomainError {
  constructor(what: string, key: keyof LimitRules, limit: number, retryAfterMs: number) {
    const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
    super('RATE_LIMITED', `More than ${limit} ${what} (server.limits.${key}). Try again in ${seconds} s.`, {
      limit,
      key: `server.limits.${key}`,
      retryAfterMs,
    });
  }
}

/** Holds each client to its share of the server. */
export class Limits {
  private readonly requests: RateLimit;
  private readonly runs: RateLimit;
  private readonly messages: RateLimit;
  private readonly connections: AtOnce;
  private readonly sockets: AtOnce;

  constructor(readonly rules: LimitRules) {
    this.requests = new RateLimit(rules.requestsPerMinute);
    this.runs = new RateLimit(rules.runsPerMinute);
    this.messages = new RateLimit(rules.messagesPerMinute);
    this.connections = new AtOnce(rules.connections);
    this.sockets = new AtOnce(rules.sockets);
  }

  /** @throws RateLimited */
  takeRequest(client: string): void {
    take(this.requests, client, 'requests a minute', 'requestsPerMinute');
  }

  /** @throws RateLimited */
  takeRun(client: string): void {
    take(this.runs, client, 'queries a minute', 'runsPerMinute');
  }

  /** @throws RateLimited */
  takeMessage(client: string): void {
    take(this.messages, client, 'socket messages a minute', 'messagesPerMinute');
  }

  /** @returns what to call when the socket is gone @throws RateLimited */
  holdSocket(client: string): () => void {
    const release = this.sockets.hold(client);
    if (release) return release;
    throw new RateLimited('sockets at once', 'sockets', this.sockets.most, 1_000);
  }

  /** Takes a new connection, or refuses it with a whole answer: no request of it is read. */
  admit(socket: Socket): void {
    const release = this.connections.hold(addressOf(socket.remoteAddress));
    if (release) {
      socket.once('close', release);
      return;
    }
    const error = new RateLimited('connections at once', 'connections', this.connections.most, 1_000);
    const body = JSON.stringify(error.toBody());
    socket.on('error', () => undefined); // it may have gone already
    socket.end(
      `HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    socket.destroySoon();
  }
}

function take(limit: RateLimit, client: string, what: string, key: keyof LimitRules): void {
  const wait = limit.take(client);
  if (wait > 0) throw new RateLimited(what, key, limit.perMinute, wait);
}

/** An address as a client: of IPv6 its network, for one machine may use any address of it. */
export function addressOf(address = ''): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter(Boolean);
  const after = tail?.split(':').filter(Boolean) ?? [];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - after.length }, () => '0');
  return [...groups, ...zeros, ...after].slice(0, 4).join(':');
}

/** Who sends a request: the address, behind a proxy that is trusted the one that it has seen. */
export function clientAddress(req: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? req.headers['x-forwarded-for'] : undefined;
  // The last one is what the proxy itself has added; what stands before it is the client's own claim.
  const seen = [forwarded].flat().join(',').split(',').at(-1)?.trim();
  return addressOf(seen || req.socket.remoteAddress);
}

/** Refuses requests beyond the client's rate, before anything of them is read. */
export function limitRequests(limits: Limits, clientOf: (req: IncomingMessage) => string): RequestHandler {
  return (req, res, next) => {
    try {
      limits.takeRequest(clientOf(req));
    } catch (error) {
      answer(res, error as RateLimited);
      return;
    }
    next();
  };
}

function answer(res: Response, error: RateLimited): void {
  res.setHeader('retry-after', retryAfterOf(error) ?? 1);
  res.status(error.status).json(error.toBody());
}

/** The seconds that an error tells to wait; undefined when it tells none. */
export function retryAfterOf({ details }: DomainError): number | undefined {
  const ms = (details as { retryAfterMs?: unknown } | undefined)?.retryAfterMs;
  return typeof ms === 'number' ? Math.max(1, Math.ceil(ms / 1_000)) : undefined;
}
