import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Module, type OnModuleInit, Post } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Request, Response } from 'express';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type RawAnswer, RawConnection, type RawHeaders, sendRaw, toBytes } from '../support/raw-http.js';
import { TestServer } from '../support/test-server.js';

/** How often an extension's code was reached. */
let reached = 0;

@Controller('extension')
class ExtensionController {
  @Get()
  read() {
    reached++;
    return { read: true };
  }

  @Post()
  change() {
    reached++;
    return { changed: true };
  }
}

/** Takes upgrades by a listener of its own, beside Socket.IO's. */
@Injectable()
class OwnSocket implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getHttpServer() as Server;
    server.prependListener('upgrade', ({ url }: IncomingMessage, socket: Duplex) => {
      if (url !== '/own-socket') return;
      reached++;
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    });
  }
}

@Module({ controllers: [ExtensionController], providers: [OwnSocket] })
class ExtensionModule {}

const ALLOWED = 'https://ui.example.org';
const WEBSOCKET: RawHeaders = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
];
const JSON_TYPE: RawHeaders = [['Content-Type', 'application/json']];
const HANDSHAKE = '/socket.io/?EIO=4&transport=polling';

interface Door {
  readonly name: string;
  readonly method: string;
  readonly target: string;
  readonly headers?: RawHeaders;
  readonly body?: string;
  /** What whoever may come in is answered. */
  readonly open: number;
}

let app: TestServer;
let ui: string;
let port: number;
let own: string;
let sessionId: string;
/** A Socket.IO client that polls, and one that has said nothing since its handshake. */
let polling: { sid: string };
let sessionsBefore: unknown;

/** Everything that answers on a server, its extensions' routes and sockets included. */
function doors(): Door[] {
  const query = JSON.stringify({ sessionId, query: 'hi' });
  const sid = `${HANDSHAKE}&sid=${polling.sid}`;
  const get = (name: string, target: string, open = 200) => ({ name, method: 'GET', target, open });
  const post = (name: string, target: string, body: string, open = 200) => ({
    ...get(name, target, open),
    method: 'POST',
    headers: JSON_TYPE,
    body,
  });
  return [
    get('REST', '/api/sessions'),
    get('REST, versioned', '/api/v1/sessions'),
    get('a route that is not there', '/api/nothing', 404),
    post('REST that changes something', '/api/sessions/create', '{}', 201),
    {
      name: 'REST without a body',
      method: 'POST',
      target: '/api/sessions/create',
      headers: [['Content-Length', '0']],
      open: 201,
    },
    post('a query', '/api/sessions/query', query),
    post('a query whose events stream', '/api/sessions/query/stream', query),
    get('a stream of events', `/api/sessions/stream?sessionId=${sessionId}`),
    get('the web UI', '/'),
    get('a static file', '/app.js'),
    get('the documentation', '/api/docs'),
    get('the API document', '/api/docs/openapi.json'),
    get('an Express route of an extension', '/custom-endpoint'),
    post('an Express route of an extension, POST', '/custom-endpoint', '{}'),
    get("an extension's controller", '/api/extension'),
    post("an extension's controller, POST", '/api/extension', '{}', 201),
    get("Socket.IO's own files", '/socket.io/socket.io.js'),
    get("Socket.IO's handshake", HANDSHAKE),
    // A namespace that nobody is in: the packet does nothing, and the client stays as it is.
    { ...post("Socket.IO's polling, POST", sid, '40/none,'), headers: [['Content-Type', 'text/plain']] },
    { ...get("an extension's WebSocket", '/own-socket', 101), headers: WEBSOCKET },
    { ...get('a WebSocket', '/socket.io/?EIO=4&transport=websocket', 101), headers: WEBSOCKET },
  ];
}

/** Knocks with these headers and no others but what the door itself needs. */
function knock(door: Door, headers: RawHeaders, change: Partial<Door & { version: string }> = {}) {
  return sendRaw(port, { ...door, ...change, headers: [...headers, ...(door.headers ?? [])] });
}

function expectRefused(door: string, { status, headers, body }: RawAnswer): void {
  expect([door, status, body]).toEqual([
    door,
    403,
    expect.stringMatching(/^\{"error":".+","code":"FORBIDDEN"\}$/),
  ]);
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  expect(headers['vary']).toBe('Origin');
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
}

/** Goes to every door and is refused at each. */
async function expectAllRefused(headers: RawHeaders, change: (door: Door) => object = () => ({})) {
  const knocks = doors().map(async (door) => ({ door, answer: await knock(door, headers, change(door)) }));
  for (const { door, answer } of await Promise.all(knocks)) expectRefused(door.name, answer);
}

beforeAll(async () => {
  ui = await mkdtemp(join(tmpdir(), 'agent-tars-ui-'));
  await writeFile(join(ui, 'index.html'), '<html><head></head><body>mine</body></html>');
  await writeFile(join(ui, 'app.js'), 'export const a = 1;');
  app = await TestServer.start({
    config: {
      webui: { staticPath: ui },
      server: { allowedOrigins: [ALLOWED], allowedHosts: ['agent.example.org'] },
    },
    extensions: { imports: [ExtensionModule] },
    beforeStart: (server) => {
      server.getApp().use('/custom-endpoint', (_req: Request, res: Response) => {
        reached++;
        res.json({ message: 'Hello from custom endpoint!' });
      });
    },
  });
  port = app.server.port;
  own = `127.0.0.1:${port}`;
  sessionId = await app.createSession();
  const socket = await app.socket(['polling']);
  polling = { sid: socket.io.engine.id };
  sessionsBefore = (await app.get('/api/sessions')).body;
});
afterAll(async () => {
  await app.stop();
  await rm(ui, { recursive: true });
});

describe('who is refused at every door, and what does not happen there', () => {
  afterEach(async () => {
    expect(reached).toBe(0);
    expect(app.model.requests).toHaveLength(0);
    expect((await app.get('/api/sessions')).body).toEqual(sessionsBefore);
    expect((await app.get(`/api/runs?sessionId=${sessionId}`)).body).toEqual({ runs: [] });
    expect(await app.events(sessionId)).toEqual([]);
  });

  it.each([
    ['nothing', 'null'],
    ['an empty text', ''],
    ['another site', 'http://evil.com'],
    ['a suffix', 'http://127.0.0.1.evil.com'],
    ['a suffix of a name', 'http://localhost.evil.com'],
    ['a name that resolves to this machine', 'http://127.0.0.1.nip.io'],
    ['a prefix', 'http://evil-127.0.0.1'],
    ['no port', 'http://127.0.0.1'],
    ['another port', 'http://127.0.0.1:1'],
    ['a longer port', () => `http://${own}0`],
    ['another scheme', () => `https://${own}`],
    ['another loopback name with another port', () => `http://localhost:${port + 1}`],
    ['another loopback name with another scheme', () => `https://localhost:${port}`],
    ['another loopback address', () => `http://127.0.0.2:${port}`],
    ['an IPv4 address in IPv6', () => `http://[::ffff:127.0.0.1]:${port}`],
    ['a user before it', () => `http://${own}@evil.com`],
    ['a user in it', () => `http://evil.com@${own}`],
    ['a trailing dot', () => `http://127.0.0.1.:${port}`],
    ['upper case', () => `HTTP://${own}`],
    ['a path', () => `http://${own}/`],
    ['several', () => `http://${own}, http://evil.com`],
    ['several, by a space', () => `http://${own} http://evil.com`],
    ['a number for an address', () => `http://2130706433:${port}`],
    ['a tab in it', () => `http://127.0.0.1\t:${port}`],
    ['a bare host', () => own],
    ['a file', 'file://'],
    ['a browser extension', 'chrome-extension://abcdefghijklmnop'],
    ['a data URL', 'data:text/html,x'],
    ['a suffix of an allowed one', `${ALLOWED}.evil.com`],
    ['a prefix of an allowed one', 'https://evil-ui.example.org'],
    ['the parent of an allowed one', 'https://example.org'],
    ['an allowed one without TLS', 'http://ui.example.org'],
    ['an allowed one on another port', `${ALLOWED}:8443`],
    ['an allowed one with its default port', `${ALLOWED}:443`],
    ['an allowed one in upper case', 'https://UI.example.org'],
    ['an allowed one with a trailing dot', `${ALLOWED}.`],
    ['punycode', 'https://xn--ui-example-9jb.org'],
    ['a look-alike letter', 'https://u\u0131.example.org'],
    ['an allowed one as a user', `${ALLOWED}@evil.com`],
    ['a wildcard', '*'],
  ])('a page of %s', async (_what, origin) => {
    const value = typeof origin === 'string' ? origin : origin();
    await expectAllRefused([
      ['Host', own],
      ['Origin', Buffer.from(value).toString('latin1')],
    ]);
  });

  it('a page that sends two origins', async () => {
    const pair = (first: string, second: string): RawHeaders => [
      ['Host', own],
      ['Origin', first],
      ['Origin', second],
    ];
    await expectAllRefused(pair(`http://${own}`, 'http://evil.com'));
    await expectAllRefused(pair('http://evil.com', `http://${own}`));
  });

  it.each([
    ['another name', 'evil.com'],
    ['another name, with the port', () => `evil.com:${port}`],
    ['a suffix', () => `127.0.0.1.evil.com:${port}`],
    ['a suffix of a name', () => `localhost.evil.com:${port}`],
    ['a trailing dot', () => `localhost.:${port}`],
    ['the address of every interface', () => `0.0.0.0:${port}`],
    ['the address of cloud metadata', '169.254.169.254'],
    ['an address of the network', () => `192.168.1.1:${port}`],
    ['another loopback address', () => `127.0.0.2:${port}`],
    ['a number for an address', () => `2130706433:${port}`],
    ['a short address', () => `127.1:${port}`],
    ['an IPv4 address in IPv6', () => `[::ffff:127.0.0.1]:${port}`],
    ['a user before it', () => `localhost@evil.com:${port}`],
    ['a user in it', () => `evil.com@127.0.0.1:${port}`],
    ['a suffix of an allowed name', 'agent.example.org.evil.com'],
    ['a port that is none', 'localhost:99999'],
    ['a port that is much too long', `localhost:${'9'.repeat(400)}`],
    ['a port that is no number', 'localhost:abc'],
    ['several, by a comma', () => `${own}, evil.com`],
    ['a path', () => `${own}/evil.com`],
    ['nothing', ''],
    ['a wildcard', '*'],
  ])('a request whose Host is %s', async (_what, host) => {
    const value = typeof host === 'string' ? host : host();
    await expectAllRefused([['Host', value]]);
    await expectAllRefused([
      ['Host', value],
      ['Origin', `http://${value}`],
    ]);
  });

  it('a request without a Host, which HTTP/1.0 allows', async () => {
    await expectAllRefused([['Connection', 'close']], () => ({ version: '1.0' }));
  });

  it('a request with two Hosts, whichever comes first', async () => {
    for (const [first, second] of [
      [own, 'evil.com'],
      ['evil.com', own],
      [own, own],
    ] as const) {
      await expectAllRefused([
        ['Host', first],
        ['Host', second],
      ]);
    }
  });

  it('a request whose target names another host than its Host', async () => {
    for (const authority of ['evil.com', `evil.com:${port}`, `evil.com@${own}`, `${own}@evil.com`, '']) {
      const change = ({ target }: Door) => ({ target: `http://${authority}${target}` });
      await expectAllRefused([['Host', own]], change);
    }
    await expectAllRefused([['Host', 'evil.com']], ({ target }) => ({ target: `http://${own}${target}` }));
    await expectAllRefused([['Host', own]], ({ target }) => ({ target: `https://${own}${target}` }));
  });

  it('a request that claims to have been forwarded', async () => {
    for (const name of ['X-Forwarded-Host', 'X-Forwarded-Server', 'X-Host', 'X-Original-Host']) {
      await expectAllRefused([
        ['Host', 'evil.com'],
        [name, own],
      ]);
    }
    await expectAllRefused([
      ['Host', 'evil.com'],
      ['Forwarded', `host=${own};proto=http`],
    ]);
    await expectAllRefused([
      ['Host', own],
      ['Origin', `https://${own}`],
      ['X-Forwarded-Proto', 'https'],
    ]);
  });

  it.each(['cross-site', 'same-site', 'Cross-Site', 'same-origin, cross-site', 'anything'])(
    'what the browser says is %s',
    async (site) => {
      const said: RawHeaders = [
        ['Host', own],
        ['Sec-Fetch-Site', site],
      ];
      await expectAllRefused(said);
      for (const mode of ['no-cors', 'cors', 'same-origin', 'websocket', 'nested-navigate']) {
        await expectAllRefused([...said, ['Sec-Fetch-Mode', mode]]);
      }
      await expectAllRefused([...said, ['Sec-Fetch-Mode', 'navigate'], ['Sec-Fetch-Dest', 'iframe']]);
      await expectAllRefused([...said, ['Origin', `http://${own}`]]);
    },
  );

  it('a page that asks what it may send, at every door', async () => {
    for (const origin of ['http://evil.com', 'null', `https://${own}`]) {
      await expectAllRefused(
        [
          ['Host', own],
          ['Origin', origin],
          ['Access-Control-Request-Method', 'POST'],
          ['Access-Control-Request-Headers', 'content-type'],
          ['Access-Control-Request-Private-Network', 'true'],
        ],
        () => ({ method: 'OPTIONS', body: undefined }),
      );
    }
  });

  it('a link that leads from elsewhere to the API', async () => {
    const link: RawHeaders = [
      ['Host', own],
      ['Sec-Fetch-Site', 'cross-site'],
      ['Sec-Fetch-Mode', 'navigate'],
      ['Sec-Fetch-Dest', 'document'],
      ['Sec-Fetch-User', '?1'],
    ];
    const pages = new Set(['/', '/app.js', '/custom-endpoint']);
    for (const door of doors().filter(({ method, target }) => method !== 'GET' || !pages.has(target))) {
      expectRefused(door.name, await knock(door, link));
    }
    for (const target of ['/API/sessions', '/api/V1/sessions', '/api?x', `http://${own}/api/sessions`]) {
      expectRefused(target, await sendRaw(port, { target, headers: link }));
    }
  });

  it('the second of two requests on one connection', async () => {
    const connection = await RawConnection.open(port);
    const target = '/api/sessions';
    const good = toBytes({ target, headers: [['Host', own]] });
    const evil = toBytes({ method: 'POST', target: '/api/sessions/create', headers: [['Host', 'evil.com']] });
    connection.write(Buffer.concat([good, evil, good]));
    const answers = [await connection.answer(), await connection.answer(), await connection.answer()];
    connection.destroy();
    expect(answers.map((answer) => answer?.status)).toEqual([200, 403, 200]);
  });

  it('a socket that was opened by somebody else, by its id', async () => {
    const target = `/socket.io/?EIO=4&transport=websocket&sid=${polling.sid}`;
    const door: Door = { name: 'upgrade', method: 'GET', target, headers: WEBSOCKET, open: 101 };
    for (const evil of ['http://evil.com', 'null']) {
      expectRefused(
        door.name,
        await knock(door, [
          ['Host', own],
          ['Origin', evil],
        ]),
      );
    }
    expectRefused(door.name, await knock(door, [['Host', 'evil.com']]));
    const poll = { ...door, target: `${HANDSHAKE}&sid=${polling.sid}`, headers: [] };
    expectRefused(
      'poll',
      await knock(poll, [
        ['Host', own],
        ['Origin', 'http://evil.com'],
      ]),
    );
  });
});

describe('who is let in at every door', () => {
  const expectLetIn = async (headers: RawHeaders) => {
    for (const door of doors()) {
      const answer = await knock(door, headers);
      expect([door.name, answer.status]).toEqual([door.name, door.open]);
      if (door.open === 101) continue;
      expect([door.name, answer.headers['vary']]).toEqual([door.name, expect.stringContaining('Origin')]);
      expect(answer.headers['access-control-allow-private-network']).toBeUndefined();
    }
  };

  it.each([
    ['127.0.0.1', () => own],
    ['localhost', () => `localhost:${port}`],
    ['LOCALHOST', () => `LOCALHOST:${port}`],
    ['[::1]', () => `[::1]:${port}`],
    ['localhost without a port', () => 'localhost'],
    ['an allowed name', () => 'agent.example.org'],
    ['an allowed name, with a port', () => `agent.example.org:${port}`],
  ])('a program, and the page of the server itself, under %s', async (_what, host) => {
    await expectLetIn([['Host', host()]]);
    await expectLetIn([
      ['Host', host()],
      ['Origin', `http://${host().toLowerCase()}`],
      ['Sec-Fetch-Site', 'same-origin'],
    ]);
    await expectLetIn([
      ['Host', host()],
      ['Sec-Fetch-Site', 'same-origin'],
    ]);
  });

  it('the page of the server itself behind a proxy that ends TLS for an allowed name', async () => {
    await expectLetIn([
      ['Host', 'agent.example.org'],
      ['Origin', 'https://agent.example.org'],
    ]);
  });

  it('an address that a person has typed, and a link to the page', async () => {
    const typed: RawHeaders = [
      ['Host', own],
      ['Sec-Fetch-Mode', 'navigate'],
      ['Sec-Fetch-Dest', 'document'],
    ];
    expect(
      (await sendRaw(port, { target: '/api/docs', headers: [...typed, ['Sec-Fetch-Site', 'none']] })).status,
    ).toBe(200);
    const page = await sendRaw(port, { headers: [...typed, ['Sec-Fetch-Site', 'cross-site']] });
    expect(page.status).toBe(200);
    expect(page.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('a target that names the same host as its Host', async () => {
    for (const [target, status] of [
      [`http://${own}/api/v1/health`, 200],
      [`HTTP://${own}/api/health?x=1`, 200],
      [`http://${own}`, 200],
      [`http://${own}?x`, 200],
      [HANDSHAKE, 200],
      [`http://${own}${HANDSHAKE}`, 200],
    ] as const) {
      const answer = await sendRaw(port, { target, headers: [['Host', own]] });
      expect([target, answer.status]).toEqual([target, status]);
    }
  });
});

describe('a door beside the server', () => {
  async function freePort(): Promise<number> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port: free } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    return free;
  }

  it('is guarded too: the application, served by a server of the embedder', async () => {
    const served = createServer(app.server.getApp()).listen(0, '127.0.0.1');
    await once(served, 'listening');
    const { port: other } = served.address() as AddressInfo;
    const target = '/api/sessions';
    const at = (headers: RawHeaders) => sendRaw(other, { target, headers });
    try {
      expectRefused('Host', await at([['Host', `evil.com:${other}`]]));
      expectRefused(
        'Origin',
        await at([
          ['Host', `127.0.0.1:${other}`],
          ['Origin', `http://${own}`],
        ]),
      );
      expect((await at([['Host', `127.0.0.1:${other}`]])).status).toBe(200);
    } finally {
      served.closeAllConnections();
      served.close();
    }
  });

  it("is guarded too: an extension's gateway on a port of its own", async () => {
    const other = await freePort();
    @WebSocketGateway(other)
    class OwnGateway {
      @SubscribeMessage('anything')
      handle() {
        return {};
      }
    }
    @Module({ providers: [OwnGateway] })
    class GatewayModule {}
    const second = await TestServer.start({ extensions: { imports: [GatewayModule] } });
    const at = (headers: RawHeaders) => sendRaw(other, { target: HANDSHAKE, headers });
    const upgrade = (headers: RawHeaders) =>
      sendRaw(other, {
        target: '/socket.io/?EIO=4&transport=websocket',
        headers: [...headers, ...WEBSOCKET],
      });
    try {
      const evil: RawHeaders = [
        ['Host', `127.0.0.1:${other}`],
        ['Origin', 'http://evil.com'],
      ];
      expectRefused('Host', await at([['Host', 'evil.com']]));
      expectRefused('Origin', await at(evil));
      expectRefused('upgrade', await upgrade(evil));
      expect((await at([['Host', `127.0.0.1:${other}`]])).status).toBe(200);
      expect((await upgrade([['Host', `127.0.0.1:${other}`]])).status).toBe(101);
    } finally {
      await second.stop();
    }
  });
});

describe('a page of an allowed origin', () => {
  const page: RawHeaders = [
    ['Origin', ALLOWED],
    ['Sec-Fetch-Site', 'cross-site'],
  ];

  it('may read what every door answers, and so may no other', async () => {
    for (const door of doors()) {
      const answer = await knock(door, [['Host', own], ...page]);
      expect([door.name, answer.status]).toEqual([door.name, door.open]);
      if (door.open === 101) continue;
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': ALLOWED,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'Retry-After, Location, Idempotency-Replayed, X-Request-Id',
        vary: expect.stringContaining('Origin'),
      });
      expect(answer.headers['access-control-allow-private-network']).toBeUndefined();
    }
  });

  it('may read why it was refused', async () => {
    const { status, headers } = await sendRaw(port, {
      method: 'POST',
      target: '/api/sessions/delete',
      headers: [['Host', own], ...page, ...JSON_TYPE],
      body: '{}',
    });
    expect([status, headers['access-control-allow-origin']]).toEqual([400, ALLOWED]);
  });

  it('is told at every door what it may send', async () => {
    const asked: RawHeaders = [
      ['Host', own],
      ...page,
      ['Access-Control-Request-Method', 'POST'],
      ['Access-Control-Request-Headers', 'authorization,content-type,idempotency-key,last-event-id'],
      ['Access-Control-Request-Private-Network', 'true'],
    ];
    for (const { name, target } of doors()) {
      const { status, headers, body } = await sendRaw(port, { method: 'OPTIONS', target, headers: asked });
      expect([name, status, body]).toEqual([name, 204, '']);
      expect(Object.fromEntries(Object.entries(headers).filter(([key]) => /^access|vary/.test(key)))).toEqual(
        {
          vary: 'Origin',
          'access-control-allow-origin': ALLOWED,
          'access-control-allow-credentials': 'true',
          'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
          'access-control-allow-headers':
            'Content-Type, Authorization, Last-Event-ID, Idempotency-Key, X-Request-Id, ' +
            'traceparent, tracestate, baggage, b3, sentry-trace',
          'access-control-max-age': '600',
        },
      );
    }
  });

  it('is refused under a name that this server does not have', async () => {
    for (const door of doors()) expectRefused(door.name, await knock(door, [['Host', 'evil.com'], ...page]));
  });

  it('gets no more by OPTIONS than anybody else when it asks nothing', async () => {
    const headers: RawHeaders = [['Host', own]];
    const plain = await sendRaw(port, { method: 'OPTIONS', target: '/api/sessions', headers });
    const asked = await sendRaw(port, {
      method: 'OPTIONS',
      target: '/api/sessions',
      headers: [...headers, ...page],
    });
    expect([asked.status, asked.body]).toEqual([plain.status, plain.body]);
  });
});

describe('behind a trusted proxy', () => {
  const PUBLIC = 'tars.example.com';
  const TOKEN = 'owner-sentinel-7391';
  let server: TestServer;

  beforeAll(async () => {
    server = await TestServer.start({
      config: { server: { trustProxy: true, allowedHosts: [PUBLIC, 'upstream'], auth: { token: TOKEN } } },
    });
  });
  afterAll(() => server.stop());

  const knockAt = (headers: RawHeaders, change: object = {}) =>
    sendRaw(server.server.port, {
      target: '/api/sessions',
      ...change,
      headers: [...headers, ['Authorization', `Bearer ${TOKEN}`]],
    });

  it.each([
    ['keeps the Host', PUBLIC, undefined],
    ['keeps the Host, and forwards it', PUBLIC, PUBLIC],
    ['keeps the Host with its port', `${PUBLIC}:8443`, `${PUBLIC}:8443`],
    ['replaces the Host by its address', () => `127.0.0.1:${server.server.port}`, PUBLIC],
    ['replaces the Host by a name that is allowed', 'upstream:8888', PUBLIC],
    ['adds to what the client claims', 'upstream:8888', `evil.com, ${PUBLIC}`],
  ])('lets in what comes by one that %s', async (_what, host, forwarded) => {
    const headers: RawHeaders = [
      ['Host', typeof host === 'string' ? host : host()],
      ...(forwarded === undefined ? [] : [['X-Forwarded-Host', forwarded] as const]),
    ];
    expect((await knockAt(headers)).status).toBe(200);
    const name = forwarded?.split(', ').at(-1) ?? PUBLIC;
    expect((await knockAt([...headers, ['Origin', `https://${name}`]])).status).toBe(200);
    const evil: RawHeaders = [...headers, ['Origin', 'https://evil.com']];
    expectRefused('Origin', await knockAt(evil));
  });

  it.each([
    ['evil.com', 'localhost'],
    ['evil.com', PUBLIC],
    ['evil.com', `evil.com, ${PUBLIC}`],
    ['evil.com:8888', '127.0.0.1'],
    [PUBLIC, 'evil.com'],
    [PUBLIC, `${PUBLIC}, evil.com`],
    ['localhost', 'evil.com'],
    ['', 'localhost'],
  ])('refuses the Host %j with X-Forwarded-Host %j', async (host, forwarded) => {
    const headers: RawHeaders = [
      ['Host', host],
      ['X-Forwarded-Host', forwarded],
    ];
    const at = (headers: RawHeaders, door: Partial<Door>) => knockAt(headers, door);
    expectRefused('REST', await at(headers, {}));
    expectRefused('handshake', await at(headers, { target: HANDSHAKE }));
    const upgrade = { target: '/socket.io/?EIO=4&transport=websocket' };
    expectRefused('upgrade', await at([...headers, ...WEBSOCKET], upgrade));
    expectRefused('Origin', await at([...headers, ['Origin', `http://${forwarded}`]], {}));
    expectRefused('twice', await at([...headers, ['X-Forwarded-Host', 'evil.com']], {}));
  });

  it('takes a page for its own by the name that the proxy was asked for', async () => {
    const post = (headers: RawHeaders, body: string, target: string) =>
      sendRaw(server.server.port, {
        method: 'POST',
        target,
        body,
        headers: [
          ['Host', 'upstream:8888'],
          ['X-Forwarded-Host', PUBLIC],
          ['X-Forwarded-Proto', 'https'],
          ...JSON_TYPE,
          ...headers,
        ],
      });
    const page: RawHeaders = [['Origin', `https://${PUBLIC}`]];
    const login = await post(page, JSON.stringify({ token: TOKEN }), '/auth/login');
    const [cookie = ''] = login.headers['set-cookie']?.split(';') ?? [];
    const create = (headers: RawHeaders) =>
      post([['Cookie', cookie], ...headers], '{}', '/api/sessions/create');
    expect((await create(page)).status).toBe(201);
    expect((await create([['Origin', 'https://upstream:8888']])).status).toBe(403);
  });
});
