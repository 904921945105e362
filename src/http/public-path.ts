import type { IncomingMessage } from 'node:http';
import { lastOf } from './client-id.js';
import { pathOf } from './url-path.js';

/** Paths beside the API's that the server answers. */
const OWN_PATHS = ['/socket.io', '/auth'];
const PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)+$/;
/** Characters of a prefix that a proxy may name. */
const MAX_PREFIX = 200;
/** Directories that a relative link climbs at most: no route lies as deep. */
const MAX_DEPTH = 64;

export interface PublicPathRules {
  /** Path below which browsers see the server; empty where it is not configured. */
  readonly publicPath: string;
  /** Base path of the API, below the public one. */
  readonly basePath: string;
  /** Believe X-Forwarded-Prefix, where no public path is configured. */
  readonly trustProxy: boolean;
}

const prefixes = new WeakMap<IncomingMessage, string>();

/** Whether a prefix is, or begins, one of the server's own paths: a request below it may have lost it or not. */
export function isAmbiguous(prefix: string, basePath: string): boolean {
  return [basePath, ...OWN_PATHS].some((path) => isBelow(path, prefix));
}

/**
 * Takes the public path off a request's target, where the proxy has left it there, and notes it for {@link linkTo}. A
 * request without it is served as well: the proxy has taken it off, or there is none in between.
 */
export function enterPublicPath(
  req: IncomingMessage & { originalUrl?: string },
  { publicPath, basePath, trustProxy }: PublicPathRules,
): void {
  const prefix = publicPath || (trustProxy && forwardedPrefix(req)) || '';
  if (prefix === '') return;
  prefixes.set(req, prefix);
  if (isAmbiguous(prefix, basePath)) return; // a proxy's header: by convention it names what was taken off
  const rest = withoutPrefix(req.url ?? '/', prefix);
  req.url = rest;
  if (req.originalUrl !== undefined) req.originalUrl = rest; // Express has set it where it serves the door
}

/** A target or path without the prefix; unchanged where it has none. */
export function withoutPrefix(target: string, prefix: string): string {
  if (!isBelow(target, prefix)) return target;
  const rest = target.slice(prefix.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** The prefix that a browser knows the server by; empty where none is known. */
export function prefixOf(req: IncomingMessage): string {
  return prefixes.get(req) ?? '';
}

/**
 * The link from the requested page to a path of this server: below the known prefix, else relative, so that it fits
 * below a prefix that a proxy took off without a word.
 */
export function linkTo(req: IncomingMessage & { readonly originalUrl?: string }, path: string): string {
  const prefix = prefixOf(req);
  if (prefix !== '') return prefix + path;
  const { originalUrl: url = req.url ?? '/' } = req;
  const depth = Math.min(pathOf({ url }).split('/').length - 2, MAX_DEPTH);
  return (depth > 0 ? '../'.repeat(depth) : './') + path.slice(1);
}

/** The prefix that the trusted proxy names; undefined for anything but a plain path. */
function forwardedPrefix({ headers }: IncomingMessage): string | undefined {
  const prefix = lastOf(headers['x-forwarded-prefix'])?.replace(/\/$/, '');
  return prefix !== undefined && prefix.length <= MAX_PREFIX && PREFIX.test(prefix) ? prefix : undefined;
}

function isBelow(target: string, prefix: string): boolean {
  if (!target.startsWith(prefix)) return false;
  const next = target.charAt(prefix.length);
  return next === '' || next === '/' || next === '?';
}
