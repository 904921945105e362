import type { RequestHandler } from 'express';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { DomainError } from './errors.js';

/** Whose requests are let in. Names are lower case. */
export interface DoorRules {
  /** Host names that this server is reached by, beside loopback ones. */
  readonly hosts: readonly string[];
  /** Origins of pages that may use it, beside its own: scheme, host and port. */
  readonly origins: readonly string[];
  /** Below it are the API's routes: no page of another site may navigate there. */
  readonly basePath: string;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const HOST = /^(?<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d+)?$/;

/**
 * Why a request is not let in, or undefined. The agent behind this door reads and writes files: a page of
 * another site must not drive it through the user's browser, neither directly (Origin) nor under a name of its
 * own that points to this machine (Host: DNS rebinding). Programs that send no Origin are fine.
 */
export function refusal(
  { headers, method, url = '/' }: IncomingMessage,
  rules: DoorRules,
): DomainError | undefined {
  const host = (headers.host ?? '').toLowerCase();
  const name = HOST.exec(host)?.groups?.['name'];
  if (name === undefined || !isKnownHost(name, rules)) {
    return new DomainError(
      'FORBIDDEN',
      `This server is not known as "${host.slice(0, 100)}". Add the name to server.allowedHosts if it should be.`,
    );
  }
  const { origin } = headers;
  if (origin !== undefined) {
    if (isKnownOrigin(origin, host, rules)) return undefined;
    return new DomainError(
      'FORBIDDEN',
      `Pages of "${origin.slice(0, 100)}" may not use this server. Add the origin to server.allowedOrigins if they should.`,
    );
  }
  if (headers['sec-fetch-site'] !== 'cross-site') return undefined;
  const path = url.split('?', 1)[0] ?? '/';
  const isApi = path === rules.basePath || path.startsWith(`${rules.basePath}/`);
  const isLink =
    method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (isLink && !isApi) return undefined; // a link to the web UI
  return new DomainError('FORBIDDEN', 'Pages of other sites may not use this server.');
}

/** Stands before everything else, what extensions add included. */
export function frontDoor(rules: DoorRules): RequestHandler {
  return (req, res, next) => {
    res.vary('Origin');
    const refused = refusal(req, rules);
    if (refused) res.status(refused.status).json(refused.toBody());
    else next();
  };
}

/** An address cannot be rebound: only a server that listens on all of them is reached by any. */
function isKnownHost(name: string, { hosts }: DoorRules): boolean {
  if (LOOPBACK.has(name) || hosts.includes(name)) return true;
  const everywhere = hosts.includes('0.0.0.0') || hosts.includes('[::]');
  return everywhere && isIP(name.replace(/^\[|\]$/g, '')) !== 0;
}

function isKnownOrigin(origin: string, host: string, { origins }: DoorRules): boolean {
  const parsed = parseOrigin(origin);
  return parsed !== undefined && (isOwnOrigin(parsed, host) || origins.includes(parsed));
}

/** Whether a page comes from this server. The host has been checked, and is lower case. */
export function isOwnOrigin(origin: string, host: string): boolean {
  const own = [`http://${host}`, `https://${host}`].map((url) => new URL(url).origin);
  return own.includes(parseOrigin(origin) ?? '');
}

function parseOrigin(origin: string): string | undefined {
  if (!URL.canParse(origin)) return undefined; // "null", or no origin at all
  const parsed = new URL(origin).origin;
  return parsed === origin.toLowerCase() ? parsed : undefined;
}
