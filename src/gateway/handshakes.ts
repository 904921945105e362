import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { clientIdOf } from '../http/client-id.js';
import { REQUEST_ID, requestIdOf } from '../http/request-id.js';
import { type DomainError, toDomainError } from '../common/errors.js';
import { type Gate, sessionIn } from '../http/gate.js';
import type { Held } from '../http/rate-limit.js';

/** One of Engine.IO, which carries Socket.IO's packets. Its id is that of the requests which belong to it. */
type Connection = Socket['conn'];

/** Bytes that a client without a token may send in one request, or over a WebSocket. */
const STRANGER_BYTES = 16_384;

interface Handshake {
  readonly id: string;
  readonly held: Held | undefined;
}

/** Bounds what connections take before they are in a namespace: until then nothing is known of who they are. */
export class Handshakes {
  /** Of handshakes of which no connection has come as yet. */
  private readonly held = new WeakMap<IncomingMessage, Held>();
  private readonly underWay = new WeakMap<Connection, Handshake>();
  private readonly byId = new Map<string, Connection>();
  /** The requests by which connections turn into WebSockets. */
  private readonly upgrades = new WeakMap<Connection, IncomingMessage>();

  constructor(private readonly gate: Gate) {}

  /** Why a handshake has to wait; undefined when it has a place. */
  refusal(req: IncomingMessage & { readonly res?: ServerResponse }): DomainError | undefined {
    try {
      const held = this.gate.holdHandshake(req);
      this.held.set(req, held);
      const answer: EventEmitter = req.res ?? req.socket;
      answer.once('close', () => {
        if (this.held.delete(req)) held.release(); // no connection has come of it
      });
      return undefined;
    } catch (error) {
      return toDomainError(error);
    }
  }

  /** Follows what comes of the handshakes. */
  follow({ engine }: Server): void {
    engine.on('connection', (connection: Connection) => this.begin(connection));
    engine.on('headers', (headers: Record<string, string>, req: IncomingMessage) => {
      if (req.headers.upgrade === undefined) return; // the answer to a poll has its id from the door
      headers[REQUEST_ID] = requestIdOf(req);
      this.upgrade(req);
    });
  }

  /** The connection is in a namespace, and so it is known whose it is. @throws RateLimited */
  end(connection: Connection): void {
    const { id, held } = this.underWay.get(connection) ?? {};
    if (id === undefined) return; // it is in another namespace too
    const { request } = connection;
    const requests = [request, this.upgrades.get(connection)].filter((each) => each !== undefined);
    connection.once('close', this.gate.introduce(id, clientIdOf(request), requests));
    this.forget(connection, id);
    held?.release();
    limitBodies(connection, this.gate.limits.rules.messageBytes);
  }

  private begin(connection: Connection): void {
    const { request, transport } = connection;
    const id = transport.sid;
    const held = this.held.get(request);
    this.held.delete(request);
    this.underWay.set(connection, { id, held });
    this.byId.set(id, connection);
    connection.once('close', () => {
      if (this.underWay.has(connection)) this.cutOff(connection);
      this.forget(connection, id);
      held?.release();
    });
    if (this.gate.isStranger(request)) limitBodies(connection, STRANGER_BYTES);
  }

  /** A WebSocket is not waited for to agree that it is closed by somebody who never said who it is. */
  private cutOff(connection: Connection): void {
    for (const req of [connection.request, this.upgrades.get(connection)]) {
      if (req?.headers.upgrade !== undefined) req.socket.destroySoon();
    }
  }

  private forget(connection: Connection, id: string): void {
    this.underWay.delete(connection);
    this.byId.delete(id);
  }

  /** A request is about to become a WebSocket. */
  private upgrade(req: IncomingMessage): void {
    const connection = this.byId.get(sessionIn(req));
    if (connection) this.upgrades.set(connection, req);
    if (!this.gate.isStranger(req)) return;
    let bytes = 0;
    const count = (chunk: Buffer) => {
      if (!this.gate.isStranger(req)) req.socket.off('data', count);
      else if ((bytes += chunk.length) > STRANGER_BYTES) req.socket.destroy();
    };
    req.socket.on('data', count);
  }
}

function limitBodies({ transport }: Connection, bytes: number): void {
  if ('maxHttpBufferSize' in transport) transport.maxHttpBufferSize = bytes;
}
