import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Express } from 'express';
import { once } from 'node:events';
import { IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createExpressServer } from './express-adapter.js';

describe('a server for an Express application', () => {
  let server: Server;

  afterEach(() => void server.close());

  async function urlOf(app: Express): Promise<string> {
    server = createExpressServer(app);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('makes requests and responses that need no other prototype', async () => {
    const app = express();
    app.use((_req, res) => void res.json({}));
    const url = await urlOf(app);
    const born: unknown[] = [];
    server.prependListener('request', (req, res) => {
      born.push(Object.getPrototypeOf(req) === app.request, Object.getPrototypeOf(res) === app.response);
      born.push(req instanceof IncomingMessage, res instanceof ServerResponse);
    });
    expect((await fetch(url)).status).toBe(200);
    expect(born).toEqual([true, true, true, true]);
  });

  it('serves applications that are mounted in it, each with requests of its own', async () => {
    const [app, mounted] = [express(), express()];
    mounted.set('name', 'mounted');
    mounted.post('/echo', express.json(), (req, res) => {
      res
        .status(201)
        .json({ body: req.body as unknown, app: req.app.get('name') as unknown, at: req.baseUrl });
    });
    app.use('/below', mounted);
    app.use((req, res) => void res.json({ app: req.app === app, type: req.is('json') }));
    const url = await urlOf(app);
    const post = (path: string) =>
      fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' });
    const below = await post('/below/echo');
    expect([below.status, await below.json()]).toEqual([
      201,
      { body: { a: 1 }, app: 'mounted', at: '/below' },
    ]);
    expect(await (await post('/elsewhere')).json()).toEqual({ app: true, type: 'json' });
  });
});
