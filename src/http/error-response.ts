import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { newRequestId, REQUEST_ID } from './request-id.js';
import { type DomainError, type ErrorBody, secondsToWait } from '../common/errors.js';

// Every way by which an error leaves the server. Whatever the door, it tells the same sentence, code and time to wait.

const JSON_TYPE = 'application/json; charset=utf-8';

/** The acknowledgement of a socket's message that was refused. */
export type RefusedAck = { readonly ok: false } & ErrorBody;

/** The headers of an error beside those of its body: its own, and Retry-After when it tells to wait. */
export function errorHeaders({ headers, retryAfterMs }: DomainError): Record<string, string> {
  const wait = retryAfterMs !== undefined && { 'Retry-After': String(secondsToWait(retryAfterMs)) };
  return { ...headers, ...wait };
}

/** Answers with the error. An answer that has begun is cut off instead: it must not look complete. */
export function writeError(res: ServerResponse, error: DomainError): void {
  if (res.headersSent) {
    if (!res.writableEnded) res.destroy();
    return;
  }
  const body = JSON.stringify(error.toBody());
  const length = Buffer.byteLength(body);
  const headers = { ...errorHeaders(error), 'content-type': JSON_TYPE, 'content-length': length };
  res.writeHead(error.status, headers).end(body);
}

/**
 * Answers on a connection that has no response: an upgrade, or a request that could not be read. Ends it.
 * @param headers beside those of the error; the request's id, where there is a request
 */
export function rejectSocket(
  socket: Duplex,
  error: DomainError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(error.toBody());
  const all = {
    [REQUEST_ID]: newRequestId(),
    ...headers,
    ...errorHeaders(error),
    Connection: 'close',
    'Content-Type': JSON_TYPE,
    'Content-Length': Buffer.byteLength(body),
  };
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    ...Object.entries(all).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.on('error', () => undefined); // who is refused may have left: then nobody is told
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** The answer to a socket's message that was refused. */
export function refusedAck(error: DomainError): RefusedAck {
  return { ok: false, ...error.toBody() };
}
