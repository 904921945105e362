import express, { type Request, type RequestHandler } from 'express';
import { writeError } from './error-response.js';
import { BodyNotJson, BodyNotObject, BodyTooLarge } from './http.errors.js';

/**
 * Reads the JSON body of a request that may change something: at most `limit` bytes, and one object. A request
 * without a body has an empty one.
 */
export function jsonBody(limit: number): RequestHandler[] {
  // Not `strict`: it would call a number or null broken JSON, which it is not. The type has been looked at before.
  const read = express.json({ limit, strict: false, type: () => true });
  return [requireJson, nameUtf8, atMost(limit), read, requireObject];
}

/** Express' own limit reads a body that is too large to its end before it refuses it. */
function atMost(limit: number): RequestHandler {
  return (req, res, next) => {
    const refuse = () => {
      if (!res.headersSent) writeError(res, new BodyTooLarge(limit));
    };
    if (Number(req.headers['content-length'] ?? 0) > limit) {
      refuse();
      return;
    }
    if (req.headers['transfer-encoding'] !== undefined) {
      let received = 0;
      req.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received > limit) refuse();
      });
    }
    next();
  };
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

const requireJson: RequestHandler = (req, _res, next) => {
  if (hasBody(req.headers) ? !req.is('json') : isForm(req)) throw new BodyNotJson();
  next();
};

/** Names UTF-8 as Express reads it: clients give it other names, such as utf8 (https://encoding.spec.whatwg.org/#names-and-labels). */
const nameUtf8: RequestHandler = ({ headers }, _res, next) => {
  const type = headers['content-type'];
  const label = type && /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(type)?.[1];
  if (label && isUtf8(label)) headers['content-type'] = 'application/json; charset=utf-8';
  next();
};

function isUtf8(label: string): boolean {
  try {
    return new TextDecoder(label).encoding === 'utf-8';
  } catch {
    return false; // no label of any encoding: Express refuses it
  }
}

/** An empty form still names its type, and a program that sends nothing needs none. */
function isForm({ method, headers }: Request): boolean {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type !== undefined && type !== 'application/json' && !SAFE_METHODS.has(method);
}

const requireObject: RequestHandler = (req, _res, next) => {
  const body: unknown = req.body;
  if (body === undefined) req.body = {};
  else if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new BodyNotObject();
  next();
};

function hasBody(headers: Readonly<Record<string, unknown>>): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
