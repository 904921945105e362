import type { IncomingMessage } from 'node:http';
import { forwardedHostOf } from '../http/client-id.js';
import { isOwnOrigin } from '../http/origin-policy.js';

/** The name of cookies that were set before it had the port in it; they stay good. */
export const COOKIE = 'agent_tars';
/** A server that was started again may have another port. */
const COOKIES = new RegExp(`^${COOKIE}(_\\d{1,5})?$`);
/** Cookies of one request that are tried. Other servers of the same host can set more of these names. */
const MAX_COOKIES = 16;

/** What a request shows: a token that was put there on purpose, or cookies, which come by themselves. */
export type Credentials = { readonly token: string } | { readonly cookies: readonly string[] };

/** A token in a header wins over cookies. */
export function credentialsOf(req: IncomingMessage): Credentials | undefined {
  const token = /^Bearer +(\S.*)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (token !== undefined) return { token: token.trimEnd() };
  const cookies = cookiesOf(req);
  return cookies.length === 0 ? undefined : { cookies };
}

/**
 * The values of the cookies that may be this server's, at most {@link MAX_COOKIES}: those of its port first. A browser
 * sends cookies of longer paths first (RFC 6265, 5.4), so what this server has set for `/` stands after what others
 * have set for less.
 */
export function cookiesOf(req: IncomingMessage): readonly string[] {
  const pairs = (req.headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  const all = pairs.filter(([name = '', ...value]) => COOKIES.test(name) && value.join('') !== '').reverse();
  const isOwn = ([name]: readonly string[]) => name === cookieName(req);
  const tried = [...all.filter(isOwn), ...all.filter((pair) => !isOwn(pair))].slice(0, MAX_COOKIES);
  return tried.map(([, ...value]) => value.join('='));
}

/**
 * The name of the cookie that logs a browser in. All ports of a host share their cookies: without the port in its
 * name, a login at one server would end the login at another.
 */
export function cookieName({ socket }: IncomingMessage): string {
  return socket.localPort === undefined ? COOKIE : `${COOKIE}_${socket.localPort}`;
}

export function isSafe(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** A cookie comes along whoever made the browser ask: only the server's own page may change something by it. */
export function isFromOwnPage(req: IncomingMessage): boolean {
  const { headers } = req;
  const { origin, host = '' } = headers;
  if (origin !== undefined) return isOwnOrigin(origin, forwardedHostOf(req) ?? host.toLowerCase());
  return headers['sec-fetch-site'] === 'same-origin';
}
