import type { Response } from 'express';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';

/** Shorter JSON gains nothing: it fits into one packet as it is. */
const WORTH_BYTES = 1_024;
/** Half of the time of zlib's default level, for an answer that is a tenth longer. */
const OPTIONS = { level: 4 };

const compress = promisify<string | Buffer, typeof OPTIONS, Buffer>(gzip);

/**
 * Whether an answer of so many bytes is to be compressed, as its client prefers; caches are told that it depends.
 * Streams of events are never asked about: a compressor would hold back what is ready.
 */
export function prefersGzip(res: ServerResponse, bytes: number): boolean {
  if (bytes <= WORTH_BYTES) return false;
  const { req } = (res as Response).vary('Accept-Encoding');
  return 'accept-encoding' in req.headers && req.acceptsEncodings('gzip', 'identity') === 'gzip';
}

/** Compresses a body on another thread, and notes it in the headers. */
export async function gzipped(res: ServerResponse, body: string | Buffer): Promise<Buffer> {
  const compressed = await compress(body, OPTIONS);
  res.setHeader('content-encoding', 'gzip');
  return compressed;
}

/** Compresses parts as they are taken. @throws what `parts` throws */
export async function* gzippedParts(
  parts: AsyncIterable<string | Buffer>,
): AsyncGenerator<Buffer, void, void> {
  const compressed = createGzip(OPTIONS);
  pipeline(parts, compressed, () => undefined); // an error comes out of the loop below
  yield* compressed as AsyncIterable<Buffer>;
}
