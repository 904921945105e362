import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

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
export class PageServer {
  private constructor(private readonly server: Server) {}

  static async start(): Promise<PageServer> {
    const server = createServer((req, res) => {
      const name = new URL(req.url ?? '/', 'http://localhost').pathname.slice(1);
      pageFile(name).then(
        ({ body, contentType }) => res.writeHead(200, { 'content-type': contentType }).end(body),
        () => res.writeHead(404).end(),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PageServer(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
