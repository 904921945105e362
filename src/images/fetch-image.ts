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
/** Maximum size of a fetched image, in bytes. */
export const MAX_IMAGE_BYTES = 10 * 1024 * 1024;

const HEADERS = {
  accept: 'image/png, image/jpeg, image/gif, image/webp',
  'accept-encoding': 'identity',
  'user-agent': 'agent-tars',
};

export interface FetchedImage {
  /** Media type by the image's first bytes, not by its server's header. */
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Default {@link MAX_IMAGE_BYTES}. */
  readonly maxBytes?: number;
  /** Timeout for the whole: lookups, redirects and the image itself. Default 15,000 ms. */
  readonly timeoutMs?: number;
  /** Addresses that may be connected to. Default: public ones; only tests, with local servers, allow others. */
  readonly isAllowed?: (address: string) => boolean;
  /** All addresses of a host. Default: those of the system's resolver. */
  readonly lookup?: (host: string) => Promise<readonly LookupAddress[]>;
}

export type FetchImage = (url: string, options: FetchOptions) => Promise<FetchedImage>;

/** An image could not be fetched. The message may be shown: it reveals nothing about this server's network. */
export class ImageUnavailable extends Error {
  override readonly name = 'ImageUnavailable';
}

/**
 * Fetches an image from an untrusted URL. The host is resolved once, every address must be public, and the connection
 * goes to a checked address; the same holds for each of at most three redirects. Only the address is checked: a public
 * one that a firewall opens to this machine alone is reached.
 * @returns a PNG, JPEG, GIF or WebP image
 * @throws ImageUnavailable with the reason; the signal's reason once it has aborted
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

/** Follows redirects to the final answer. */
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

/** @throws ImageUnavailable for URLs that are never fetched, whatever their address */
function parse(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw new ImageUnavailable('its link is no URL');
  const url = new URL(text, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ImageUnavailable('only http: and https: links are fetched');
  }
  if (url.username !== '' || url.password !== '') {
    throw new ImageUnavailable('a link that holds a user or a password is not fetched');
  }
  // Ports below 1024 belong to other services, some of which would read a request as commands.
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
    // No agent: a keep-alive connection would bypass the check of the address.
    const sent = request(url, { agent: false, signal, headers: HEADERS, lookup: pinnedTo(addresses) });
    sent.once('response', resolve);
    sent.on('error', reject);
    // An answer that switches protocols emits neither event; after a response this changes nothing.
    sent.once('close', () => reject(new Error('The connection was closed.')));
    sent.end();
  });
}

/** @throws ImageUnavailable with the same message for an unknown name and for a private address */
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

/** A lookup that gives the checked addresses, so that a name cannot resolve differently later. */
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

/** Media type by the signature of each format. SVG, which can hold links and scripts, is not accepted. */
function mediaTypeOf(bytes: Buffer): string | undefined {
  const start = bytes.toString('latin1', 0, 12);
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'image/gif';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'image/webp';
  return undefined;
}
