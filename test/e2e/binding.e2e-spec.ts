import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { AgentTARSServer, type AgentTarsConfig, InvalidConfig } from '../../src/index.js';
import { Client } from '../support/client.js';
import { run, ServerProcess } from '../support/process.js';
import { POLLING, raw, SOCKET, UPGRADE } from '../support/raw.js';

let directory: string;
const servers: AgentTARSServer[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-binding-'));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function create(server: AgentTarsConfig['server'] = {}): AgentTARSServer {
  const created = new AgentTARSServer({
    dataDir: join(directory, 'data'),
    workspace: directory,
    logLevel: 'silent',
    model: { provider: 'embedded' },
    server: { port: 0, shutdownGraceMs: 0, storage: { type: 'memory' }, ...server },
  });
  servers.push(created);
  return created;
}

async function start(server: AgentTarsConfig['server'] = {}): Promise<AgentTARSServer> {
  const created = create(server);
  await created.start();
  return created;
}

/** What a raw connection is answered until its end. */
async function exchange(host: string, port: number, text: string): Promise<string> {
  const socket = net.connect(port, host);
  let answer = '';
  socket.on('data', (data) => (answer += String(data)));
  socket.end(text);
  await once(socket, 'close');
  return answer;
}

/** An address of this machine that is not loopback, where it has one. */
const outside = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

describe.each([undefined, 'localhost'])('a server whose host is %s', (host) => {
  it('is reached on both loopback addresses, by every door, and on no other', async () => {
    const { port, url } = await start({ host });
    expect(url).toBe(`http://127.0.0.1:${port}`);
    const client = new Client(`http://[::1]:${port}`);
    const sessionId = await client.createSession();
    expect((await client.query(sessionId, '1 + 1')).body.result.content).toBe('1 + 1 = 2');
    const stream = await client.stream(sessionId, '2 + 2');
    expect((await stream.ended).at(-1)?.type).toBe('agent_run_end');
    const socket = await client.socket();
    expect(await socket.emitWithAck('join-session', sessionId)).toEqual({ ok: true });
    client.close();
    // Not by the client library, whose polling knows no IPv6 address.
    expect((await raw(client.url, { path: POLLING })).body).toContain('"upgrades":["websocket"]');
    expect((await new Client(url).get('/api/sessions')).body.sessions).toHaveLength(1);
    if (outside)
      await expect(raw(`http://${outside}:${port}`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('the second address', () => {
  it('has the same front door, and the same answer to what is no HTTP', async () => {
    const { port } = await start();
    const url = `http://[::1]:${port}`;
    const evil = { host: `evil.example:${port}` };
    expect((await raw(url, { headers: evil })).status).toBe(403);
    expect((await raw(url, { path: SOCKET, headers: { ...UPGRADE, ...evil } })).status).toBe(403);
    const answer = await exchange('::1', port, 'this is no HTTP\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*"code":"INVALID_INPUT"/);
  });

  it('goes when the server stops, with its streams and sockets, and comes back with it', async () => {
    const server = await start();
    const { port } = server;
    const client = new Client(`http://[::1]:${port}`);
    const follower = await client.follow(await client.createSession());
    await follower.until('replay_end');
    const socket = await client.socket();
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    await server.stop();
    await Promise.all([follower.ended, gone]);
    await expect(raw(client.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.start();
    expect((await raw(`http://[::1]:${server.port}`)).status).toBe(200);
  });

  it('is done without where somebody else has its port, which the log tells', async () => {
    const holder = net.createServer().listen(0, '::1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const args = ['--port', String(port), '--log-level', 'debug'];
    const server = await ServerProcess.start(args, { cwd: directory, env: { HOME: directory } });
    try {
      expect((await raw(server.url)).status).toBe(200);
      expect(server.log()).toContain(`Port ${port} is taken on ::1 by somebody else`);
    } finally {
      await server.kill('SIGTERM');
      holder.close();
    }
  });

  it('is the only one of a server whose host it is', async () => {
    const { port, url } = await start({ host: '::1' });
    expect(url).toBe(`http://[::1]:${port}`);
    expect((await raw(url)).status).toBe(200);
    await expect(raw(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('any other address', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.org', '127.0.0.1.example.org', '127.0.0.2', 'localhost.'])(
    'needs a token: %s',
    (host) => {
      expect(() => create({ host })).toThrow(InvalidConfig);
      expect(() => create({ host })).toThrow(
        `server.host is "${host}", where others reach this server, so it must ask for a token: use --auth or server.auth.token, or let everybody in with --insecure-no-auth (server.insecureNoAuth).`,
      );
      expect(create({ host, auth: true }).config.server.host).toBe(host);
    },
  );

  it('is refused by the command in one line, before anything is made', async () => {
    const cwd = await mkdtemp(join(directory, 'cwd-'));
    const refused = (args: string[], env: NodeJS.ProcessEnv = {}) =>
      run(['serve', '--port', '0', ...args], { cwd, env: { HOME: cwd, ...env } });
    await writeFile(join(cwd, 'open.json'), JSON.stringify({ server: { host: '0.0.0.0' } }));
    for (const outcome of [
      await refused(['--host', '0.0.0.0']),
      await refused([], { AGENT_TARS_HOST: '::' }),
      await refused(['--config', 'open.json']),
    ]) {
      expect([outcome.code, outcome.stdout]).toEqual([1, '']);
      expect(outcome.stderr).toMatch(
        /^server\.host is "(0\.0\.0\.0|::)", [^\n]*--auth[^\n]*server\.auth\.token[^\n]*--insecure-no-auth[^\n]*\n$/,
      );
    }
    expect(await readdir(cwd)).toEqual(['open.json']);
  });

  it('asks for the token that is configured, and takes it from the environment too', async () => {
    const cwd = await mkdtemp(join(directory, 'cwd-'));
    const token = 'a-token-of-my-own-7391';
    const server = await ServerProcess.start(['--host', '0.0.0.0'], {
      cwd,
      env: { HOME: cwd, AGENT_TARS_TOKEN: token },
    });
    try {
      const authorization = `Bearer ${token}`;
      for (const host of ['127.0.0.1', ...(outside ? [outside] : [])]) {
        const url = `http://${host}:${new URL(server.url).port}`;
        expect((await raw(url)).status).toBe(401);
        expect((await raw(url, { headers: { authorization } })).status).toBe(200);
      }
      expect(server.greeting.join('\n')).not.toContain(token);
    } finally {
      await server.kill('SIGTERM');
    }
  });

  it('lets everybody in with --insecure-no-auth, with a warning', async () => {
    const cwd = await mkdtemp(join(directory, 'cwd-'));
    const server = ServerProcess.spawn(['--host', '0.0.0.0', '--insecure-no-auth', '--port', '0'], {
      cwd,
      env: { HOME: cwd },
    });
    try {
      let greeting = '';
      server.stdout.on('data', (data) => (greeting += String(data)));
      const [warning] = (await once(server.stderr, 'data')) as [Buffer];
      expect(String(warning)).toBe(
        'Warning: no token is asked for. Everybody who can reach 0.0.0.0 can use this server and the files of its workspace.\n',
      );
      const port = /:(\d+)$/m.exec(greeting)?.[1];
      expect((await raw(`http://${outside ?? '127.0.0.1'}:${port}`)).status).toBe(200);
    } finally {
      server.kill('SIGKILL');
      await once(server, 'close');
    }
  });

  it('lets everybody in when who embeds the server says so', async () => {
    const server = await start({ host: '0.0.0.0', insecureNoAuth: true });
    expect((await raw(`http://127.0.0.1:${server.port}`)).status).toBe(200);
  });
});

describe('on this machine, without a token', () => {
  it('everything works as it does in the documentation', async () => {
    const server = create({});
    server.getApp().use('/custom-endpoint', (_req, res) => void res.json({ message: 'Hello' }));
    await server.start();
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      const client = new Client(`http://${host}:${server.port}`);
      const sessionId = await client.createSession();
      expect((await client.post('/api/sessions/update', { sessionId, name: 'N', tags: ['t'] })).status).toBe(
        200,
      );
      for (const path of ['details', 'status', 'events']) {
        expect((await client.get(`/api/sessions/${path}?sessionId=${sessionId}`)).status).toBe(200);
      }
      expect((await client.query(sessionId, '6 * 7')).body.result.content).toBe('6 * 7 = 42');
      expect((await (await client.stream(sessionId, 'hi')).ended).at(-1)?.type).toBe('agent_run_end');
      expect((await client.post('/api/sessions/abort', { sessionId })).body).toEqual({ success: false });
      expect((await client.get('/api/share/config')).status).toBe(200);
      expect((await client.post('/api/sessions/share', { sessionId, upload: false })).status).toBe(200);
      expect((await client.get('/')).status).toBe(200);
      expect((await client.get('/custom-endpoint')).body).toEqual({ message: 'Hello' });
      expect((await client.get('/auth/link')).status).toBe(404); // there is nothing to log in to
      const transports = host === '[::1]' ? ['websocket'] : ['polling', 'websocket'];
      const socket = io(client.url, { transports, forceNew: true, reconnection: false });
      expect(await socket.emitWithAck('join-session', sessionId)).toEqual({ ok: true });
      expect(await socket.emitWithAck('send-query', { sessionId, query: 'hi' })).toMatchObject({ ok: true });
      expect(await socket.emitWithAck('abort-query', { sessionId })).toMatchObject({ ok: true });
      socket.close();
      expect((await client.post('/api/sessions/delete', { sessionId })).body).toEqual({ success: true });
    }
    expect(server.createLoginLink()).toBeUndefined();
  });
});
