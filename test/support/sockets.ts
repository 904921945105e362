import type { Socket } from 'socket.io-client';
import { type AnyEvent, eventsOf } from './client.js';

/** What a socket is answered when it asks for an acknowledgement. */
export interface Ack {
  readonly ok: boolean;
  readonly error?: string;
  readonly code?: string;
  readonly [field: string]: unknown;
}

/** Sends a message and waits for its acknowledgement. */
export function ask(socket: Socket, message: string, ...args: unknown[]): Promise<Ack> {
  return socket.timeout(30_000).emitWithAck(message, ...args) as Promise<Ack>;
}

/** Everything that a socket is sent, by the name of the message. */
export function listen(socket: Socket) {
  return {
    events: eventsOf(socket),
    statuses: eventsOf(socket, 'agent-status'),
    aborts: eventsOf(socket, 'abort-result'),
    /** The texts of the `error` messages. */
    errors: collect(socket, 'error'),
  };
}

function collect(socket: Socket, name: string): string[] {
  const texts: string[] = [];
  socket.on(name, (text: string) => texts.push(text));
  return texts;
}

/**
 * Resolves when all that the server had sent to this socket before has arrived: messages keep their order, so
 * one that asks for an answer is behind them.
 */
export async function settled(socket: Socket): Promise<void> {
  await ask(socket, 'leave-session', 'a session that does not exist');
}

/** Resolves with the next message of that name. */
export function next<T = AnyEvent>(socket: Socket, name: string): Promise<T> {
  return new Promise((resolve) => socket.once(name, (value: T) => resolve(value)));
}
