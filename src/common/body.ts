import express, { type RequestHandler } from 'express';
import { DomainError } from './errors.js';

/**
 * Reads the JSON body of a request that may change something: at most `limit` bytes, and one object. A request
 * without a body has an empty one.
 */
export function jsonBody(limit: number): RequestHandler[] {
  // Not `strict`: it would call a number or null broken JSON, which it is not.
  return [requireJson, express.json({ limit, strict: false }), requireObject];
}

const requireJson: RequestHandler = (req, _res, next) => {
  if (hasBody(req.headers) && !req.is('json')) {
    throw new DomainError(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be JSON: send the header "Content-Type: application/json".',
    );
  }
  next();
};

const requireObject: RequestHandler = (req, _res, next) => {
  const body: unknown = req.body;
  if (body === undefined) req.body = {};
  else if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new DomainError('INVALID_INPUT', 'The body must be one JSON object, such as {"sessionId": "…"}.');
  }
  next();
};

function hasBody(headers: Readonly<Record<string, unknown>>): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
