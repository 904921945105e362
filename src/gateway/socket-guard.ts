import type { IncomingMessage } from 'node:http';
import type { Namespace, Server } from 'socket.io';
import { type AccessControl, credentialsOf, type Scope, type TokenEntry } from '../auth/index.js';
import { addressOf, clientIdOf, setClientId } from '../http/client-id.js';
import { type DomainError, toDomainError } from '../common/errors.js';
import { cutText } from '../common/text.js';
import { refusedAck } from '../http/error-response.js';
import type { Limits } from '../http/limits.js';
import type { ClientSocket } from './client-socket.js';
import type { Handshakes } from './handshakes.js';

/** What a message needs. Those of other gateways, which extend the server, need the most. */
const SCOPE_OF: ReadonlyMap<string, Scope> = new Map([
  ['join-session', 'read'],
  ['leave-session', 'read'],
  ['send-query', 'query'],
  ['abort-query', 'query'],
]);

/**
 * Why a connection is refused before it is one, or undefined. Without a token in a header it is let in: one may
 * follow in the handshake. Who has none by then is let into no namespace by {@link guardSockets}.
 */
export function handshakeRefusal(req: IncomingMessage, access: AccessControl): DomainError | undefined {
  const credentials = credentialsOf(req);
  if (!credentials || 'cookies' in credentials) return undefined;
  try {
    access.authenticate(credentials, addressOf(req));
    return undefined;
  } catch (error) {
    return toDomainError(error);
  }
}

/** Asks for a token at each namespace, and for its scope at each message. */
export function guardSockets(io: Server, access: AccessControl): void {
  const guard = (namespace: Namespace) => {
    namespace.use((socket, next) => {
      try {
        enter(socket, access);
      } catch (error) {
        return next(toConnectError(error));
      }
      next();
    });
  };
  atEachNamespace(io, guard);
}

/** Holds each client to its number of sockets; behind {@link guardSockets}, which knows the clients. */
export function limitSockets(io: Server, limits: Limits, handshakes: Handshakes): void {
  atEachNamespace(io, (namespace) => {
    namespace.use((socket, next) => {
      try {
        socket.conn.once('close', limits.holdSocket(clientIdOf(socket.request)));
        handshakes.end(socket.conn);
      } catch (error) {
        return next(toConnectError(error));
      }
      next();
    });
  });
}

function atEachNamespace(io: Server, act: (namespace: Namespace) => void): void {
  act(io.sockets);
  io.on('new_namespace', act);
}

function enter(socket: ClientSocket, access: AccessControl): void {
  const { token: given } = socket.handshake.auth as { token?: unknown };
  const credentials = typeof given === 'string' ? { token: given } : credentialsOf(socket.request);
  const entry = access.authenticate(credentials, addressOf(socket.request));
  setClientId(socket.request, entry.id);
  const left = access.live.add(entry.id, () => cutOff(socket));
  socket.conn.once('close', left);
  guardMessages(socket, entry, access);
}

/** What may not be sent is answered here, as the gateway answers, and goes no further. */
function guardMessages(socket: ClientSocket, entry: TokenEntry, access: AccessControl): void {
  socket.use(([message, ...args]: [string, ...unknown[]], next) => {
    try {
      access.requireScope(entry, SCOPE_OF.get(message) ?? 'admin', `"${cutText(message, 100)}"`);
    } catch (thrown) {
      const error = toDomainError(thrown);
      socket.emit('error', error.message);
      const ack = args.at(-1);
      if (typeof ack === 'function') (ack as (answer: object) => void)(refusedAck(error));
      return;
    }
    next();
  });
}

function cutOff(socket: ClientSocket): void {
  socket.emit('error', 'The token of this connection has expired or was revoked.');
  socket.disconnect(true);
  socket.conn.close(); // also one that was still on its way in
}

/** What the client's `connect_error` is given: the sentence, and the error's body as its data. */
function toConnectError(thrown: unknown): Error {
  const error = toDomainError(thrown);
  return Object.assign(new Error(error.message), { data: error.toBody() });
}
