import { readFile } from 'node:fs/promises';
import type http from 'node:http';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StubServer } from './stub-server.js';

export const PAGES = fileURLToPath(new URL('../pages', import.meta.url));

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

// Its package exports no file of its own.
const CLIENT = fileURLToPath(
  new URL('../../node_modules/socket.io-client/dist/socket.io.min.js', import.meta.url),
);

/** A file of `test/pages`, or Socket.IO's client as `client.js`. */
export async function pageFile(name: string): Promise<{ body: string; contentType: string }> {
  const path = name === 'client.js' ? CLIENT : `${PAGES}/${name}`;
  return { body: await readFile(path, 'utf8'), contentType: TYPES[extname(name)] ?? 'text/plain' };
}

/** Somebody else's web server. */
export class PageServer extends StubServer {
  static start(): Promise<PageServer> {
    return new PageServer().listen();
  }

  protected async handle(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const name = new URL(req.url ?? '/', 'http://localhost').pathname.slice(1);
    await pageFile(name).then(
      ({ body, contentType }) => res.writeHead(200, { 'content-type': contentType }).end(body),
      () => res.writeHead(404).end(),
    );
  }
}
