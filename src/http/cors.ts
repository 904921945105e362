import type { IncomingMessage, ServerResponse } from 'node:http';

// What pages of an allowed origin may send. An extension's routes may take more than GET and POST.
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const HEADERS = [
  'Content-Type, Authorization, Last-Event-ID, Idempotency-Key, X-Request-Id',
  'traceparent, tracestate, baggage, b3, sentry-trace', // what tracing in a page adds to each request by itself
].join(', ');
/** Headers that a page may read beside those of every answer that it may: how long to wait, for instance. */
const EXPOSED = 'Retry-After, Location, Idempotency-Replayed, X-Request-Id';
/** In seconds: how long a browser need not ask again. */
const MAX_AGE = '600';

/**
 * Lets a page of an allowed origin read the answer, with the user's credentials: that one origin, never `*`.
 * Nothing is said to any other. Nor is a public page ever told that it may reach into a private network.
 *
 * @param origin of the page, which has been checked
 * @returns true when the request only asked what it may send (a preflight), and has been answered
 */
export function answerAllowedPage(
  { headers, method }: IncomingMessage,
  res: ServerResponse,
  origin: string,
): boolean {
  res.setHeader('access-control-allow-origin', origin);
  res.setHeader('access-control-allow-credentials', 'true');
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) {
    res.setHeader('access-control-expose-headers', EXPOSED);
    return false;
  }
  res.setHeader('access-control-allow-methods', METHODS);
  res.setHeader('access-control-allow-headers', HEADERS);
  res.setHeader('access-control-max-age', MAX_AGE);
  res.writeHead(204).end();
  return true;
}
