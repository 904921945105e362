import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { cutText } from '../common/text.js';
import { rejectSocket } from './error-response.js';
import { REQUEST_ID, requestIdOf } from './request-id.js';
import { RouteNotFound } from './http.errors.js';

/** How long whoever listens for upgrades has to begin an answer. */
const UNCLAIMED_MS = 1_000;
/** Of the connection alone, or of the upgrade that is not made. */
const HOP_HEADERS = new Set(['connection', 'upgrade', 'http2-settings']);

/** Connections whose errors are seen to: one that goes on may offer another protocol with each request. */
const seenTo = new WeakSet<Socket>();

/**
 * Handles what Node leaves to listeners once there is one for upgrades. Each request that offers another protocol
 * than WebSocket is then taken for an upgrade too, as some clients offer HTTP/2 with their first request; the
 * offer is ignored, and the request is met. A WebSocket that no listener claims is refused.
 *
 * @param reconnect gives a connection back to the HTTP server, as if it had just come
 * @returns true when nothing is left to do
 */
export function settleUpgrade(
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
  reconnect: (socket: Socket) => void,
): boolean {
  destroyOnError(socket);
  if (req.headers.upgrade?.toLowerCase() !== 'websocket') {
    ignoreOffer(req, socket, head, reconnect);
    return true;
  }
  const { bytesWritten } = socket;
  const refuse = () => {
    if (!socket.writable || socket.bytesWritten !== bytesWritten) return;
    const where = cutText(req.url?.split('?', 1)[0] ?? '', 200);
    rejectSocket(socket, new RouteNotFound(`There is no WebSocket at ${where}.`), {
      [REQUEST_ID]: requestIdOf(req),
    });
  };
  setTimeout(refuse, UNCLAIMED_MS).unref();
  return false;
}

/** Has the request met as if it had offered no other protocol. */
export function ignoreOffer(
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
  reconnect: (socket: Socket) => void,
): void {
  socket.unshift(Buffer.concat([withoutOffer(req), head]));
  reconnect(socket);
}

/** Node takes its own listener off at each upgrade: without one, an error would end the process. */
export function destroyOnError(socket: Socket): void {
  if (seenTo.has(socket)) return;
  seenTo.add(socket);
  socket.on('error', () => socket.destroy());
}

/** The head of the request as it would be without the offer. */
function withoutOffer({ method, url, httpVersion, rawHeaders, headers }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2);
    if (!HOP_HEADERS.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  if (/\bclose\b/i.test(headers.connection ?? '')) lines.push('Connection: close');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
