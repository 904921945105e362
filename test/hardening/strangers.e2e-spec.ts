import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Request, Response } from 'express';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentTarsConfig } from '../../src/index.js';
import { AttackSetup } from '../support/attack-setup.js';
import { Client } from '../support/client.js';
import { ForwardingProxy } from '../support/forwarding-proxy.js';
import { POLLING, SOCKET } from '../support/raw.js';
import { type RawAnswer, RawConnection, type RawHeaders, toBytes } from '../support/raw-http.js';
import { ask } from '../support/sockets.js';
import { type TestOptions, TestServer } from '../support/test-server.js';

type ServerConfig = NonNullable<AgentTarsConfig['server']>;

const PUBLIC = 'tars.example.com';
const TOKEN = 'owner-sentinel-7391';
const WEBSOCKET: RawHeaders = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
];
const JSON_TYPE: RawHeaders = [['Content-Type', 'application/json']];
/** Beyond what anybody needs to be sure that a limit holds. */
const SLOW_MS = 60_000;

const sidOf = ({ body }: RawAnswer) => /"sid":"([^"]+)/.exec(body)?.[1] ?? '';
const keyOf = ({ body }: RawAnswer) => (JSON.parse(body) as { details: { key: string } }).details.key;

function count(answers: readonly (RawAnswer | undefined)[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const answer of answers) counts[answer?.status ?? 0] = (counts[answer?.status ?? 0] ?? 0) + 1;
  return counts;
}

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: RawHeaders;
  readonly body?: string;
}

/** Somebody who comes from an address of their own, and keeps what they open until {@link leave}. */
class Visitor {
  private readonly connections: RawConnection[] = [];

  /**
   * @param port of the proxy, or of the server where this stands in for one
   * @param from the address that the proxy sees
   * @param headers sent with all that is asked
   */
  constructor(
    private readonly port: number,
    private readonly from: string | undefined,
    private readonly headers: RawHeaders = [],
  ) {}

  /** Asks, and does not wait for the answer. */
  async open({ headers = [], ...request }: Asked): Promise<RawConnection> {
    const connection = await RawConnection.open(this.port, '127.0.0.1', this.from);
    this.connections.push(connection);
    connection.write(toBytes({ ...request, headers: [['Host', PUBLIC], ...this.headers, ...headers] }));
    return connection;
  }

  /** The answer; its connection stays open. */
  async ask(request: Asked): Promise<RawAnswer | undefined> {
    return (await this.open(request)).answer();
  }

  many(times: number, request: Asked): Promise<(RawAnswer | undefined)[]> {
    return Promise.all(Array.from({ length: times }, () => this.ask(request)));
  }

  handshakes(times: number): Promise<(RawAnswer | undefined)[]> {
    return this.many(times, { target: POLLING });
  }

  leave(): void {
    for (const connection of this.connections) connection.destroy();
  }
}

/** Asks again until the answer has the status: what is given back when somebody leaves is given back soon. */
async function until(status: number, asking: () => Promise<RawAnswer | undefined>): Promise<void> {
  let last: number | undefined;
  for (let tries = 0; tries < 300; tries++) {
    last = (await asking())?.status;
    if (last === status) return;
  }
  throw new Error(`The answer was ${last} to the last.`);
}

describe('behind a proxy, whoever has no token', () => {
  let setup: AttackSetup;
  let proxy: ForwardingProxy;
  let bearer: RawHeaders;
  const visitors: Visitor[] = [];

  function visitor(from: string, headers: RawHeaders = []): Visitor {
    const made = new Visitor(proxy.port, from, headers);
    visitors.push(made);
    return made;
  }

  beforeAll(async () => {
    setup = await AttackSetup.start({
      config: { server: { trustProxy: true, auth: true, allowedHosts: [PUBLIC] } },
    });
    proxy = await ForwardingProxy.start({ port: Number(new URL(setup.server.url).port) });
    const token = (await readFile(join(setup.data, 'auth-token'), 'utf8')).trim();
    bearer = [['Authorization', `Bearer ${token}`]];
  }, SLOW_MS);
  afterEach(async () => {
    for (const each of visitors.splice(0)) each.leave();
    await setup.requireUnharmed();
  });
  afterAll(async () => {
    await proxy.stop();
    await setup.stop();
  });

  async function expectServed(owner: Visitor): Promise<void> {
    const answers = await owner.many(20, { target: '/api/sessions' });
    expect(count(answers)).toEqual({ 200: 20 });
    const shaken = await owner.ask({ target: POLLING });
    expect(shaken?.status).toBe(200);
    const polling = await owner.open({ target: `${POLLING}&sid=${sidOf(shaken as RawAnswer)}` });
    expect(polling.isOpen).toBe(true);
    expect((await owner.ask({ target: SOCKET, headers: WEBSOCKET }))?.status).toBe(101);
  }

  it('gets few handshakes and polls, and takes none of whoever has one, at the same address too', async () => {
    const stranger = visitor('127.0.0.6');
    const shaken = await stranger.handshakes(130);
    expect(count(shaken)).toEqual({ 200: 20, 429: 110 });
    expect(shaken.find((answer) => answer?.status === 429)?.headers['retry-after']).toBeDefined();
    for (const answer of shaken) {
      if (answer?.status === 200) await stranger.open({ target: `${POLLING}&sid=${sidOf(answer)}` });
    }
    await expectServed(visitor('127.0.0.9', bearer));
    await expectServed(visitor('127.0.0.6', bearer));
  });

  it('gets few of them a minute, also who ends each at once', async () => {
    const stranger = visitor('127.0.0.16');
    const shaken = [];
    for (let i = 0; i < 100; i++) {
      const answer = await stranger.ask({ target: POLLING });
      shaken.push(answer);
      if (answer?.status !== 200) continue;
      await stranger.ask({ method: 'POST', target: `${POLLING}&sid=${sidOf(answer)}`, body: '1' });
    }
    const { 200: given = 0, 429: refused = 0 } = count(shaken);
    expect(given + refused).toBe(100);
    expect(given).toBeGreaterThanOrEqual(20);
    expect(given).toBeLessThan(80); // 60, and one more a second
    await expectServed(visitor('127.0.0.16', bearer));
  });

  it('is one, whatever it claims to have been forwarded for', async () => {
    const claims = Array.from({ length: 40 }, (_, i) =>
      visitor('127.0.0.26', [['X-Forwarded-For', `10.1.2.${i}`]]).ask({ target: POLLING }),
    );
    expect(count(await Promise.all(claims))).toEqual({ 200: 20, 429: 20 });
  });

  it('holds few WebSockets that never say who they are, and those not for long', async () => {
    const stranger = visitor('127.0.0.36');
    const opened = [];
    for (let i = 0; i < 40; i++) opened.push(await stranger.open({ target: SOCKET, headers: WEBSOCKET }));
    const answers = await Promise.all(opened.map((connection) => connection.answer()));
    expect(count(answers)).toEqual({ 101: 20, 429: 20 });
    await expectServed(visitor('127.0.0.36', bearer));
    for (const connection of opened) while (await connection.answer()); // each is cut off
    expect(opened.filter(({ isOpen }) => isOpen)).toEqual([]);
  }, 20_000);

  it('can send little before it says who it is', async () => {
    const stranger = visitor('127.0.0.46');
    const shaken = await stranger.ask({ target: POLLING });
    const target = `${POLLING}&sid=${sidOf(shaken as RawAnswer)}`;
    const large = await stranger.ask({ method: 'POST', target, body: `40${'x'.repeat(50_000)}` });
    expect(large?.status).toBe(413);
    const socket = await stranger.open({ target: SOCKET, headers: WEBSOCKET });
    expect((await socket.answer())?.status).toBe(101);
    const frame = Buffer.alloc(14 + 900_000);
    frame.set([0x81, 0xff, 0, 0, 0, 0, 0, 0x0d, 0xbb, 0xa0]); // a masked text of 900,000 bytes
    socket.write(frame.subarray(0, 60_000));
    while (await socket.answer());
    expect(socket.isOpen).toBe(false);
  });

  it('has no more in the whole server, from however many addresses', async () => {
    const strangers = Array.from({ length: 60 }, (_, i) => visitor(`127.0.2.${i + 1}`));
    const shaken = (await Promise.all(strangers.map((each) => each.handshakes(5)))).flat();
    const { 200: given = 0, 429: refused = 0 } = count(shaken);
    expect(given + refused).toBe(300);
    expect(given).toBeLessThanOrEqual(200);
    await expectServed(visitor('127.0.0.9', bearer));
    expect((await visitor('127.0.3.1').ask({ target: '/api/health' }))?.status).toBe(200);
  }, 60_000);
});

describe('who is counted for what', () => {
  const started: TestServer[] = [];
  const visitors: Visitor[] = [];

  afterEach(async () => {
    for (const each of visitors.splice(0)) each.leave();
    for (const app of started.splice(0)) await app.stop();
  });

  async function start(server: ServerConfig, beforeStart?: TestOptions['beforeStart']): Promise<TestServer> {
    const config = { server: { allowedHosts: [PUBLIC], ...server } };
    const app = await TestServer.start({ config, ...(beforeStart && { beforeStart }) });
    started.push(app);
    return app;
  }

  /** Somebody whom the proxy has seen at that address: the test stands in for the proxy. */
  function seen(app: TestServer, address: string, headers: RawHeaders = []): Visitor {
    const made = new Visitor(app.server.port, undefined, [['X-Forwarded-For', address], ...headers]);
    visitors.push(made);
    return made;
  }

  const OWNER: RawHeaders = [['Authorization', `Bearer ${TOKEN}`]];
  const behindProxy = (limits: ServerConfig['limits'], more: ServerConfig = {}) =>
    start({ trustProxy: true, limits, ...more });
  const withTokens = (limits: ServerConfig['limits']) => behindProxy(limits, { auth: { token: TOKEN } });
  /** Holds a place until it is taken off: a body that does not come. */
  const slow: Asked = {
    method: 'POST',
    target: '/auth/login',
    headers: [...JSON_TYPE, ['Content-Length', '100']],
  };

  it('is the address without a token, and the /64 of an IPv6 one', async () => {
    const app = await withTokens({ handshakes: 2 });
    const of = async (address: string) => (await seen(app, address).ask({ target: POLLING }))?.status;
    expect([await of('2001:db8:1:2::1'), await of('2001:db8:1:2:ffff::9')]).toEqual([200, 200]);
    expect([await of('2001:db8:1:2::77'), await of('2001:db8:1:3::1')]).toEqual([429, 200]);
  });

  it('is the address without the port that some proxies add, and the proxy where that is none', async () => {
    const app = await withTokens({ handshakes: 1 });
    const of = async (address: string) => (await seen(app, address).ask({ target: POLLING }))?.status;
    expect([await of('10.0.0.1:1001'), await of('10.0.0.1:1002')]).toEqual([200, 429]);
    expect([await of('[2001:db8::1]:1001'), await of('[2001:db8::2]:1002')]).toEqual([200, 429]);
    expect([await of('unknown'), await of('_hidden')]).toEqual([200, 429]);
  });

  it('is the same to what Express tells extensions', async () => {
    const app = await start({ trustProxy: true }, (server) => {
      server.getApp().use('/who', (req: Request, res: Response) => {
        res.json({ ip: req.ip });
      });
    });
    const answer = await seen(app, '10.0.0.1, 10.0.0.2').ask({ target: '/who' });
    expect(answer?.body).toBe('{"ip":"10.0.0.2"}');
  });

  it('is bounded in the whole server without a token: requests that take time', async () => {
    const app = await withTokens({ strangers: 3 });
    const hold = (address: string) => seen(app, address).open(slow);
    const held = [await hold('10.0.0.1'), await hold('10.0.0.2'), await hold('10.0.0.3')];
    const beyond = await (await hold('10.0.0.4')).answer();
    expect([beyond?.status, keyOf(beyond as RawAnswer)]).toEqual([429, 'server.limits.strangers']);
    expect((await seen(app, '10.0.0.4').ask({ target: '/api/health' }))?.status).toBe(200);
    expect((await seen(app, '10.0.0.4', OWNER).ask({ target: '/api/sessions' }))?.status).toBe(200);
    held[0]?.destroy();
    const wrong: Asked = { method: 'POST', target: '/auth/login', headers: JSON_TYPE, body: '{}' };
    await until(400, () => seen(app, '10.0.0.4').ask(wrong));
  });

  it('is its token as soon as a Socket.IO client has told it, polling or not', async () => {
    const app = await withTokens({ connections: 4 });
    const headers = { 'x-forwarded-for': '10.0.0.1' };
    const client = new Client(app.url, headers);
    const polling = await client.socket(['polling'], { token: TOKEN });
    const upgraded = await client.socket(['polling', 'websocket'], { token: TOKEN });
    if (upgraded.io.engine.transport.name !== 'websocket') {
      await new Promise((resolve) => upgraded.io.engine.once('upgrade', resolve));
    }
    const stranger = seen(app, '10.0.0.1');
    for (let i = 0; i < 4; i++) await stranger.open(slow);
    expect((await stranger.ask({ target: '/api/health' }))?.status).toBe(429);
    const id = await new Client(app.url, { ...headers, authorization: `Bearer ${TOKEN}` }).createSession();
    for (const socket of [polling, upgraded]) {
      for (let i = 0; i < 5; i++) expect(await ask(socket, 'join-session', id)).toEqual({ ok: true });
    }
    client.close();
  });

  it('has a wrong token count, also where a limit refuses it', async () => {
    const app = await withTokens({ requestsPerMinute: 1 });
    const of = async (token: string) =>
      seen(app, '10.0.0.1', [['Authorization', `Bearer ${token}`]]).ask({ target: '/api/sessions' });
    const wrong = [];
    for (let i = 0; i < 11; i++) wrong.push(await of(`wrong-${i}`));
    expect(count(wrong)).toEqual({ 401: 1, 429: 10 });
    const right = await of(TOKEN);
    expect(right?.status).toBe(429);
    expect((await seen(app, '10.0.0.2', OWNER).ask({ target: '/api/sessions' }))?.status).toBe(200);
  });

  it('is the address where nobody is asked for a token: requests under way, and no connections', async () => {
    const app = await behindProxy({ connections: 3 });
    const target = `/api/sessions/stream?sessionId=${await app.createSession()}`;
    const reader = seen(app, '10.0.0.1');
    for (let i = 0; i < 3; i++) expect((await reader.ask({ target }))?.status).toBe(200);
    const beyond = await reader.ask({ target: '/api/health' });
    expect([beyond?.status, keyOf(beyond as RawAnswer)]).toEqual([429, 'server.limits.connections']);
    const idle = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const connection = await seen(app, '10.0.0.2').open({ target: '/api/health' });
        return (await connection.answer())?.status;
      }),
    );
    expect(idle).toEqual(Array(20).fill(200));
    reader.leave();
    await until(200, () => seen(app, '10.0.0.1').ask({ target }));
  });

  it('has the places back of answers that waited behind another on a connection that is gone', async () => {
    let began: () => void = () => undefined;
    const hasBegun = new Promise<void>((resolve) => (began = resolve));
    const app = await start({ trustProxy: true, limits: { connections: 3 } }, (server) => {
      server.getApp().use('/endless', () => began());
    });
    const headers: RawHeaders = [
      ['Host', PUBLIC],
      ['X-Forwarded-For', '10.0.0.1'],
    ];
    const connection = await RawConnection.open(app.server.port);
    const request = toBytes({ target: '/endless', headers });
    connection.write(Buffer.concat([request, request, request]));
    await hasBegun;
    connection.destroy();
    const reader = seen(app, '10.0.0.1');
    const hold = { target: `/api/sessions/stream?sessionId=${await app.createSession()}` };
    for (let i = 0; i < 3; i++) await until(200, () => reader.ask(hold));
  });

  it('has a connection of its own without a proxy, which idle ones of the same address cannot take', async () => {
    const app = await start({ auth: { token: TOKEN }, limits: { connections: 3 } });
    const open = () => RawConnection.open(app.server.port);
    const own = await open();
    const health = toBytes({
      target: '/api/sessions',
      headers: [['Host', PUBLIC], ...OWNER],
    });
    const ask = async (connection: RawConnection) => {
      connection.write(health);
      return (await connection.answer())?.status;
    };
    expect(await ask(own)).toBe(200);
    const idle = [];
    for (let i = 0; i < 6; i++) idle.push(await open());
    await idle[0]?.answer(); // the oldest has been pushed out
    const another = await open();
    expect([await ask(own), await ask(another)]).toEqual([200, 200]);
    for (const connection of [own, another, ...idle]) connection.destroy();
  });
});
