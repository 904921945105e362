import type { RequestHandler } from 'express';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { forwardedHostOf, trustForwarded } from './client-id.js';
import { answerAllowedPage } from './cors.js';
import type { DomainError } from '../common/errors.js';
import type { Gate } from './gate.js';
import { rejectSocket, writeError } from './error-response.js';
import { ForeignOrigin, ForeignSite, NotLocal, UnknownHost } from './http.errors.js';
import { isLocal, isLoopbackName, isOtherLoopbackName, isOwnOrigin, schemeOf } from './own-origin.js';
import { enterPublicPath, type PublicPathRules } from './public-path.js';
import { REQUEST_ID, requestIdOf } from './request-id.js';
import { setCommonHeaders } from './security-headers.js';
import { destroyOnError, settleUpgrade } from './upgrades.js';

/** Whose requests are let in. Names are lower case. */
export interface OriginPolicy extends PublicPathRules {
  /** The name or address that this server was told to listen on. */
  readonly host: string;
  /** Other names it is reached by, beside loopback ones: a proxy may end TLS for them. */
  readonly allowedHosts: readonly string[];
  /** Origins of pages that may use it, beside its own: scheme, host and port. */
  readonly origins: readonly string[];
  /** No token is asked for: only connections to a loopback address of this machine are served. */
  readonly localOnly: boolean;
}

/** Options of {@link guardServer} beside the rules. */
export interface GuardOptions {
  /** Limits those who are let in. */
  readonly gate: Gate;
  /** Gives a connection back to the server that accepted it, as if it had just come; default: the guarded one. */
  readonly reconnect?: (socket: Socket) => void;
}

/** Requests that have passed. */
const admitted = new WeakSet<IncomingMessage>();

const HOST = /^(?<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?<port>\d{1,5}))?$/;
const MAX_PORT = 65_535;

/** Where the entries of {@link hostsOf} come from. */
const HOST_HEADERS = ['Host', 'X-Forwarded-Host'];

const PROBES = ['/health', '/ready'];

/** What a browser says of a request that no page of another origin has caused. Programs say nothing. */
const OWN_SITE = new Set<unknown>([undefined, 'same-origin', 'none']);

/**
 * Stands before everything that answers on this server: Express, Socket.IO with its files, its polling and its
 * upgrades, and listeners that extensions add. Some of them take the server's requests before Express sees them.
 */
export function guardServer(server: Server, rules: OriginPolicy, place: GuardOptions): void {
  const emit = server.emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
  // A connection that is given back has been admitted before.
  const { gate, reconnect = (socket: Socket) => void emit('connection', socket) } = place;
  server.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    switch (event) {
      case 'connection':
        return gate.admits(args[0] as Socket) ? emit(event, ...args) : true;
      case 'request':
      case 'checkContinue':
      case 'checkExpectation':
        return (
          wasAnswered(args[0] as IncomingMessage, args[1] as ServerResponse, rules, gate) ||
          emit(event, ...args)
        );
      case 'upgrade':
      case 'connect': {
        const [req, socket, head] = args as [IncomingMessage, Socket, Buffer];
        if (refusedRaw(req, socket, refusalAt(req, rules))) return true;
        if (event === 'upgrade' && settleUpgrade(req, socket, head, reconnect)) return true;
        return refusedRaw(req, socket, gate.refusal(req, socket)) || emit(event, ...args);
      }
      default:
        return emit(event, ...args);
    }
  };
}

/** The same for an application that is served by a server of the embedder's own; what {@link guardServer} let in passes. */
export function enforceOriginPolicy(rules: OriginPolicy): RequestHandler {
  return (req, res, next) => {
    if (admitted.has(req) || !wasAnswered(req, res, rules)) next();
  };
}

/**
 * Why a request is not let in, or undefined. The agent behind this door reads and writes files: a page of
 * another origin must not drive it through the user's browser, neither directly (Origin) nor under a name of its
 * own that points to this machine (Host: DNS rebinding). Programs that send no Origin are fine.
 */
export function refusal(req: IncomingMessage, rules: OriginPolicy): DomainError | undefined {
  if (rules.localOnly && !isLocal(req.socket)) return new NotLocal();
  const hosts = hostsOf(req);
  const isNamed = (each: string, i: number) =>
    isKnownHost(nameOf(each), rules) || (i === 0 && isProbe(req, rules));
  const unknown = hosts.findIndex((each, i) => !isNamed(each, i));
  if (unknown >= 0) return new UnknownHost(hosts[unknown] ?? '', HOST_HEADERS[unknown]);
  const { origin } = req.headers;
  const site = req.headers['sec-fetch-site'];
  if (origin === undefined) {
    if (OWN_SITE.has(site) || isLinkToPage(req, rules)) return undefined;
    return new ForeignSite(site);
  }
  if (isAllowedOrigin(req, origin, rules)) return undefined;
  const host = hosts.at(-1) ?? '';
  if (isOwnOrigin(origin, host, schemesOf(req, nameOf(host), rules)) && OWN_SITE.has(site)) return undefined;
  return new ForeignOrigin(origin, host, HOST_HEADERS[hosts.length - 1]);
}

/** Whether a page of another origin than the asked one may use the server, and read its answers. */
function isAllowedOrigin(req: IncomingMessage, origin: string, { origins }: OriginPolicy): boolean {
  return origins.includes(origin) || isOtherLoopbackName(origin, hostsOf(req), req);
}

/** True when nothing is left to do: the request was refused, or it only asked whether it may come. */
function wasAnswered(req: IncomingMessage, res: ServerResponse, rules: OriginPolicy, gate?: Gate): boolean {
  setCommonHeaders(req, res);
  res.setHeader('vary', 'Origin');
  const refused = refusalAt(req, rules);
  if (!refused) {
    admitted.add(req);
    const { origin } = req.headers;
    if (origin !== undefined && isAllowedOrigin(req, origin, rules) && answerAllowedPage(req, res, origin))
      return true;
  }
  const error = refused ?? gate?.refusal(req, res);
  if (error) writeError(res, error);
  return error !== undefined;
}

function refusedRaw(req: IncomingMessage, socket: Socket, error: DomainError | undefined): boolean {
  if (!error) return false;
  destroyOnError(socket);
  rejectSocket(socket, error, { Vary: 'Origin', [REQUEST_ID]: requestIdOf(req) });
  return true;
}

function refusalAt(req: IncomingMessage, rules: OriginPolicy): DomainError | undefined {
  if (rules.trustProxy) trustForwarded(req);
  toOriginForm(req);
  enterPublicPath(req, rules);
  return refusal(req, rules);
}

/** A target may name the host too ("GET http://localhost:8888/ HTTP/1.1"): taken off where it is the same one. */
function toOriginForm(req: IncomingMessage): void {
  const { url = '/', headers } = req;
  if (url.startsWith('/')) return;
  const [, host, rest = ''] = /^http:\/\/([^/?#]+)(.*)$/is.exec(url) ?? [];
  if (host === undefined || host.toLowerCase() !== headers.host?.toLowerCase()) return;
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
}

/** The one host that the request is for, in lower case; empty when it names none, or more than one. */
function hostOf({ headers, rawHeaders, url = '/' }: IncomingMessage): string {
  if (!url.startsWith('/') && url !== '*') return ''; // its target names another
  let named = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === 'host') named++;
  }
  return named === 1 ? (headers.host ?? '').toLowerCase() : '';
}

/**
 * Whether a load balancer asks for the server's health by HTTP/1.0, without a Host. No page can do that: browsers always
 * send one.
 */
function isProbe({ method, url = '/', headers }: IncomingMessage, { basePath }: OriginPolicy): boolean {
  if (headers.host !== undefined || (method !== 'GET' && method !== 'HEAD')) return false;
  const path = url.split('?', 1)[0];
  return PROBES.some((probe) => path === basePath + probe || path === `${basePath}/v1${probe}`);
}

/**
 * What the request says it is for: its Host and, last, the host that the client asked the trusted proxy for. The second
 * spares no look at the first: a page under a rebound name can send any X-Forwarded-Host, and no other Host than its own.
 */
function hostsOf(req: IncomingMessage): string[] {
  const forwarded = forwardedHostOf(req);
  return forwarded === undefined ? [hostOf(req)] : [hostOf(req), forwarded];
}

/** The name in a Host, without the port; empty when it is no valid one. */
function nameOf(host: string): string {
  const { name = '', port = '0' } = HOST.exec(host)?.groups ?? {};
  return Number(port) <= MAX_PORT ? name : '';
}

/** An address cannot be rebound: only a server that listens on all of them is reached by any. */
function isKnownHost(name: string, { host, allowedHosts }: OriginPolicy): boolean {
  if (isLoopbackName(name) || name === host || allowedHosts.includes(name)) return true;
  const everywhere = host === '0.0.0.0' || host === '[::]';
  return everywhere && isIP(name.replace(/^\[|\]$/g, '')) !== 0;
}

/** The scheme of the connection; a proxy before this server, which needs a name of its own here, may speak another. */
function schemesOf(
  { socket }: IncomingMessage,
  name: string,
  { allowedHosts, trustProxy }: OriginPolicy,
): readonly string[] {
  if (trustProxy || allowedHosts.includes(name)) return ['http', 'https'];
  return [schemeOf(socket)];
}

/** A link that the user follows shows a page, and hands nothing to the page that it stood on. */
function isLinkToPage({ headers, method, url = '/' }: IncomingMessage, { basePath }: OriginPolicy): boolean {
  const path = url.split('?', 1)[0]?.toLowerCase() ?? '/';
  const base = basePath.toLowerCase();
  const isApi = path === base || path.startsWith(`${base}/`) || path.startsWith('/socket.io');
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return method === 'GET' && isLink && !isApi && headers.upgrade === undefined;
}
