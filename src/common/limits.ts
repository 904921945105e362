import type { RequestHandler } from 'express';
import type { Socket } from 'node:net';
import { clientOf, networkOf } from './client.js';
import { DomainError } from './errors.js';
import { endWithError, sendError } from './plain-answer.js';
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

  /** Whether a new connection may stay; one that may not is answered, and nothing of it is read. */
  admits(socket: Socket): boolean {
    const release = this.connections.hold(networkOf(socket.remoteAddress ?? ''));
    if (release) {
      socket.once('close', release);
      return true;
    }
    const error = new RateLimited('connections at once', 'connections', this.connections.most, 1_000);
    endWithError(socket, error, { 'Retry-After': '1' });
    return false;
  }
}

function take(limit: RateLimit, client: string, what: string, key: keyof LimitRules): void {
  const wait = limit.take(client);
  if (wait > 0) throw new RateLimited(what, key, limit.perMinute, wait);
}

/** Refuses requests beyond the client's rate, before anything of them is read. */
export function limitRequests(limits: Limits): RequestHandler {
  return (req, res, next) => {
    try {
      limits.takeRequest(clientOf(req));
    } catch (error) {
      const refused = error as RateLimited;
      sendError(res, refused, { 'Retry-After': String(retryAfterOf(refused) ?? 1) });
      return;
    }
    next();
  };
}

/** The seconds that an error tells to wait; undefined when it tells none. */
export function retryAfterOf({ details }: DomainError): number | undefined {
  const ms = (details as { retryAfterMs?: unknown } | undefined)?.retryAfterMs;
  return typeof ms === 'number' ? Math.max(1, Math.ceil(ms / 1_000)) : undefined;
}
