import { type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { DomainError } from '../common/errors.js';

// What refuses a request before Express has seen it, in the form of every other error.

const JSON_TYPE = 'application/json; charset=utf-8';

/** Answers with the error. */
export function writeError(
  res: ServerResponse,
  error: DomainError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(error.toBody());
  const length = Buffer.byteLength(body);
  const all: OutgoingHttpHeaders = { ...headers, 'content-type': JSON_TYPE, 'content-length': length };
  res.writeHead(error.status, all).end(body);
}

/** Answers on a connection that has no response: an upgrade, or a request that could not be read. Ends it. */
export function rejectSocket(
  socket: Duplex,
  error: DomainError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(error.toBody());
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'Connection: close',
    `Content-Type: ${JSON_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.on('error', () => undefined); // who is refused may have left: then nobody is told
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
