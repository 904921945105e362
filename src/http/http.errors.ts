import { DomainError, InvalidInput, RETRY_AFTER_MS, secondsToWait } from '../common/errors.js';
import { cutText } from '../common/text.js';
import type { LimitRules } from './limits.js';

/** A client has reached a limit. The message names the limit and says when to come again. */
export class RateLimited extends DomainError {
  constructor(what: string, key: keyof LimitRules, limit: number, retryAfterMs: number) {
    const seconds = secondsToWait(retryAfterMs);
    super(
      'RATE_LIMITED',
      `More than ${limit} ${what} (server.limits.${key}). Try again in ${seconds} s.`,
      { limit, key: `server.limits.${key}` },
      { retryAfterMs },
    );
  }
}

/** Too many wait for the same turn already, or it takes too long. */
export class TurnRefused extends DomainError {
  /** @param taken the sentence that says what goes on meanwhile */
  constructor(taken: string) {
    super('RATE_LIMITED', `${taken} Try again in ${secondsToWait(RETRY_AFTER_MS.RATE_LIMITED)} s.`);
  }
}

/** The request comes from another machine, and the server asks for no token. */
export class NotLocal extends DomainError {
  constructor() {
    super(
      'FORBIDDEN',
      'This server asks for no token, and so serves this machine only. Set server.auth, or let everybody in with server.insecureNoAuth.',
    );
  }
}

/** The request is for a name that is not this server's. */
export class UnknownHost extends DomainError {
  /** @param header the one that names the host */
  constructor(host: string, header = 'Host') {
    super(
      'FORBIDDEN',
      `${header} is "${cutText(host, 100)}", but this server is not known by that name. Add the name, without the port, to server.allowedHosts if it should be.`,
    );
  }
}

/** A page of another site caused the request; the browser does not say which. */
export class ForeignSite extends DomainError {
  /** @param site the value of Sec-Fetch-Site */
  constructor(site: string | readonly string[] | undefined) {
    super(
      'FORBIDDEN',
      `Sec-Fetch-Site is "${cutText(String(site), 100)}" and there is no Origin: pages of other sites may not use this server so. Use fetch() with mode "cors", from an origin in server.allowedOrigins.`,
    );
  }
}

/** A page of an origin that is not allowed caused the request. */
export class ForeignOrigin extends DomainError {
  /**
   * @param host that the request is for
   * @param header the one that names the host
   */
  constructor(origin: string, host: string, header = 'Host') {
    super(
      'FORBIDDEN',
      `Origin is "${cutText(origin, 100)}", but ${header} is "${cutText(host, 100)}": pages of other origins may not use this server. ${remedyFor(origin, host)}`,
    );
  }
}

function remedyFor(origin: string, host: string): string {
  return origin === `https://${host}`
    ? 'If a proxy that speaks https to browsers stands before it, set server.trustProxy.'
    : 'If the page is its own and came through a proxy, have the proxy pass the Host on unchanged, with its port (nginx: proxy_set_header Host $http_host; elsewhere: changeOrigin off), or set server.trustProxy and have it send X-Forwarded-Host. Else add the origin to server.allowedOrigins.';
}

/** The body has more bytes than are read. The rest of it is not: the connection is closed. */
export class BodyTooLarge extends DomainError {
  /** @param limit in bytes */
  constructor(limit: number) {
    super(
      'PAYLOAD_TOO_LARGE',
      `The body is larger than the ${limit} bytes that this server takes (server.maxBodyBytes). Send less.`,
      { limit },
      { headers: { Connection: 'close' } },
    );
  }
}

export class BodyNotJson extends DomainError {
  constructor() {
    super(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be JSON: send the header "Content-Type: application/json".',
    );
  }
}

export class BodyNotObject extends InvalidInput {
  constructor() {
    super('The body must be one JSON object, such as {"sessionId": "…"}.');
  }
}

/** Nothing answers at this address. */
export class RouteNotFound extends DomainError {
  constructor(message: string) {
    super('ROUTE_NOT_FOUND', message);
  }
}

/** The address answers, but not to this method. */
export class MethodNotAllowed extends DomainError {
  constructor(where: string, methods: readonly string[]) {
    super('METHOD_NOT_ALLOWED', `${where} is not possible: use ${methods.join(' or ')}.`, undefined, {
      headers: { Allow: methods.join(', ') },
    });
  }
}
