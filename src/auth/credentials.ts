import type { IncomingMessage } from 'node:http';
import { isOwnOrigin } from '../common/front-door.js';

export const COOKIE = 'agent_tars';

/** The token that a request carries. */
export interface Credentials {
  readonly token: string;
  readonly from: 'header' | 'cookie';
}

/** A header was put there on purpose, and wins over a cookie, which comes by itself. */
export function credentialsOf({ headers }: IncomingMessage): Credentials | undefined {
  const token = /^Bearer +(\S.*)$/i.exec(headers.authorization ?? '')?.[1];
  if (token !== undefined) return { token: token.trimEnd(), from: 'header' };
  const cookie = cookieIn(headers.cookie ?? '');
  return cookie === undefined ? undefined : { token: cookie, from: 'cookie' };
}

function cookieIn(header: string): string | undefined {
  const pair = header.split(';').find((each) => each.trimStart().startsWith(`${COOKIE}=`));
  return pair?.slice(pair.indexOf('=') + 1).trim() || undefined;
}

export function isSafe(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** A cookie comes along whoever made the browser ask: only the server's own page may change something by it. */
export function isFromOwnPage({ headers }: IncomingMessage): boolean {
  const { origin, host = '' } = headers;
  if (origin !== undefined) return isOwnOrigin(origin, host.toLowerCase());
  return headers['sec-fetch-site'] === 'same-origin';
}
