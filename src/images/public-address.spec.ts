import { describe, expect, it } from '@jest/globals';
import { isPublicAddress } from './public-address.js';

describe('an address', () => {
  it.each([
    ['this network', '0.0.0.0', '0.255.255.255', undefined, '1.0.0.0'],
    ['private', '10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
    ['carrier-grade NAT', '100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
    ['loopback', '127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
    ['link-local', '169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
    ['private', '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
    ['protocol assignments', '192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
    ['documentation', '192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
    ['AS112', '192.31.196.0', '192.31.196.255', '192.31.195.255', '192.31.197.0'],
    ['multicast tunneling', '192.52.193.0', '192.52.193.255', '192.52.192.255', '192.52.194.0'],
    ['6to4 relays', '192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
    ['private', '192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
    ['AS112', '192.175.48.0', '192.175.48.255', '192.175.47.255', '192.175.49.0'],
    ['benchmarks', '198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
    ['documentation', '198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
    ['documentation', '203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
    ['multicast, reserved and broadcast', '224.0.0.0', '255.255.255.255', '223.255.255.255', undefined],
    ['nothing, loopback and IPv4-compatible', '::', '::fffe:ffff:ffff', undefined, undefined],
    ['discard-only and dummy', '100::', '100:0:0:1:ffff:ffff:ffff:ffff', undefined, undefined],
    ['what is not given out', '::ffff:1:0:0', '1fff:ffff::', undefined, '2000::'],
    ['protocol assignments', '2001::', '2001:1ff:ffff::', '2000:ffff:ffff::', '2001:200::'],
    ['documentation', '2001:db8::', '2001:db8:ffff::', '2001:db7:ffff::', '2001:db9::'],
    ['AS112', '2620:4f:8000::', '2620:4f:8000:ffff::', '2620:4f:7fff::', '2620:4f:8001::'],
    ['documentation', '3fff::', '3fff:fff:ffff::', '3ffe:ffff:ffff::', '3fff:1000::'],
    ['what is not given out', '4000::', 'fbff:ffff::', '3fff:ffff:ffff::', undefined],
    ['unique local', 'fc00::', 'fdff:ffff::', undefined, undefined],
    ['link-local and site-local', 'fe80::', 'feff:ffff::', undefined, undefined],
    ['multicast', 'ff00::', 'ffff:ffff::', undefined, undefined],
  ])('of %s is not public, from %s to %s', (_what, first, last, before, after) => {
    expect([first, isPublicAddress(first)]).toEqual([first, false]);
    expect([last, isPublicAddress(last)]).toEqual([last, false]);
    for (const beside of [before, after]) {
      if (beside !== undefined) expect([beside, isPublicAddress(beside)]).toEqual([beside, true]);
    }
  });

  it.each([
    '127.0.0.1',
    '169.254.169.254', // metadata of cloud machines
    '100.100.100.200', // the same, of another cloud
    '192.0.0.192', // the same, of a third cloud
    '10.1.2.3',
    '::1',
    '0:0:0:0:0:0:0:1',
    'fd00:ec2::254', // metadata over IPv6
    'fe80::1',
    'FE80::1',
    'fec0::1',
    'ff02::1',
    '64:ff9b:1::8.8.8.8', // local-use NAT64: the translated address is unknown
    '2001:0:53aa:64c:0:0:f7f7:f7f7', // Teredo
    '::8.8.8.8', // IPv4-compatible
    '::ffff:0:8.8.8.8', // IPv4-translated
    '5f00::1',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '93.184.215.14',
    '2606:4700::1111',
    '2a00:1450:4001:81b::200e',
    '2001:4860:4860::8888',
  ])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  describe('of IPv6 that stands for one of IPv4 is what that is:', () => {
    const hex = (ipv4: string) => {
      const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number);
      return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    };
    const forms: [string, (ipv4: string) => string][] = [
      ['mapped', (ipv4) => `::ffff:${ipv4}`],
      ['mapped, in hex', (ipv4) => `::ffff:${hex(ipv4)}`],
      ['mapped, at length', (ipv4) => `0:0:0:0:0:ffff:${hex(ipv4)}`],
      ['NAT64', (ipv4) => `64:ff9b::${ipv4}`],
      ['NAT64, in hex', (ipv4) => `64:ff9b::${hex(ipv4)}`],
      ['6to4', (ipv4) => `2002:${hex(ipv4)}::`],
      ['6to4, of a host', (ipv4) => `2002:${hex(ipv4)}:1:2:3:4:5`],
    ];

    it.each(forms)('%s', (_form, write) => {
      for (const inside of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '0.0.0.0', '255.255.255.255']) {
        expect([write(inside), isPublicAddress(write(inside))]).toEqual([write(inside), false]);
      }
      for (const inside of ['8.8.8.8', '1.0.0.1', '223.255.255.255']) {
        expect([write(inside), isPublicAddress(write(inside))]).toEqual([write(inside), true]);
      }
    });
  });

  it.each([
    '',
    'localhost',
    'example.com',
    '2130706433',
    '0x7f.1',
    '127.1',
    '8.8.8.8 ',
    '8.8.8.8:80',
    '08.8.8.8',
    '[2606:4700::1111]',
    'fe80::1%eth0',
    '2606:4700::1111%eth0', // an address with a zone is not global
    '2606:4700::1111::',
  ])('%j is none that could be public', (text) => {
    expect(isPublicAddress(text)).toBe(false);
  });
});
