import type { Server, Socket } from 'socket.io';
import { MAX_PENDING_BYTES } from '../http/event-stream.js';

type Connection = Socket['conn'];

interface Packet {
  readonly data?: string | { readonly byteLength: number };
}

/** What is sent by a socket and not taken yet; engine.io itself would keep all of it, however much it becomes. */
class Backlog {
  /** Bytes that wait for the transport. */
  private waiting = 0;
  /** Bytes that the transport has been given last; it takes more once these are gone. */
  private given = 0;

  constructor(private readonly connection: Connection) {
    connection.on('packetCreate', (packet: Packet) => this.add(packet));
    // 'drain' comes when the transport has taken what waited, which it does once it has sent what it was given.
    connection.on('flush', () => {
      this.given = this.waiting;
      this.waiting = 0;
    });
  }

  get isWaiting(): boolean {
    return this.waiting > 0;
  }

  private add({ data }: Packet): void {
    // One packet alone is no sign of a slow reader, however large: it counts when the next one comes.
    const unread = this.waiting + (this.connection.transport.writable ? 0 : this.given);
    if (unread > MAX_PENDING_BYTES) {
      drop(this.connection);
      return;
    }
    if (data !== undefined) this.waiting += typeof data === 'string' ? data.length : data.byteLength;
  }
}

/** Not in order: the reader would have to take all that waits before the goodbye. */
function drop(connection: Connection): void {
  connection.close(true);
  const { socket } = connection.transport as { socket?: { terminate?: () => void } };
  socket?.terminate?.(); // a WebSocket waits half a minute for an answer otherwise
}

const backlogs = new WeakMap<Connection, Backlog>();

/** Disconnects every client that leaves more than {@link MAX_PENDING_BYTES} unread; it can join again with its cursor. */
export function boundBacklogs(server: Server): void {
  server.engine.on('connection', (connection: Connection) => {
    backlogs.set(connection, new Backlog(connection));
  });
}

/** Resolves when the socket's reader has taken what it was sent, or has left. */
export function drained({ conn }: Socket): Promise<void> {
  if (conn.readyState !== 'open' || !backlogs.get(conn)?.isWaiting) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      conn.off('drain', done);
      conn.off('close', done);
      resolve();
    };
    conn.once('drain', done);
    conn.once('close', done);
  });
}
