import { BlockList, isIP } from 'node:net';

/** IANA IPv4 Special-Purpose Address Registry and IPv4 Multicast: no address of the public web. */
const SPECIAL_IPV4 = subnets('ipv4', [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, the metadata of cloud machines included
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // automatic multicast tunneling
  ['192.88.99.0', 24], // 6to4 relays, deprecated
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
]);

/** Global unicast as allocated by IANA. Loopback, unique local, link-local, multicast … lie outside. */
const UNICAST_IPV6 = subnets('ipv6', [['2000::', 3]]);

/** IANA IPv6 Special-Purpose Address Registry, the part within global unicast. */
const SPECIAL_IPV6 = subnets('ipv6', [
  ['2001::', 23], // protocol assignments: Teredo, benchmarks, ORCHID …
  ['2001:db8::', 32], // documentation
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation
]);

/**
 * Whether an IP address belongs to the public internet. An IPv6 address that embeds an IPv4 one (mapped, NAT64, 6to4)
 * is judged by the IPv4 one. Addresses with a zone, and texts that are no address, are not public.
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !SPECIAL_IPV4.check(address, 'ipv4');
    case 6:
      return isPublicIPv6(address);
    default:
      return false;
  }
}

function isPublicIPv6(address: string): boolean {
  const groups = groupsOf(address);
  if (!groups) return false;
  const inside = ipv4Inside(groups);
  if (inside) return isPublicAddress(inside);
  return UNICAST_IPV6.check(address, 'ipv6') && !SPECIAL_IPV6.check(address, 'ipv6');
}

/** The eight groups of an IPv6 address, or undefined if the address has a zone. */
function groupsOf(address: string): number[] | undefined {
  const url = `http://[${address}]/`;
  if (!URL.canParse(url)) return undefined;
  // A URL's host has the canonical form: no dotted end, at most one "::".
  const [head = '', tail] = new URL(url).hostname.slice(1, -1).split('::');
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  if (tail === undefined) return parse(head);
  const [first, last] = [parse(head), parse(tail)];
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function ipv4Inside(groups: readonly number[]): string | undefined {
  const prefix = groups
    .slice(0, 6)
    .map((group) => group.toString(16))
    .join(':');
  if (prefix === '0:0:0:0:0:ffff') return toIPv4(groups.slice(6)); // mapped, RFC 4291
  if (prefix === '64:ff9b:0:0:0:0') return toIPv4(groups.slice(6)); // NAT64, RFC 6052
  if (groups[0] === 0x2002) return toIPv4(groups.slice(1, 3)); // 6to4, RFC 3056
  return undefined;
}

const toIPv4 = (pair: readonly number[]): string =>
  pair.flatMap((group) => [group >> 8, group & 0xff]).join('.');

function subnets(type: 'ipv4' | 'ipv6', list: readonly (readonly [net: string, prefix: number])[]) {
  const blocks = new BlockList();
  for (const [net, prefix] of list) blocks.addSubnet(net, prefix, type);
  return blocks;
}
