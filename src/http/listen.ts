import { Logger } from '@nestjs/common';
import { once } from 'node:events';
import type { Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { LeanExpressAdapter } from './lean-adapter.js';

const FIRST_PORT = 8888;
const PORTS_TRIED = 100;

/** The server cannot listen where it was told to. The message says why and what to do. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
}

/**
 * Nest's HTTP server, which also listens on this machine's second loopback address: browsers may take either
 * for "localhost".
 */
export class HttpAdapter extends LeanExpressAdapter {
  private readonly log = new Logger(HttpAdapter.name);
  private second: net.Server | undefined;

  /**
   * Not by `listen`: Nest logs every port it finds taken as an error of its own.
   * @param port `'auto'` takes the first free one from 8888
   * @throws CannotListen
   */
  async listenOn(port: number | 'auto', host: string): Promise<void> {
    const isLocal = host === '127.0.0.1' || host.toLowerCase() === 'localhost';
    const taken = await listenOnFirstFree(this.http, port, isLocal ? '127.0.0.1' : host);
    if (isLocal) await this.alsoListenOn(taken, '::1');
  }

  override async close(): Promise<void> {
    this.second?.close(); // its connections are the server's own, and end with them
    this.second = undefined;
    await super.close();
  }

  private get http(): Server {
    return this.getHttpServer();
  }

  /** Whoever comes here is handed to the one server, with its limits and timeouts. */
  private async alsoListenOn(port: number, host: string): Promise<void> {
    const second = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.http.emit('connection', socket);
    });
    // Node tells it of requests that cannot be read: it is where the connection was accepted.
    second.on('clientError', (error, socket) => this.http.emit('clientError', error, socket));
    try {
      second.listen(port, host);
      await once(second, 'listening');
      this.second = second;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') return; // this machine has no such address
      this.log.debug(
        `Port ${port} is taken on ${host} by somebody else, who may be what "localhost" leads to: use 127.0.0.1.`,
      );
    }
  }
}

async function listenOnFirstFree(http: Server, port: number | 'auto', host: string): Promise<number> {
  const last = port === 'auto' ? FIRST_PORT + PORTS_TRIED : port;
  for (let tried = port === 'auto' ? FIRST_PORT : port; ; tried++) {
    try {
      http.listen(tried, host);
      await once(http, 'listening');
      return (http.address() as AddressInfo).port;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && tried < last) continue;
      throw cannotListen(error as NodeJS.ErrnoException, tried, host);
    }
  }
}

function cannotListen(error: NodeJS.ErrnoException, port: number, host: string): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new CannotListen(
        `Port ${port} is taken on ${host}. Stop what listens there, choose another with --port, or take any with --port auto.`,
      );
    case 'EACCES':
      return new CannotListen(
        `Port ${port} may not be used by this user. Choose one above 1023 with --port.`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new CannotListen(`This machine has no address ${host}. Choose another with --host.`);
    default:
      return error;
  }
}
