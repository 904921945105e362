import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { InvalidConfig, shownSource } from './index.js';
import { fetchConfig } from './remote-config.js';

let server: Server;
let origin: string;
/** Answers the next requests. */
let answer: RequestListener;
let requests: string[];

beforeAll(async () => {
  server = createServer((req, res) => {
    requests.push(`${req.headers.host}${req.url}`);
    answer(req, res);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = [];
});

const says =
  (body: string | Buffer, type = 'application/json', headers: Record<string, string> = {}): RequestListener =>
  (_req, res) =>
    res.writeHead(200, { 'content-type': type, ...headers }).end(body);

const refusal = async (path: string, timeoutMs?: number): Promise<string> => {
  const error: unknown = await fetchConfig(origin + path, timeoutMs).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InvalidConfig);
  const { message } = error as Error;
  const before = `The configuration ${shownSource(origin + path)} cannot be used: `;
  expect(message.startsWith(before)).toBe(true);
  expect(message).not.toContain('\n');
  return message.slice(before.length);
};

describe('a configuration at a URL', () => {
  it.each([
    ['/c.json', '{"workspace":"w"}', 'application/json; charset=utf-8'],
    ['/c.json', '\uFEFF{"workspace":"w"}', 'text/plain'],
    ['/c', '{"workspace":"w"}', 'application/vnd.mine+json'],
    ['/c.yaml', '\uFEFFworkspace: w # a comment', 'application/yaml'],
    ['/c', 'workspace: w', 'text/plain'],
    ['/c?token=s', 'workspace: w', 'application/octet-stream'],
  ])('may be JSON or YAML: %s as %j', async (path, body, type) => {
    answer = says(body, type);
    expect(await fetchConfig(origin + path)).toEqual({ workspace: 'w' });
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['/c.ts', 'export default {}', 'it is a script, and code is run from files alone.'],
    ['/c.mjs?x', 'export default {}', 'it is a script, and code is run from files alone.'],
    ['/c', 'module.exports = mine', 'it must give one object (export default { … }).'],
    ['/c', '[]', 'it must give one object (export default { … }).'],
  ])('is never code: %s with %j', async (path, body, reason) => {
    answer = says(body, 'text/plain');
    expect(await refusal(path)).toBe(reason);
  });

  it.each(['text/html', 'application/javascript', 'text/typescript', 'image/png'])(
    'is never %s',
    async (type) => {
      answer = says('{}', type);
      expect(await refusal('/c.json')).toBe(`it is ${type}, not JSON or YAML.`);
    },
  );

  it('must be well-formed', async () => {
    answer = says('{"server": ');
    expect(await refusal('/c.json')).toContain('JSON');
    answer = says('server: [1', 'text/yaml');
    expect(await refusal('/c.yaml')).toContain('line');
  });

  it('must be there', async () => {
    answer = (_req, res) => res.writeHead(404, { 'content-type': 'application/json' }).end('{}');
    expect(await refusal('/c.json')).toBe('the answer was 404.');
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    await once(closed.close(), 'close');
    await expect(fetchConfig(`http://127.0.0.1:${port}/c`)).rejects.toThrow(
      'cannot be reached (ECONNREFUSED)',
    );
  });

  it.each([
    ['http://example.org/c.json', 'it must be an https URL, or an http one of this machine'],
    ['http://127.0.0.1.example.org/c.json', 'it must be an https URL, or an http one of this machine'],
    ['ftp://127.0.0.1/c.json', 'it must be an https URL, or an http one of this machine'],
    ['file:///etc/c.json', 'it must be an https URL, or an http one of this machine'],
    ['https://user:sentinel@127.0.0.1/c.json', 'a URL with a user or password is not fetched'],
    ['https://', 'it is no URL'],
  ])('is fetched from nowhere else: %s', async (url, reason) => {
    const refused = fetchConfig(url);
    await expect(refused).rejects.toThrow(`cannot be used: ${reason}.`);
    await expect(refused).rejects.not.toThrow('sentinel');
  });

  it('may be at most 1 MB, whether its length is told or not, and once it is unpacked', async () => {
    const comment = Buffer.alloc(2_000_000, '#');
    const tooLarge = 'it is larger than 1000000 bytes.';
    answer = says(comment, 'text/yaml', { 'content-length': String(comment.length) });
    expect(await refusal('/c.yaml')).toBe(tooLarge);
    answer = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/yaml' });
      const more = (): void => void res.write(comment.subarray(0, 65_536), (error) => error ?? more());
      more(); // endless: only the reader can end it
    };
    expect(await refusal('/c.yaml')).toBe(tooLarge);
    answer = says(gzipSync(comment), 'text/yaml', { 'content-encoding': 'gzip' });
    expect(await refusal('/c.yaml')).toBe(tooLarge);
    answer = says(`workspace: w\n${'#'.repeat(900_000)}`, 'text/yaml');
    expect(await fetchConfig(`${origin}/c.yaml`)).toEqual({ workspace: 'w' });
  });

  it('must come in time, its last byte too', async () => {
    answer = () => undefined;
    expect(await refusal('/c.json', 50)).toBe('it did not come in time.');
    answer = (_req, res) => void res.writeHead(200, { 'content-type': 'application/json' }).write('{');
    expect(await refusal('/c.json', 50)).toBe('it did not come in time.');
  });

  describe('that redirects', () => {
    const to =
      (location: string): RequestListener =>
      (req, res) => {
        if (req.url === '/there') says('{"workspace":"w"}')(req, res);
        else res.writeHead(302, { location }).end();
      };

    it('is followed within its origin', async () => {
      answer = to('/there');
      expect(await fetchConfig(`${origin}/c`)).toEqual({ workspace: 'w' });
    });

    it('is followed to no other origin', async () => {
      const other = origin.replace('127.0.0.1', 'localhost');
      answer = to(`${other}/there`);
      expect(await refusal('/c')).toBe(`it redirects to another origin (${other}).`);
      answer = to('http://169.254.169.254/latest');
      expect(await refusal('/c')).toContain('it must be an https URL');
      expect(requests).toEqual([`${new URL(origin).host}/c`, `${new URL(origin).host}/c`]);
    });

    it('is followed to no script, nor for ever', async () => {
      answer = to('/c.js');
      expect(await refusal('/c')).toContain('it is a script');
      answer = to('/c');
      expect(await refusal('/c')).toBe('it redirects more than 5 times.');
      expect(requests).toHaveLength(7);
    });
  });

  it.each([
    [{ tools: [] }, 'tools'],
    [{ webui: { staticPath: '/' } }, 'webui.staticPath'],
    [{ hooks: [] }, 'hooks'],
    [{ mcpServers: { mine: { command: 'npx' } } }, 'mcpServers.mine.command'],
    [{ model: { apiKey: 'OPENAI_API_KEY' } }, 'model.apiKey'],
    [{ server: { models: [{}, { apiKey: 'AWS_SECRET' }] } }, 'server.models.1.apiKey'],
    [{ server: { auth: { token: 'HOME' } } }, 'server.auth.token'],
  ])('has no power over this machine: %j', async (config, key) => {
    answer = says(JSON.stringify(config));
    expect(await refusal('/c')).toContain(`${key} may not come from a URL: `);
  });

  it('may hold what is only data', async () => {
    const config = { model: { apiKey: 'sk-literal' }, mcpServers: { mine: { url: 'https://x' } } };
    answer = says(JSON.stringify(config));
    expect(await fetchConfig(`${origin}/c`)).toEqual(config);
    answer = says('instructions: &a { b: *a }', 'text/yaml');
    expect(await fetchConfig(`${origin}/c`)).toHaveProperty('instructions');
  });
});
