import type { Socket } from 'node:net';
import { networkOf } from './client-id.js';

/**
 * Connections on which nobody has shown a token as yet, where one is asked for. One more than an address may have pushes
 * out its oldest instead of being refused: it may be of somebody who has a token, and shares the address with one who
 * only holds connections.
 */
export class UnknownConnections {
  private readonly byNetwork = new Map<string, Set<Socket>>();

  /** @param most of one address */
  constructor(private readonly most: number) {}

  add(socket: Socket): void {
    const network = networkOf(socket.remoteAddress ?? '');
    let all = this.byNetwork.get(network);
    if (!all) this.byNetwork.set(network, (all = new Set()));
    if (all.size >= this.most) dropOldest(all);
    all.add(socket);
    socket.once('close', () => this.remove(network, socket));
  }

  has(socket: Socket): boolean {
    return this.byNetwork.get(networkOf(socket.remoteAddress ?? ''))?.has(socket) ?? false;
  }

  /** A token was shown on it. */
  delete(socket: Socket): void {
    this.remove(networkOf(socket.remoteAddress ?? ''), socket);
  }

  private remove(network: string, socket: Socket): void {
    const all = this.byNetwork.get(network);
    all?.delete(socket);
    if (all?.size === 0) this.byNetwork.delete(network);
  }
}

function dropOldest(sockets: Set<Socket>): void {
  const [oldest] = sockets;
  if (!oldest) return;
  sockets.delete(oldest);
  oldest.destroy();
}
