import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const REQUESTS = new Set<string | symbol>(['request', 'checkContinue', 'checkExpectation']);

/** Requests of a connection that wait for the answer under way. */
const queues = new WeakMap<Socket, (() => void)[]>();

/**
 * Has the server answer the requests of one connection one after the other. Node sends the answers of pipelined
 * requests in order, but begins all of them at once: a thousand requests in one packet would be a thousand answers
 * in memory. Here the next one begins when the one before has been sent, and until then the connection is not read:
 * what waits is at most what had been read already (64 KB), the rest stays with the client.
 */
export function answerOneByOne(server: Server): void {
  const emit = server.emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
  server.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (!REQUESTS.has(event)) return emit(event, ...args);
    const [{ socket }, res] = args as [IncomingMessage, ServerResponse];
    const queue = queues.get(socket);
    const begin = () => {
      res.once('close', () => goOn(socket));
      emit(event, ...args);
    };
    if (queue) {
      queue.push(begin);
      socket.pause();
    } else {
      queues.set(socket, []);
      begin();
    }
    return true;
  };
}

function goOn(socket: Socket): void {
  const next = socket.destroyed ? undefined : queues.get(socket)?.shift();
  if (next) {
    next();
    return;
  }
  queues.delete(socket);
  if (!socket.destroyed && socket.isPaused()) socket.resume();
}
