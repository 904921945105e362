import type { IncomingMessage } from 'node:http';
import { forwardedHostOf } from '../http/client-id.js';
import { isOwnOrigin } from '../http/own-origin.js';

/** Cookie name of older versions, without the port; such cookies stay valid. */
export const COOKIE = 'agent_tars';
/** Cookie names with any port: a restarted server may have another one. */
const COOKIES = new RegExp(`^${COOKIE}(_\\d{1,5})?$`);
/** Cookies tried for one request. Other servers of the same host can set more of these names. */
const MAX_COOKIES = 16;

/** Credentials of a request: a token set on purpose, or cookies, which browsers send by themselves. */
export type Credentials = { readonly token: string } | { readonly cookies: readonly string[] };

/** A token in a header wins over cookies. */
export function credentialsOf(req: IncomingMessage): Credentials | undefined {
  const token = /^Bearer +(\S.*)$/i.exec(req.headers.authorization ?? '')?.[1];
  if (token !== undefined) return { token: token.trimEnd() };
  const cookies = cookiesOf(req);
  return cookies.length === 0 ? undefined : { cookies };
}

/**
 * Values of the cookies that may be this server's, at most {@link MAX_COOKIES}: those of its port first. A browser
 * sends cookies of longer paths first (RFC 6265, 5.4), so this server's cookie for `/` comes after those that others
 * set for longer paths.
 */
export function cookiesOf(req: IncomingMessage): readonly string[] {
  const pairs = (req.headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  const all = pairs.filter(([name = '', ...value]) => COOKIES.test(name) && value.join('') !== '').reverse();
  const isOwn = ([name]: readonly string[]) => name === cookieName(req);
  const tried = [...all.filter(isOwn), ...all.filter((pair) => !isOwn(pair))].slice(0, MAX_COOKIES);
  return tried.map(([, ...value]) => value.join('='));
}

/**
 * Name of the cookie that logs a browser in. All ports of a host share their cookies: without the port in its name, a
 * login at one server would end the login at another.
 */
export function cookieName({ socket }: IncomingMessage): string {
  return socket.localPort === undefined ? COOKIE : `${COOKIE}_${socket.localPort}`;
}

export function isSafe(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/**
 * Whether the server's own page sent the request. Browsers send a cookie with requests of any page: only the own page
 * may change something by it.
 */
export function isFromOwnPage(req: IncomingMessage): boolean {
  const { headers } = req;
  const { origin, host = '' } = headers;
  if (origin !== undefined) return isOwnOrigin(origin, forwardedHostOf(req) ?? host.toLowerCase());
  return headers['sec-fetch-site'] === 'same-origin';
}
