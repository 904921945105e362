import { buildConnector, Client } from 'undici';

/** How many connections without a request are kept for an origin, like `node:http` does. */
const MAX_IDLE = 256;

// One for all: it holds what is needed to resume TLS sessions. The loop has its own timeouts for a silent model.
const connect = buildConnector({ timeout: 0 });

const idle = new Map<string, Client[]>();

/**
 * A connection for one request at a time; it is opened by its first one, and again where the server has closed it
 * meanwhile. To be given back with {@link release}, or destroyed with what it does.
 *
 * undici's own pool is not used: it opens another connection for each request that is aborted, and keeps as many as
 * there ever were at once.
 */
export function connectionTo(origin: string): Client {
  return (
    idle.get(origin)?.pop() ??
    new Client(origin, { connect, headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 60_000 })
  );
}

/** Its request is done. */
export function release(origin: string, connection: Client): void {
  const others = idle.get(origin);
  if (!others) idle.set(origin, [connection]);
  else if (others.length < MAX_IDLE) others.push(connection);
  else void connection.close();
}
