import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Request, Response } from 'express';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { RawConnection, type RawHeaders, sendRaw, toBytes } from '../support/raw-http.js';
import { TestServer } from '../support/test-server.js';

describe('a request that offers another protocol', () => {
  let app: TestServer;
  let port: number;
  let host: RawHeaders;
  /** The server's end of the connection that asked for /which. */
  let socket: Socket | undefined;

  beforeAll(async () => {
    app = await TestServer.start({
      beforeStart: (server) => {
        server.getApp().use('/which', (req: Request, res: Response) => {
          socket = req.socket;
          res.json({});
        });
      },
    });
    port = app.server.port;
    host = [['Host', `127.0.0.1:${port}`]];
  });
  afterAll(() => app.stop());

  /** As Java's HTTP client and `curl --http2` send it with their first request. */
  const HTTP2: RawHeaders = [
    ['Connection', 'Upgrade, HTTP2-Settings'],
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA'],
  ];
  const WEBSOCKET: RawHeaders = [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ];

  it('is met in the one that it came in, its body included', async () => {
    const health = await sendRaw(port, { target: '/api/health', headers: [...host, ...HTTP2] });
    expect([health.status, health.body]).toEqual([200, '{"status":"ok"}']);
    const headers: RawHeaders = [...host, ...HTTP2, ['Content-Type', 'application/json']];
    const request = { method: 'POST', target: '/api/sessions/create', headers };
    const created = await sendRaw(port, { ...request, body: '{"name":"by Java"}' });
    expect([created.status, JSON.parse(created.body)]).toMatchObject([201, { session: { name: 'by Java' } }]);
    const large = JSON.stringify({ name: 'x', padding: 'x'.repeat(300_000) });
    expect((await sendRaw(port, { ...request, body: large })).status).toBe(201);
  });

  it('is met on a connection that goes on', async () => {
    const connection = await RawConnection.open(port);
    const plain = toBytes({ target: '/api/health', headers: host });
    const offer = toBytes({ target: '/api/version', headers: [...host, ...HTTP2] });
    const bodies: unknown[] = [];
    for (const bytes of [plain, offer, offer, plain]) {
      connection.write(bytes);
      bodies.push(JSON.parse((await connection.answer())?.body ?? ''));
    }
    connection.write(Buffer.concat([offer, plain]));
    for (let i = 0; i < 2; i++) bodies.push(JSON.parse((await connection.answer())?.body ?? ''));
    connection.destroy();
    const health = { status: 'ok' };
    const version = expect.objectContaining({ version: expect.any(String) });
    expect(bodies).toEqual([health, version, version, health, version, health]);
  });

  it('is one connection to the limit, however often it is offered', async () => {
    const limited = await TestServer.start({ config: { server: { limits: { connections: 2 } } } });
    const other = limited.server.port;
    const connection = await RawConnection.open(other);
    const headers: RawHeaders = [['Host', `127.0.0.1:${other}`], ...HTTP2];
    const statuses: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      connection.write(toBytes({ target: '/api/health', headers }));
      statuses.push((await connection.answer())?.status);
    }
    connection.destroy();
    await limited.stop();
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
  });

  it('leaves nothing behind on its connection, however often it is offered', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const connection = await RawConnection.open(port);
    const offer = async (times: number) => {
      for (let i = 0; i < times; i++) {
        connection.write(toBytes({ target: '/which', headers: [...host, ...HTTP2] }));
        expect((await connection.answer())?.status).toBe(200);
      }
      return socket?.eventNames().map((name) => [name, socket?.listenerCount(name)]);
    };
    const after = await offer(2);
    expect(await offer(50)).toEqual(after);
    process.off('warning', note);
    connection.destroy();
    expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([]);
  });

  it('and to close the connection has it closed', async () => {
    const connection = await RawConnection.open(port);
    const headers: RawHeaders = [...host, ['Connection', 'close, Upgrade'], ['Upgrade', 'h2c']];
    connection.write(toBytes({ target: '/api/health', headers }));
    expect((await connection.answer())?.headers['connection']).toBe('close');
    expect(await connection.answer()).toBeUndefined();
  });

  it('is told that there is no such WebSocket, also on a connection that had answers before', async () => {
    const connection = await RawConnection.open(port);
    connection.write(toBytes({ target: '/api/health', headers: host }));
    expect((await connection.answer())?.status).toBe(200);
    connection.write(toBytes({ target: '/api/none?x', headers: [...host, ...WEBSOCKET] }));
    const answer = await connection.answer();
    expect([answer?.status, JSON.parse(answer?.body ?? '')]).toEqual([
      404,
      { error: 'There is no WebSocket at /api/none.', code: 'ROUTE_NOT_FOUND' },
    ]);
    expect(await connection.answer()).toBeUndefined();
  });

  it('may break off while nobody has claimed it', async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(toBytes({ target: '/api/none', headers: [...host, ...WEBSOCKET] }));
    // A request sent later that is answered tells that the server has this one.
    expect((await app.get('/api/health')).status).toBe(200);
    socket.resetAndDestroy();
    await once(socket, 'close');
    expect((await app.get('/api/health')).status).toBe(200);
  });

  it('still gets the WebSocket that there is', async () => {
    const target = '/socket.io/?EIO=4&transport=websocket';
    expect((await sendRaw(port, { target, headers: [...host, ...WEBSOCKET] })).status).toBe(101);
    const id = await app.createSession();
    const socket = await app.socket();
    expect(await socket.emitWithAck('join-session', id)).toEqual({ ok: true });
  });
});
