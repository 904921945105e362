import { Logger } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { clientIdOf } from './client-id.js';
import { nextTurn } from '../files/loop-turns.js';
import { gzipped, gzippedParts, prefersGzip } from './compression.js';
import { KeyedMutex } from './keyed-mutex.js';
import { answeredId } from './request-id.js';
import { endAnswer, taken } from './unread.js';

/** Part of an answer's JSON text: at most about a megabyte. */
export type Part = string | Buffer;

const JSON_TYPE = 'application/json; charset=utf-8';
/** Bytes that are written before the reader is waited for. */
const CHUNK_BYTES = 65_536;
/** An answer of up to so many bytes, and the part that goes beyond them, leaves in one write. */
const SMALL_BYTES = 262_144;

const OTHERS_ON_THEIR_WAY =
  'Other large answers are still on their way to this client. Read them to their end, or ask for less at once (limit).';

/**
 * Sends answers of any size in bounded memory: a small one at once, with its length; a larger one part by part, as
 * fast as its reader takes them, and one such answer per client at a time. Both are compressed for those who prefer it.
 */
export class Answers {
  private readonly logger = new Logger(Answers.name);
  private readonly turns: KeyedMutex;

  /** @param stalledReaderMs how long a reader may take no byte; the next large answer waits for twice as long */
  constructor(readonly stalledReaderMs: number) {
    this.turns = new KeyedMutex(2 * stalledReaderMs, OTHERS_ON_THEIR_WAY);
  }

  /**
   * Sends JSON. Resolves when it has been handed over whole, or the reader has left.
   * @param json is ended early when the reader leaves
   * @throws what `json` throws within the small beginning, and DomainError RATE_LIMITED: nothing has been sent then.
   * Later failures are logged, and the connection destroyed: the answer must not look complete.
   */
  async send(res: ServerResponse, json: AsyncGenerator<Part, void, void>): Promise<void> {
    try {
      const { parts, isWhole } = await beginningOf(json);
      if (res.destroyed) return;
      res.setHeader('content-type', JSON_TYPE);
      if (isWhole || res.req.method === 'HEAD') await this.sendWhole(res, parts, isWhole);
      else await this.sendInTurn(res, parts, json);
    } finally {
      await json.return();
    }
  }

  private async sendWhole(res: ServerResponse, parts: readonly Part[], isWhole: boolean): Promise<void> {
    const text = parts.every((part) => typeof part === 'string');
    const plain = text ? parts.join('') : Buffer.concat(parts.map(toBuffer));
    const body = prefersGzip(res, Buffer.byteLength(plain)) ? await gzipped(res, plain) : plain;
    if (isWhole) res.setHeader('content-length', Buffer.byteLength(body));
    void endAnswer(res, body, this.stalledReaderMs);
  }

  private async sendInTurn(
    res: ServerResponse,
    beginning: readonly Part[],
    rest: AsyncIterable<Part>,
  ): Promise<void> {
    const left = new AbortController();
    res.once('close', () => left.abort());
    const release = await this.turns.take(clientIdOf(res.req), left.signal);
    try {
      for await (const part of encoded(res, joined(beginning, rest))) {
        if (res.destroyed) return;
        await this.write(res, toBuffer(part));
        await nextTurn();
      }
      await endAnswer(res, '', this.stalledReaderMs);
    } catch (error) {
      const where = `${res.req.method} ${res.req.url?.split('?', 1)[0]}`;
      this.logger.error(`${where} broke off (${answeredId(res)}): ${String(error)}`);
      res.destroy();
    } finally {
      release();
    }
  }

  private async write(res: ServerResponse, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && !res.destroyed; at += CHUNK_BYTES) {
      if (!res.write(bytes.subarray(at, at + CHUNK_BYTES))) await taken(res, this.stalledReaderMs);
    }
  }
}

/** The parts as the client of a large answer prefers them. */
function encoded(res: ServerResponse, parts: AsyncIterable<Part>): AsyncIterable<Part> {
  if (!prefersGzip(res, SMALL_BYTES)) return parts;
  res.setHeader('content-encoding', 'gzip');
  return gzippedParts(parts);
}

async function* joined(
  beginning: readonly Part[],
  rest: AsyncIterable<Part>,
): AsyncGenerator<Part, void, void> {
  yield* beginning;
  yield* rest;
}

const toBuffer = (part: Part): Buffer => (typeof part === 'string' ? Buffer.from(part) : part);

async function beginningOf(
  json: AsyncIterator<Part, void>,
): Promise<{ readonly parts: readonly Part[]; readonly isWhole: boolean }> {
  const parts: Part[] = [];
  for (let length = 0; length <= SMALL_BYTES;) {
    const next = await json.next();
    if (next.done) return { parts, isWhole: true };
    parts.push(next.value);
    length += next.value.length;
  }
  return { parts, isWhole: false };
}
