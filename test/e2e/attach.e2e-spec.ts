import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentTARSServer, type AgentTarsConfig } from '../../src/index.js';
import { Client, types } from '../support/client.js';
import { sendRaw } from '../support/raw-http.js';
import { ask, listen as hear } from '../support/sockets.js';

/** What a server leaves behind that others may notice. */
const traces = (http: Server) => ({
  emit: Object.hasOwn(http, 'emit'),
  listeners: http.eventNames().map((name) => [name, http.listenerCount(name)]),
  headersTimeout: http.headersTimeout,
});

const plain: RequestListener = (req, res) => void res.end(`host: ${req.url}`);

describe("an HTTP server of the embedder's, with the server attached", () => {
  let directory: string;
  let http: Server;
  let server: AgentTARSServer;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'agent-tars-attach-'));
  });
  beforeEach(() => {
    http = createServer(plain);
  });
  afterEach(async () => {
    await server.stop();
    http.closeAllConnections();
    http.close();
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  function create(config: AgentTarsConfig = {}): AgentTARSServer {
    server = new AgentTARSServer({
      dataDir: directory,
      workspace: directory,
      logLevel: 'silent',
      model: { provider: 'embedded' },
      ...config,
      server: { shutdownGraceMs: 0, storage: { type: 'memory' }, ...config.server },
    });
    return server;
  }

  async function listen(host: Server): Promise<string> {
    host.listen(0, '127.0.0.1');
    await once(host, 'listening');
    return `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  }

  const textOf = async (url: string) => (await fetch(url)).text();

  it('answers below the base path, and leaves the rest to the host', async () => {
    const url = await listen(http);
    await create().attach(http);
    expect(server.url).toBe(url);
    const client = new Client(url);
    const sessionId = await client.createSession();
    expect((await client.query(sessionId, '1 + 1')).body.result.content).toBe('1 + 1 = 2');
    expect((await client.get('/api/nowhere')).status).toBe(404);
    for (const path of ['/', '/apiary', '/sessions', '/auth/login']) {
      const response = await fetch(url + path);
      expect(await response.text()).toBe(`host: ${path}`);
      expect(response.headers.get('content-security-policy')).toBeNull();
    }
    await expect(server.start()).rejects.toThrow('started already');
  });

  it('has its sockets, beside the upgrades of the host', async () => {
    const upgraded: (string | undefined)[] = [];
    http.on('upgrade', (req: IncomingMessage, socket: Socket) => {
      upgraded.push(req.url);
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\n\r\n');
    });
    const url = await listen(http);
    await create().attach(http);
    const client = new Client(url);
    for (const transport of ['websocket', 'polling'] as const) {
      const socket = await client.socket([transport]);
      const { events } = hear(socket);
      const sessionId = await client.createSession();
      expect(await ask(socket, 'join-session', sessionId)).toMatchObject({ ok: true });
      await client.query(sessionId, '1 + 1');
      await events.until('agent_run_end');
    }
    expect(upgraded).toEqual([]);
    const own = await sendRaw(server.port, {
      target: '/own',
      headers: [
        ['Host', new URL(url).host],
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
      ],
    });
    expect([own.status, upgraded]).toEqual([101, ['/own']]);
    client.close();
  });

  it('is as it was before, and still listens, once the server has stopped', async () => {
    const before = traces(http);
    await create().attach(http); // before it listens
    expect(() => server.url).toThrow('does not listen');
    const url = await listen(http);
    const client = new Client(url);
    const sessionId = await client.createSession();
    const stream = await client.follow(sessionId);
    await stream.until('replay_end');
    await server.stop();
    expect(types(await stream.ended)).toEqual(['replay_end']);
    expect(traces(http)).toEqual(before);
    expect(await textOf(`${url}/api/health`)).toBe('host: /api/health');
    await server.attach(http);
    expect((await client.get('/api/health')).status).toBe(200);
    await server.stop();
    await server.start(); // by itself
    expect(server.url).not.toBe(url);
    expect((await new Client(server.url).get('/api/health')).status).toBe(200);
    expect(await textOf(`${url}/api/health`)).toBe('host: /api/health');
  });

  it('may wrap what the server wraps, and is left alone all the same', async () => {
    const url = await listen(http);
    await create().attach(http);
    const seen: string[] = [];
    const emit = http.emit.bind(http) as (event: string, ...args: unknown[]) => boolean;
    http.emit = (event: string, ...args: unknown[]) => {
      if (event === 'request') seen.push((args[0] as IncomingMessage).url ?? '');
      return emit(event, ...args);
    };
    expect((await new Client(url).get('/api/health')).status).toBe(200);
    await server.stop();
    expect(await textOf(`${url}/api/health`)).toBe('host: /api/health');
    expect(seen).toEqual(['/api/health', '/api/health']);
  });

  it('can be of Express, with routes of the server’s application below the base path', async () => {
    const app = express();
    app.use(express.json());
    app.get('/hello', (_req, res) => void res.json({ hello: 'host' }));
    http = createServer(app);
    const url = await listen(http);
    await create({ server: { basePath: '/agent' } }).attach(http);
    server.getApp().get('/agent/mine', (_req, res) => void res.json({ mine: true }));
    const client = new Client(url);
    expect((await client.get('/hello')).body).toEqual({ hello: 'host' });
    expect((await client.get('/agent/mine')).body).toEqual({ mine: true });
    expect((await client.post('/agent/sessions/create', {})).status).toBe(201);
    expect((await client.get('/api/health')).status).toBe(404);
  });

  it('is guarded below the base path: by origins and by tokens', async () => {
    const url = await listen(http);
    await create({ server: { auth: { token: 'a-token-of-one-s-own' } } }).attach(http);
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${url}/api/sessions`, { headers })).status;
    const authorization = 'Bearer a-token-of-one-s-own';
    expect(await status({})).toBe(401);
    expect(await status({ authorization })).toBe(200);
    expect(await status({ authorization, origin: 'http://evil.example' })).toBe(403);
    const login = await fetch(server.createLoginLink() ?? '', { redirect: 'manual' });
    expect(login.headers.get('set-cookie')).toContain('HttpOnly');
  });

  it('is not taken over by a server that could not start', async () => {
    const before = traces(http);
    const url = await listen(http);
    create({ workspace: join(directory, 'missing') });
    await expect(server.attach(http)).rejects.toThrow('missing');
    expect(traces(http)).toEqual(before);
    expect(await textOf(`${url}/api/health`)).toBe('host: /api/health');
  });
});
