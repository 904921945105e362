import type { Express } from 'express';
import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * An HTTP server for an Express application whose requests and responses are Express' own from their birth. Express
 * otherwise changes the prototype of each of them, and V8 runs whatever uses such an object without its caches: a
 * short answer costs two to four times as much.
 */
export function createExpressServer(app: Express): Server {
  try {
    const classes = classesOf(app);
    new classes.ServerResponse(new classes.IncomingMessage(undefined as unknown as Socket));
    return createServer(classes, app);
  } catch {
    return createServer(app); // these have become classes, which cannot be called: slower, and right
  }
}

// Functions that call the base, not `class … extends`: their prototype has to be the application's own object.
function classesOf(app: Express): {
  IncomingMessage: typeof IncomingMessage;
  ServerResponse: typeof ServerResponse;
} {
  function Request(this: IncomingMessage, socket: Socket) {
    call(IncomingMessage, this, socket);
  }
  Request.prototype = app.request;
  function Response(this: ServerResponse, ...args: unknown[]) {
    call(ServerResponse, this, ...args);
  }
  Response.prototype = app.response;
  return {
    IncomingMessage: Request as unknown as typeof IncomingMessage,
    ServerResponse: Response as unknown as typeof ServerResponse,
  };
}

function call(constructor: unknown, self: object, ...args: unknown[]): void {
  (constructor as (...args: unknown[]) => void).call(self, ...args);
}
