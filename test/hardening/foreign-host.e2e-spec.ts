import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Body,
  Catch,
  Controller,
  type ExceptionFilter,
  type ArgumentsHost,
  Get,
  HttpCode,
  Logger,
  type INestApplication,
  Module,
  type NestInterceptor,
  Post,
  ValidationPipe,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { IsString } from 'class-validator';
import type { NextFunction, Request, Response } from 'express';
import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { map } from 'rxjs';
import { io, type Socket } from 'socket.io-client';
import { createToken } from '../../src/auth/token-commands.js';
import type { Scope } from '../../src/auth/token.js';
import { type Agent, SessionsModule, SessionsService } from '../../src/index.js';
import { changingRoutes } from '../support/api-routes.js';
import { Client } from '../support/client.js';
import { HostApp } from '../support/host-app.js';
import { type RawHeaders, RawConnection, type RawRequest, sendRaw, toBytes } from '../support/raw-http.js';
import { ask, listen, type Ack } from '../support/sockets.js';

class NoteDto {
  @IsString()
  readonly text: string;
}

@Controller()
class HostController {
  constructor(private readonly sessions: SessionsService) {}

  @Get('hello')
  hello() {
    return { hello: 'host' };
  }

  @Post('notes')
  @HttpCode(200)
  note(@Body() { text }: NoteDto) {
    return { text };
  }

  @Get('fail')
  fail(): never {
    throw new Error('a failure of the host');
  }

  @Get('sessions')
  async count() {
    return { created: (await this.sessions.create({})).id };
  }
}

@Controller('reader')
class ReaderController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  async read() {
    return [(await this.sessions.latest()).id];
  }
}

@Module({ imports: [SessionsModule], controllers: [ReaderController] })
class ReaderModule {}

@WebSocketGateway({ path: '/host.io' })
class HostGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() text: string) {
    return { echo: text };
  }
}

@Catch()
class HostFilter implements ExceptionFilter {
  catch(_error: unknown, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<Response>().status(418).json({ host: 'filter' });
  }
}

const envelope: NestInterceptor = { intercept: (_, next) => next.handle().pipe(map((data) => ({ data }))) };

/** All that a host may set up for every route of its application. */
function furnish(app: INestApplication): void {
  app.setGlobalPrefix('host');
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }));
  app.useGlobalFilters(new HostFilter());
  app.useGlobalInterceptors(envelope);
  app.enableVersioning({ type: 0, defaultVersion: '7', prefix: 'v' });
  app.enableCors();
  app.use((_req: Request, res: Response, next: NextFunction) => {
    res.setHeader('x-host', 'yes').setHeader('content-security-policy', 'default-src host.example');
    next();
  });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const JSON_TYPE = ['Content-Type', 'application/json'] as const;
const WEBSOCKET: RawHeaders = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
];
const HANDSHAKE = '/socket.io/?EIO=4&transport=polling';

/** Every kind of door of the module. */
const DOORS: readonly RawRequest[] = [
  { target: '/api/sessions' },
  { target: '/api/v1/sessions' },
  { target: '/API/sessions/' },
  { target: '/api/nothing' },
  { target: '/api' },
  { method: 'POST', target: '/api/sessions/create', headers: [JSON_TYPE], body: '{}' },
  { method: 'POST', target: '/api/sessions/query', headers: [JSON_TYPE], body: '{}' },
  { target: '/api/sessions/stream?sessionId=x' },
  { target: '/api/docs' },
  { target: '/api/docs/openapi.json' },
  { target: '/' },
  { target: '/auth/link?code=x' },
  { method: 'POST', target: '/auth/login', headers: [JSON_TYPE], body: '{}' },
  { method: 'POST', target: '/auth/logout' },
  { target: '/socket.io/socket.io.js' },
  { target: HANDSHAKE },
  { target: '/socket.io/?EIO=4&transport=websocket', headers: WEBSOCKET },
  { target: '/api/sessions', headers: WEBSOCKET },
];

describe("the module in somebody's own Nest application", () => {
  let host: HostApp;
  let dataDir: string;
  let own: string;
  const tokens = {} as Record<Scope, string>;
  const as = (scope: Scope) => new Client(host.url, bearer(tokens[scope]));
  const knock = (door: RawRequest, headers: RawHeaders) =>
    sendRaw(host.port, { ...door, headers: [...headers, ...(door.headers ?? [])] });

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'agent-tars-host-tokens-'));
    for (const scope of ['read', 'query', 'admin'] as const) {
      tokens[scope] = (await createToken(dataDir, { name: scope, scopes: [scope], expiresAt: null })).token;
    }
    host = await HostApp.start({
      config: { dataDir, server: { auth: true, allowedOrigins: ['https://ui.example.org'] } },
      host: { imports: [ReaderModule], controllers: [HostController], providers: [HostGateway] },
      beforeListen: furnish,
    });
    own = `127.0.0.1:${host.port}`;
  });
  afterAll(async () => {
    await host.stop();
    await rm(dataDir, { recursive: true });
  });

  describe('at each of its doors', () => {
    const refused = (headers: () => RawHeaders) => async () => {
      const auth = ['Authorization', `Bearer ${tokens.admin}`] as const;
      for (const door of DOORS) {
        const { status, headers: answered, body } = await knock(door, [...headers(), auth]);
        expect([door.target, status, (JSON.parse(body) as Ack).code]).toEqual([
          door.target,
          403,
          'FORBIDDEN',
        ]);
        expect(answered['access-control-allow-origin']).toBeUndefined();
      }
      expect((await as('read').get('/api/sessions')).body).toEqual({ sessions: [] });
    };

    it(
      'refuses a page of another origin, token or not',
      refused(() => [
        ['Host', own],
        ['Origin', 'https://evil.example'],
      ]),
    );

    it(
      'refuses what the browser says another site has caused',
      refused(() => [
        ['Host', own],
        ['Sec-Fetch-Site', 'cross-site'],
      ]),
    );

    it(
      'refuses a name that was made to point to this machine (DNS rebinding)',
      refused(() => [['Host', `evil.example:${host.port}`]]),
    );

    it('refuses a target that names another host', async () => {
      for (const { target = '', ...door } of DOORS.filter(({ headers }) => headers !== WEBSOCKET)) {
        const { status } = await knock({ ...door, target: `http://evil.example${target}` }, [['Host', own]]);
        expect([target, status]).not.toEqual([target, 200]);
        expect([400, 403, 404]).toContain(status);
      }
      expect((await as('read').get('/api/sessions')).body).toEqual({ sessions: [] });
    });
  });

  it('asks for a token at every route that its document lists', async () => {
    const routes = await changingRoutes(as('admin'));
    expect(routes.length).toBeGreaterThan(10);
    const nobody = new Client(host.url);
    for (const { method, path } of routes) {
      const { status, body } = await nobody.send<Ack>(method.toUpperCase(), path);
      expect([path, status, body.code]).toEqual([path, 401, 'UNAUTHORIZED']);
    }
    for (const path of [
      '/api/sessions',
      '/api/v1/models',
      '/api/docs',
      '/api/nothing',
      '/',
      '/socket.io/socket.io.js',
    ]) {
      expect([path, (await nobody.get(path)).status]).toEqual([path, 401]);
    }
    expect((await nobody.get('/api/health')).status).toBe(200);
  });

  it('holds a token to its scopes', async () => {
    const sessionId = await as('query').createSession();
    expect(await as('read').query(sessionId)).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect((await as('query').query(sessionId)).status).toBe(200);
    expect((await as('query').get('/api/agent/options')).status).toBe(403);
    expect((await as('admin').get('/api/agent/options')).status).toBe(200);
    await as('query').post('/api/sessions/delete', { sessionId });
  });

  it('checks what comes in by its own rules, and says so in its own form', async () => {
    const client = as('query');
    const { status, body } = await client.post('/api/sessions/query', { sessionId: 7, query: {} });
    expect([status, body.code]).toEqual([400, 'INVALID_INPUT']);
    expect(body.error).toContain('sessionId must be a string');
    const form = await client.send<Ack>('POST', '/api/sessions/create', 'a=b', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect([form.status, form.body.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    const broken = await client.send<Ack>('POST', '/api/sessions/create', '{', {
      'content-type': 'application/json',
    });
    expect([broken.status, broken.body.code]).toEqual([400, 'INVALID_JSON']);
    const created = await client.post('/api/sessions/create', { fromTheFuture: true });
    expect(created.status).toBe(201);
    await client.post('/api/sessions/delete', { sessionId: created.body.sessionId });
    expect(await client.get('/api/nothing')).toMatchObject({
      status: 404,
      body: { code: 'ROUTE_NOT_FOUND' },
    });
    const wrong = await as('admin').post('/api/models');
    expect([wrong.status, wrong.body.code, wrong.headers.get('allow')]).toEqual([
      405,
      'METHOD_NOT_ALLOWED',
      'GET, HEAD',
    ]);
  });

  it('takes a body as large as it is configured to, whatever the host takes', async () => {
    const client = as('query');
    const sessionId = await client.createSession();
    expect((await client.query(sessionId, 'long '.repeat(100_000))).status).toBe(200);
    await client.post('/api/sessions/delete', { sessionId });
  });

  it('answers with its own headers only', async () => {
    for (const path of ['/api/sessions', '/', '/api/docs', '/api/nothing']) {
      const { headers } = await as('read').get(path);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      for (const name of ['x-host', 'x-powered-by', 'access-control-allow-origin']) {
        expect([path, name, headers.get(name)]).toEqual([path, name, null]);
      }
    }
    const allowed = await as('read').send('GET', '/api/sessions', undefined, {
      origin: 'https://ui.example.org',
    });
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://ui.example.org');
  });

  it('streams the events of a query, which a client can follow', async () => {
    const client = as('query');
    const sessionId = await client.createSession();
    const follower = await client.follow(sessionId);
    await follower.until('replay_end');
    const events = await (await client.stream(sessionId)).ended;
    expect(events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'completed' });
    await follower.until('agent_run_end');
    follower.leave();
    await client.post('/api/sessions/delete', { sessionId });
  });

  it('logs a browser in and out', async () => {
    const login = await new Client(host.url).post('/auth/login', { token: tokens.query });
    expect(login.status).toBe(200);
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    const browser = new Client(host.url, { cookie, origin: host.url });
    expect((await browser.get('/api/sessions')).status).toBe(200);
    expect((await browser.post('/auth/logout')).status).toBe(200);
    expect((await browser.get('/api/sessions')).status).toBe(401);
  });

  it('documents its own routes and none of the host', async () => {
    const { body } = await as('read').get('/api/docs/openapi.json');
    const paths = Object.keys(body.paths as object);
    expect(paths).toContain('/api/sessions/query');
    expect(paths.filter((path) => !path.startsWith('/api/') && path !== '/')).toEqual([]);
  });

  describe('by sockets', () => {
    const sockets: Socket[] = [];
    const connect = (options: object): Promise<Socket | (Error & { data?: Ack })> => {
      const socket = io(host.url, { forceNew: true, reconnection: false, ...options });
      sockets.push(socket);
      return new Promise((resolve) => {
        socket.once('connect', () => resolve(socket));
        socket.once('connect_error', resolve);
      });
    };
    afterAll(() => sockets.forEach((socket) => socket.close()));

    it.each([['websocket'], ['polling']])('lets nobody in without a token, by %s', async (transport) => {
      const options = { transports: [transport] };
      expect(await connect(options)).toMatchObject({ data: { code: 'UNAUTHORIZED' } });
      expect(await connect({ ...options, auth: { token: 'wrong-wrong-wrong-wrong' } })).toMatchObject({
        data: { code: 'UNAUTHORIZED' },
      });
      const wrong = await connect({ ...options, extraHeaders: bearer('wrong-wrong-wrong-wrong') });
      expect(wrong).toBeInstanceOf(Error);
    });

    it.each([['websocket'], ['polling']])(
      'serves who has one, within its scope, by %s',
      async (transport) => {
        const options = { transports: [transport] };
        const sessionId = await as('query').createSession();
        const reader = (await connect({ ...options, auth: { token: tokens.read } })) as Socket;
        const { events } = listen(reader);
        expect(await ask(reader, 'join-session', sessionId)).toEqual({ ok: true });
        expect(await ask(reader, 'send-query', { sessionId, query: 'hi' })).toMatchObject({
          code: 'FORBIDDEN',
        });
        const writer = (await connect({ ...options, extraHeaders: bearer(tokens.query) })) as Socket;
        expect(await ask(writer, 'send-query', { sessionId: 7 })).toMatchObject({ code: 'INVALID_INPUT' });
        expect(await ask(writer, 'send-query', { sessionId, query: 'hi' })).toMatchObject({ ok: true });
        await events.until('agent_run_end');
        await as('query').post('/api/sessions/delete', { sessionId });
      },
    );

    it("leaves the host's own gateway to it, which has a path of its own", async () => {
      const socket = (await connect({ path: '/host.io', transports: ['websocket'] })) as Socket;
      expect(await socket.timeout(5_000).emitWithAck('echo', 'hi')).toEqual({ data: { echo: 'hi' } });
    });
  });

  describe("leaves the host's own routes alone:", () => {
    const client = () => new Client(host.url, { origin: 'https://anywhere.example' });

    it('they ask for no token, and keep their headers, prefix, version and interceptors', async () => {
      const { status, body, headers } = await client().get('/host/v7/hello');
      expect([status, body]).toEqual([200, { data: { hello: 'host' } }]);
      expect(headers.get('x-host')).toBe('yes');
      expect(headers.get('content-security-policy')).toBe('default-src host.example');
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('x-content-type-options')).toBeNull();
    });

    it('they keep their body parsers and pipes', async () => {
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      const { body } = await client().send('POST', '/host/v7/notes', 'text=hi', form);
      expect(body).toEqual({ data: { text: 'hi' } });
      const unknown = await client().post('/host/v7/notes', { text: 'hi', more: 1 });
      expect([unknown.status, unknown.body]).toEqual([418, { host: 'filter' }]);
    });

    it('they keep their filters, and their answer to what is not there', async () => {
      for (const path of ['/host/v7/fail', '/host/v7/nothing', '/host/v7/models']) {
        const { status, body } = await client().get(path);
        expect([path, status, body]).toEqual([path, 418, { host: 'filter' }]);
      }
    });

    it('they can use what the module exports', async () => {
      const { body } = await client().get('/host/v7/sessions');
      expect(body).toEqual({ data: { created: expect.any(String) } });
      expect((await client().get('/host/v7/reader')).body).toEqual({ data: [body.data.created] });
    });

    it('and shares their connections', async () => {
      const connection = await RawConnection.open(host.port);
      const auth = ['Authorization', `Bearer ${tokens.read}`] as const;
      for (const [target, status] of [
        ['/host/v7/hello', 200],
        ['/api/sessions', 200],
        ['/host/v7/hello', 200],
      ] as const) {
        connection.write(toBytes({ target, headers: [['Host', own], auth] }));
        expect((await connection.answer())?.status).toBe(status);
      }
      connection.destroy();
    });
  });
});

describe('a host that is stopped', () => {
  it('ends the streams and sockets of the module, and its own server with them', async () => {
    const host = await HostApp.start();
    const client = new Client(host.url);
    const sessionId = await client.createSession();
    const stream = await client.follow(sessionId);
    await stream.until('replay_end');
    const socket = await client.socket();
    const disconnected = new Promise((resolve) => socket.once('disconnect', resolve));
    const { url } = host;
    await host.stop();
    await stream.ended;
    await disconnected;
    await expect(fetch(url)).rejects.toThrow();
  });
});

describe("a host's own log", () => {
  const SECRET = 'a-secret-of-the-configuration';

  it('holds no secret of the configuration, whatever fails', async () => {
    class FailingAgent implements Agent {
      async run(): Promise<void> {
        throw new Error(`failed with ${SECRET}`);
      }
    }
    const lines: string[] = [];
    const write = (...parts: unknown[]) => void lines.push(parts.map(String).join(' '));
    const host = await HostApp.start({
      config: { server: { auth: { token: SECRET } } },
      register: { agent: FailingAgent },
      logger: { log: write, warn: write, error: write, fatal: write },
    });
    const client = new Client(host.url, bearer(SECRET));
    const { status } = await client.query(await client.createSession());
    expect(status).toBe(500);
    expect(lines.join('\n')).toContain('failed with ***');
    expect(lines.join('\n')).not.toContain(SECRET);
    await host.stop();
    Logger.overrideLogger(false);
  });
});

describe('a host without sockets of its own', () => {
  it('has its routes met under any Host, and when they are offered another protocol', async () => {
    const host = await HostApp.start({ host: { controllers: [FreeController] } });
    for (const protocol of ['h2c', 'websocket']) {
      const { status, body } = await sendRaw(host.port, {
        target: '/free',
        headers: [
          ['Host', 'any.example'],
          ['Connection', 'Upgrade'],
          ['Upgrade', protocol],
        ],
      });
      expect([protocol, status, body]).toEqual([protocol, 200, '{"free":true}']);
    }
    await host.stop();
  });
});

describe('a module that asks for no token', () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

  (outside === undefined ? it.skip : it)('serves this machine only, wherever the host listens', async () => {
    const host = await HostApp.start({
      address: '0.0.0.0',
      host: { controllers: [FreeController] },
    });
    const far = `http://${outside}:${host.port}`;
    const named = { host: `localhost:${host.port}` };
    for (const path of ['/api/sessions', '/', '/socket.io/?EIO=4&transport=polling']) {
      const connection = await RawConnection.open(host.port, outside);
      connection.write(toBytes({ target: path, headers: [['Host', named.host]] }));
      const answer = await connection.answer();
      expect([path, answer?.status, answer?.body]).toEqual([
        path,
        403,
        expect.stringContaining('server.auth'),
      ]);
      connection.destroy();
    }
    expect((await fetch(`${far}/free`)).status).toBe(200);
    expect((await fetch(`${host.url}/api/sessions`)).status).toBe(200);
    await host.stop();
  });
});

@Controller('free')
class FreeController {
  @Get()
  read() {
    return { free: true };
  }
}
