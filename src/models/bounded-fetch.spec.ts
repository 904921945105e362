import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { boundedFetch as fetchFor } from './bounded-fetch.js';

const boundedFetch = fetchFor();

describe('the fetch of the SDK', () => {
  let server: http.Server;
  let url: string;
  let answer: (res: http.ServerResponse) => void;
  const sends = (type: string, ...pieces: string[]) => {
    answer = (res) => {
      res.writeHead(200, { 'content-type': type });
      for (const piece of pieces) res.write(piece);
      res.end();
    };
  };

  beforeAll(async () => {
    server = http.createServer((_req, res) => answer(res));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => void server.close());

  it('hands on what is in bounds as it is, but for the line ends', async () => {
    sends('text/event-stream', ...'\ufeffdata: {"a":"✓"}\r\n\r\ndata: 1\r\rdata: 2\n\nthe end');
    const response = await boundedFetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(Buffer.from(await response.arrayBuffer()).toString()).toBe(
      '\ufeffdata: {"a":"✓"}\n\ndata: 1\n\ndata: 2\n\nthe end',
    );
    sends('application/json', '{"a":', '1}');
    expect(await (await boundedFetch(url)).json()).toEqual({ a: 1 });
    answer = (res) => res.writeHead(204).end();
    expect((await boundedFetch(url)).body).toBeNull();
  });

  it('knows a stream by its media type in any case: its events may be longer than another answer', async () => {
    const event = `data: ${'x'.repeat(2_000_000)}\n\n`;
    sends('Text/Event-Stream; charset=UTF-8', event);
    expect(await (await boundedFetch(url)).text()).toBe(event);
  });

  it('hands on an event once its lines have ended, while the stream goes on', async () => {
    answer = (res) =>
      void res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\ndata: ');
    const reader = (await boundedFetch(url)).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n');
    await reader?.cancel();
  });

  it.each([
    ['a line', 'text/event-stream', 'x'.repeat(8_000_001), 'a line has no end after 8000000 characters'],
    [
      'an event',
      'text/event-stream',
      'data: x\n'.repeat(1_200_000),
      'it has no end after 8000000 characters',
    ],
    ['another answer', 'application/json', ' \n'.repeat(1_000_001), 'it has no end after 1000000 characters'],
    ['JSON', 'text/event-stream', `data: [${'{},'.repeat(100_000)}0]\n\n`, 'holds more than 100000 values'],
  ])('fails where %s is beyond its bound', async (_, type, body, reason) => {
    sends(type, body);
    await expect((await boundedFetch(url)).text()).rejects.toThrow(reason);
  });
});
