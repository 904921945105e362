import type { Namespace, Socket } from 'socket.io';
import type { ServerToClientEvents } from '../events/index.js';
import type { ClientToServerEvents } from './socket-messages.js';

/** A client's socket: it is sent the documented messages only. */
export type ClientSocket = Socket<ClientToServerEvents, ServerToClientEvents>;
export type ClientNamespace = Namespace<ClientToServerEvents, ServerToClientEvents>;
