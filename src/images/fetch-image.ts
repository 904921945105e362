import type { LookupAddress } from 'node:dns';
import { lookup as resolve } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { abortable } from '../common/abortable.js';
import { isPublicAddress } from './public-address.js';

const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);
const TIMEOUT_MS = 15_000;
/** The largest image that is fetched. */
export const MAX_IMAGE_BYTES = 10 * 1024 * 1024;

const HEADERS = {
  accept: 'image/png, image/jpeg, image/gif, image/webp',
  'accept-encoding': 'identity',
  'user-agent': 'agent-tars',
};

export interface FetchedImage {
  /** What its first bytes say, not its server. */
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Default {@link MAX_IMAGE_BYTES}. */
  readonly maxBytes?: number;
  /** For everything: names, redirects and the image itself. Default 15,000 ms. */
  readonly timeoutMs?: number;
  /** Which addresses may be connected to. Default: public ones. Only tests, whose servers are local, say otherwise. */
  readonly isAllowed?: (address: string) => boolean;
  /** All addresses of a host. Default: those that the system knows. */
  readonly lookup?: (host: string) => Promise<readonly LookupAddress[]>;
}

export type FetchImage = (url: string, options: FetchOptions) => Promise<FetchedImage>;

/** An image cannot be had. The message is a reason that may be told: it holds nothing of this server's network. */
export class ImageUnavailable extends Error {
  override readonly name = 'ImageUnavailable';
}

/**
 * Fetches an image from a URL that nobody vouches for. Its host is resolved once, every address must be public, and
 * the connection goes to an address that was checked; so it is with each redirect, of which there may be three.
 * Public is said of the address only: what a firewall keeps from the world, but not from this machine, is reached.
 * @returns a PNG, JPEG, GIF or WebP image
 * @throws ImageUnavailable saying why there is none; the signal's reason once it has aborted
 */
export async function fetchImage(url: string, options: FetchOptions): Promise<FetchedImage> {
  const { signal, maxBytes = MAX_IMAGE_BYTES, timeoutMs = TIMEOUT_MS } = options;
  signal.throwIfAborted();
  const deadline = AbortSignal.timeout(timeoutMs);
  const inTime = { ...options, signal: AbortSignal.any([signal, deadline]) };
  try {
    const response = await follow(url, inTime);
    try {
      return await readImage(response, maxBytes);
    } finally {
      response.destroy();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ImageUnavailable) throw error;
    throw new ImageUnavailable(
      deadline.aborted
        ? `it did not arrive within ${timeoutMs / 1_000} seconds`
        : 'its server could not be reached, or broke off',
    );
  }
}

/** The answer that is no redirect. */
async function follow(first: string, options: FetchOptions): Promise<http.IncomingMessage> {
  let url = parse(first);
  for (let redirects = 0; ; redirects++) {
    const response = await get(url, options);
    const { location } = response.headers;
    if (!REDIRECTS.has(response.statusCode) || location === undefined) return response;
    response.destroy();
    if (redirects === MAX_REDIRECTS) {
      throw new ImageUnavailable(`it was redirected more than ${MAX_REDIRECTS} times`);
    }
    url = parse(location, url);
  }
}

/** @throws ImageUnavailable for what is never fetched, whatever its address */
function parse(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw new ImageUnavailable('its link is no URL');
  const url = new URL(text, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ImageUnavailable('only http: and https: links are fetched');
  }
  if (url.username !== '' || url.password !== '') {
    throw new ImageUnavailable('a link that holds a user or a password is not fetched');
  }
  // Below 1024 are the ports of other services, some of which can be made to read a request as commands.
  const port = Number(url.port || 80);
  if (port !== 80 && port !== 443 && port < 1024) {
    throw new ImageUnavailable('images are fetched from ports 80, 443 and those from 1024 on');
  }
  return url;
}

async function get(url: URL, options: FetchOptions): Promise<http.IncomingMessage> {
  const { signal } = options;
  const addresses = await checkedAddresses(url, options);
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    // No agent: a connection that stands open was made for another check.
    const sent = request(url, { agent: false, signal, headers: HEADERS, lookup: pinnedTo(addresses) });
    sent.once('response', resolve);
    sent.on('error', reject);
    // An answer that switches protocols is neither; after a response it settles nothing.
    sent.once('close', () => reject(new Error('The connection was closed.')));
    sent.end();
  });
}

/** @throws ImageUnavailable in the same words for a name that is unknown and one of an address that is not public */
async function checkedAddresses(
  { hostname }: URL,
  { signal, isAllowed = isPublicAddress, lookup = systemLookup }: FetchOptions,
): Promise<readonly LookupAddress[]> {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const found = lookup(host).catch((): LookupAddress[] => []);
  const addresses = await abortable(found, signal);
  if (addresses.length === 0 || !addresses.every(({ address }) => isAllowed(address))) {
    throw new ImageUnavailable('its host has no public address');
  }
  return addresses;
}

const systemLookup = (host: string): Promise<LookupAddress[]> => resolve(host, { all: true });

/** Answers with the addresses that were checked, so that a name cannot point elsewhere a moment later. */
function pinnedTo(addresses: readonly LookupAddress[]): LookupFunction {
  return (_host, { all }, callback) => {
    const [first] = addresses;
    process.nextTick(() => {
      if (all) callback(null, [...addresses]);
      else callback(null, first?.address ?? '', first?.family);
    });
  };
}

const NO_IMAGE = 'it is no PNG, JPEG, GIF or WebP image';

async function readImage(response: http.IncomingMessage, maxBytes: number): Promise<FetchedImage> {
  const { statusCode, headers } = response;
  if (statusCode !== 200) throw new ImageUnavailable(`its server answered ${statusCode}`);
  if (!/^image\//i.test(headers['content-type'] ?? '')) throw new ImageUnavailable(NO_IMAGE);
  requireSize(Number(headers['content-length'] ?? 0), maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    requireSize(size, maxBytes);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const mediaType = mediaTypeOf(bytes);
  if (!mediaType) throw new ImageUnavailable(NO_IMAGE);
  return { mediaType, bytes };
}

function requireSize(bytes: number, max: number): void {
  if (bytes > max) throw new ImageUnavailable(`it is larger than ${max} bytes`);
}

/** By the signature that each format begins with. SVG, which can hold links and scripts, is none of them. */
function mediaTypeOf(bytes: Buffer): string | undefined {
  const start = bytes.toString('latin1', 0, 12);
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'image/gif';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'image/webp';
  return undefined;
}
