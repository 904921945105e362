import type { DefaultEventsMap, Namespace, Socket } from 'socket.io';
import type { SocketMessages } from '../events/index.js';

/** A client's socket: it is sent the documented messages only. */
export type ClientSocket = Socket<DefaultEventsMap, SocketMessages>;
export type ClientNamespace = Namespace<DefaultEventsMap, SocketMessages>;
