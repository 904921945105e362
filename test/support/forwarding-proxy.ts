import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { StubServer } from './stub-server.js';

export interface ProxyOptions {
  /** The port of the server behind it. */
  readonly port: number;
  /**
   * What the server is told of the host that was asked for: as Caddy does (the Host is kept, and X-Forwarded-Host too),
   * as nginx with `proxy_set_header Host $host` (kept), or as Apache (replaced, and added to X-Forwarded-Host).
   */
  readonly host?: 'kept and forwarded' | 'kept' | 'replaced and forwarded';
  /** The port that it takes; default: any. */
  readonly listenOn?: number;
  /** The name that it knows the server by, where it replaces the Host. */
  readonly upstream?: string;
}

/** A proxy as it stands before a server: it keeps connections to it, and adds what it has seen to X-Forwarded-For. */
export class ForwardingProxy extends StubServer {
  private readonly agent = new http.Agent({ keepAlive: true });

  private constructor(private readonly options: ProxyOptions) {
    super();
    this.server.on('upgrade', (req: IncomingMessage, socket: Socket) => this.upgrade(req, socket));
  }

  static start(options: ProxyOptions): Promise<ForwardingProxy> {
    return new ForwardingProxy(options).listen('0.0.0.0', options.listenOn);
  }

  get url(): string {
    return this.origin;
  }

  override async stop(): Promise<void> {
    this.agent.destroy();
    await super.stop();
  }

  protected handle(req: IncomingMessage, res: ServerResponse): void {
    const ahead = this.ask(req, this.agent);
    ahead.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      res.flushHeaders();
      answer.on('error', () => res.destroy()).pipe(res);
    });
    ahead.on('error', () => res.destroy());
    res.on('close', () => ahead.destroy()); // who has left wants no answer
    req.pipe(ahead);
  }

  private upgrade(req: IncomingMessage, socket: Socket): void {
    const ahead = this.ask(req, false);
    ahead.on('response', (answer) => {
      socket.write(headOf(answer));
      answer.pipe(socket);
    });
    ahead.on('upgrade', (answer, other: Socket) => {
      socket.write(headOf(answer));
      socket.pipe(other).pipe(socket);
      socket.on('close', () => other.destroy());
      other.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    });
    ahead.on('error', () => socket.destroy());
    socket.on('error', () => ahead.destroy());
    ahead.end();
  }

  private ask(req: IncomingMessage, agent: http.Agent | false): http.ClientRequest {
    const { port, host = 'kept and forwarded', upstream = `127.0.0.1:${port}` } = this.options;
    const { headers, method, url: path } = req;
    const add = (name: string, value = '') => [headers[name] ?? [], value].flat().join(', ');
    const sent = {
      ...headers,
      'x-forwarded-for': add('x-forwarded-for', req.socket.remoteAddress),
      'x-forwarded-proto': 'http',
      ...(host !== 'kept' && { 'x-forwarded-host': add('x-forwarded-host', headers.host) }),
      ...(host === 'replaced and forwarded' && { host: upstream }),
    };
    return http.request({ host: '127.0.0.1', port, method, path, agent, headers: sent });
  }
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
