import { Logger } from '@nestjs/common';
import { once } from 'node:events';
import type { Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';

const FIRST_PORT = 8888;
const PORTS_TRIED = 100;
const SECOND_LOOPBACK = '::1';

/** The server cannot listen where it was told to. The message says why and what to do. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
}

/**
 * @param port `'auto'` takes the first free one from 8888
 * @returns the port that was taken
 * @throws CannotListen
 */
export async function listenOn(http: Server, port: number | 'auto', host: string): Promise<number> {
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

/**
 * Takes connections to the other loopback address, and hands them to the one server, with its limits and timeouts.
 * @returns what listens there; undefined where this machine has no such address, or another program has its port
 */
export async function listenOnSecondLoopback(http: Server, port: number): Promise<net.Server | undefined> {
  const second = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    http.emit('connection', socket);
  });
  // Node tells it of requests that cannot be read: it is where the connection was accepted.
  second.on('clientError', (error, socket) => http.emit('clientError', error, socket));
  try {
    second.listen(port, SECOND_LOOPBACK);
    await once(second, 'listening');
    return second;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      new Logger('HttpServer').debug(
        `Port ${port} is taken on ${SECOND_LOOPBACK} by somebody else, who may be what "localhost" leads to: use 127.0.0.1.`,
      );
    }
    return undefined;
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
