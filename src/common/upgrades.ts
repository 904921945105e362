import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { DomainError } from './errors.js';
import { endWithError } from './plain-answer.js';

/** How long whoever listens for upgrades has to begin an answer. */
const UNCLAIMED_MS = 1_000;
/** Of the connection alone, or of the upgrade that is not made. */
const HOP_HEADERS = new Set(['connection', 'upgrade', 'http2-settings']);

/**
 * Handles what Node leaves to listeners once there is one for upgrades. Each request that offers another protocol
 * than WebSocket is then taken for an upgrade too, as some clients offer HTTP/2 with their first request; the
 * offer is ignored, and the request is met. A WebSocket that no listener claims is refused.
 *
 * @returns true when nothing is left to do
 */
export function settleUpgrade(server: Server, req: IncomingMessage, socket: Socket, head: Buffer): boolean {
  socket.on('error', () => socket.destroy()); // Node has taken its own listener off
  if (req.headers.upgrade?.toLowerCase() !== 'websocket') {
    replay(server, req, socket, head);
    return true;
  }
  const { bytesWritten } = socket;
  const refuse = () => {
    if (!socket.writable || socket.bytesWritten !== bytesWritten) return;
    const where = req.url?.split('?', 1)[0]?.slice(0, 200);
    endWithError(socket, new DomainError('ROUTE_NOT_FOUND', `There is no WebSocket at ${where}.`));
  };
  setTimeout(refuse, UNCLAIMED_MS).unref();
  return false;
}

/** Gives the connection back to the server, with the request as it would be without the offer. */
function replay(server: Server, req: IncomingMessage, socket: Socket, head: Buffer): void {
  const lines = [`${req.method} ${req.url} HTTP/${req.httpVersion}`];
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = req.rawHeaders.slice(i, i + 2);
    if (!HOP_HEADERS.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  if (/\bclose\b/i.test(req.headers.connection ?? '')) lines.push('Connection: close');
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}
