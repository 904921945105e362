import { buildConnector, Client } from 'undici';

/** Maximum of idle connections per origin, as in `node:http`. */
const MAX_IDLE = 256;

// One connector for all: it caches TLS sessions. No timeouts: the agent loop has its own for a silent model.
const connect = buildConnector({ timeout: 0 });

const idle = new Map<string, Client[]>();

/**
 * A connection for one request at a time; its first request opens it, and a later one reopens it if the server has
 * closed it. The caller must {@link release} the connection, or destroy it with its request.
 *
 * undici's own pool is not used: it opens another connection for each aborted request, and keeps as many as there ever
 * were at once.
 */
export function connectionTo(origin: string): Client {
  return (
    idle.get(origin)?.pop() ??
    new Client(origin, { connect, headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 60_000 })
  );
}

/** Returns a connection whose request is done. */
export function release(origin: string, connection: Client): void {
  const others = idle.get(origin);
  if (!others) idle.set(origin, [connection]);
  else if (others.length < MAX_IDLE) others.push(connection);
  else void connection.close();
}
