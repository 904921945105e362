import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';

const addresses = new WeakMap<IncomingMessage, string>();
const clients = new WeakMap<IncomingMessage, string>();
const hosts = new WeakMap<IncomingMessage, string>();

/** Believes the proxy before this server: it has added, last in the list, the address and the host that it has seen. */
export function trustForwarded(req: IncomingMessage): void {
  const host = lastOf(req.headers['x-forwarded-host']);
  if (host !== undefined) hosts.set(req, host.toLowerCase());
  const seen = addressIn(lastOf(req.headers['x-forwarded-for']) ?? '');
  if (seen !== undefined) addresses.set(req, seen);
}

/** The address in an entry of X-Forwarded-For, to which some proxies add the client's port; undefined for what is none. */
function addressIn(entry: string): string | undefined {
  const { v6, v4 } = /^\[(?<v6>[^\]]+)\](?::\d+)?$|^(?<v4>[\d.]+):\d+$/.exec(entry)?.groups ?? {};
  const address = v6 ?? v4 ?? entry;
  return isIP(address) === 0 ? undefined : address;
}

/** What stands before the last entry of a forwarded header is the client's own claim. */
export function lastOf(header: string | readonly string[] | undefined): string | undefined {
  return [header].flat().join(',').split(',').at(-1)?.trim() || undefined;
}

/** The host that the proxy was asked for, in lower case; undefined where it says none, and has left the Host as it was. */
export function forwardedHostOf(req: IncomingMessage): string | undefined {
  return hosts.get(req);
}

/** The address that a request comes from. */
export function addressOf(req: IncomingMessage): string {
  return addresses.get(req) ?? req.socket.remoteAddress ?? '';
}

/** Notes who a request comes from, where that is known better than by its address. */
export function setClientId(req: IncomingMessage, id: string): void {
  clients.set(req, id);
}

/** Whom a request is counted for: a token where there are tokens, else an address. */
export function clientIdOf(req: IncomingMessage): string {
  return clients.get(req) ?? networkOf(addressOf(req));
}

/** Whether it is known, better than by its address, who a request comes from. */
export function hasClient(req: IncomingMessage): boolean {
  return clients.has(req);
}

/** Whoever has one IPv6 address has the 2^64 beside it; an IPv4 address stands for itself. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}
