import type { Request, Response } from 'express';
import { basename, extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { OpenFile } from '../files/jailed-files.js';
import { isText } from '../files/text-file.js';
import { FileNotRun } from './workspace.errors.js';

/**
 * Content security policy of a page from the workspace: it may show itself and load files of this server, but runs no
 * script, sends no form, and loads nothing from elsewhere. The page keeps its origin, harmless without scripts:
 * otherwise a browser would treat pictures and styles beside the page as cross-site.
 */
const POLICY = [
  'sandbox allow-same-origin',
  "default-src 'none'",
  "img-src 'self' data:",
  "media-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

/** Fetch destinations whose files a browser would run, or apply to another document. */
const RUN_BY_BROWSER = new Set([
  'script',
  'worker',
  'sharedworker',
  'serviceworker',
  'audioworklet',
  'paintworklet',
  'xslt',
]);

/** Extensions with another meaning in a workspace than in the registry of media types. */
const OWN_TYPES: Readonly<Record<string, string>> = {
  '.ts': 'text/plain; charset=utf-8',
  '.mts': 'text/plain; charset=utf-8',
  '.cts': 'text/plain; charset=utf-8',
};

const TEXT = 'text/plain; charset=utf-8';
const BINARY = 'application/octet-stream';

/**
 * Sends an open file, or the requested range, with headers that give the file no power over this server; 304 if the
 * client's copy is fresh. Closes the file. The answer has the file's size at its opening; if the file is truncated
 * meanwhile, the connection is closed.
 */
export async function sendFile(req: Request, res: Response, file: OpenFile): Promise<void> {
  try {
    if (RUN_BY_BROWSER.has(req.get('sec-fetch-dest') ?? '')) {
      throw new FileNotRun();
    }
    await setHeaders(res, file);
    if (req.fresh) {
      res.status(304).end();
      return;
    }
    const part = partOf(req, res, file.stats.size);
    res.setHeader('content-length', part.length);
    if (req.method === 'HEAD' || part.length === 0) res.end();
    else await send(res, file, part);
  } finally {
    await file.handle.close();
  }
}

interface Part {
  readonly start: number;
  readonly length: number;
}

async function setHeaders(res: Response, { handle, stats, real }: OpenFile): Promise<void> {
  const name = basename(real);
  res.setHeader('content-security-policy', POLICY);
  res.setHeader('x-content-type-options', 'nosniff');
  res.setHeader('cross-origin-resource-policy', 'same-origin');
  res.setHeader('referrer-policy', 'no-referrer');
  res.setHeader('content-disposition', inline(name));
  res.setHeader('cache-control', 'private, no-cache');
  res.setHeader('accept-ranges', 'bytes');
  res.setHeader('last-modified', stats.mtime.toUTCString());
  const { ino, size, ctimeMs } = stats; // the ctime cannot be set back
  res.setHeader('etag', `"${[ino, size, Math.round(ctimeMs * 1_000)].map((n) => n.toString(36)).join('-')}"`);
  const extension = extname(name).toLowerCase();
  if (OWN_TYPES[extension]) res.setHeader('content-type', OWN_TYPES[extension]);
  else if (extension !== '') res.type(extension);
  if (!res.hasHeader('content-type') || res.getHeader('content-type') === BINARY) {
    res.setHeader('content-type', (await isText(handle)) ? TEXT : BINARY);
  }
}

/** RFC 6266: the name in ASCII for old clients, and in UTF-8 for all others. */
function inline(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `inline; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

/** The requested range; the whole file, which is always allowed, for several ranges or an invalid one. */
function partOf(req: Request, res: Response, size: number): Part {
  const whole = { start: 0, length: size };
  const condition = req.get('if-range');
  if (condition !== undefined && condition !== res.getHeader('etag')) return whole;
  const ranges = req.range(size);
  if (ranges === undefined || ranges === -2) return whole;
  if (ranges === -1) {
    res.status(416).setHeader('content-range', `bytes */${size}`);
    return { start: 0, length: 0 };
  }
  const [range] = ranges;
  if (ranges.type !== 'bytes' || ranges.length !== 1 || !range) return whole;
  const { start, end } = range;
  res.status(206).setHeader('content-range', `bytes ${start}-${end}/${size}`);
  return { start, length: end - start + 1 };
}

async function send(res: Response, { handle }: OpenFile, { start, length }: Part): Promise<void> {
  const stream = handle.createReadStream({ start, end: start + length - 1, autoClose: false });
  try {
    await pipeline(stream, res, { end: false });
  } catch {
    res.destroy(); // the client has disconnected, or the file became unreadable
    return;
  }
  if (stream.bytesRead === length) res.end();
  else res.destroy();
}
