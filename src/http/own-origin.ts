import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const DEFAULT_PORTS = { http: 80, https: 443 };
const LOOPBACK_ADDRESS = /^(?:::ffff:)?127\.|^::1$/i;

/** Whether a name in a Host, in lower case, can lead to this machine alone. */
export function isLoopbackName(name: string): boolean {
  return LOOPBACK.includes(name);
}

/** The kernel lets only this machine connect to a loopback address; a socket file has no address. */
export function isLocal({ localAddress }: Socket): boolean {
  return localAddress === undefined || LOOPBACK_ADDRESS.test(localAddress);
}

/** Whether a page comes from this server. The host has been checked, and is lower case. */
export function isOwnOrigin(
  origin: string,
  host: string,
  schemes: readonly string[] = ['http', 'https'],
): boolean {
  return schemes.some((scheme) => originOf(`${scheme}://${host}`) === origin);
}

/**
 * Whether a page comes from this server under another of its loopback names than the one that it asks: each with the
 * very port that the connection came to. Through a tunnel or proxy the Host has another port, and the page of that port
 * on the user's machine may be somebody else's.
 * @param hosts all that the request names, in lower case
 */
export function isOtherLoopbackName(
  origin: string,
  hosts: readonly string[],
  { socket }: IncomingMessage,
): boolean {
  if (!isLocal(socket) || socket.localPort === undefined) return false;
  const scheme = schemeOf(socket);
  const port = socket.localPort === DEFAULT_PORTS[scheme] ? '' : `:${socket.localPort}`;
  const own = LOOPBACK.map((name) => `${scheme}://${name}${port}`);
  const asked = hosts.map((host) => `${scheme}://${host}`);
  return own.includes(origin) && !asked.includes(origin) && asked.every((each) => own.includes(each));
}

/** The scheme of a connection. */
export function schemeOf(socket: Socket): 'http' | 'https' {
  return (socket as Partial<TLSSocket>).encrypted ? 'https' : 'http';
}

/** Undefined for what is no URL, as a name that only looks like an address. */
function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}
