import { StreamableFile } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { Response } from 'express';

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Express as Nest drives it, with one difference: JSON is written as it is. Express' own `res.json` hashes each
 * answer for an ETag and looks its type up several times, which costs a short answer more than all the rest of it.
 */
export class LeanExpressAdapter extends ExpressAdapter {
  override reply(response: Response, body: unknown, statusCode?: number): unknown {
    const json = toJson(response, body);
    if (json === undefined) return super.reply(response, body, statusCode) as unknown;
    if (statusCode !== undefined) response.statusCode = statusCode;
    response.setHeader('content-type', JSON_TYPE);
    response.setHeader('content-length', Buffer.byteLength(json));
    return response.end(json);
  }
}

/** The answer's JSON text; undefined where it is something else than JSON. */
function toJson(response: Response, body: unknown): string | undefined {
  if (typeof body === 'string') return response.getHeader('content-type') === JSON_TYPE ? body : undefined;
  if (typeof body !== 'object' || body === null) return undefined;
  if (body instanceof StreamableFile || body instanceof Error) return undefined;
  return JSON.stringify(body);
}
