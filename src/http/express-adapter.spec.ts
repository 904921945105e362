import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Express } from 'express';
import { once } from 'node:events';
import { IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createExpressServer, ExpressHttpAdapter } from './express-adapter.js';

describe('a server for an Express application', () => {
  let server: Server;

  afterEach(() => void server.close());

  const urlOf = (app: Express): Promise<string> => listening(createExpressServer(app));

  async function listening(made: Server): Promise<string> {
    server = made;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('does not fall back to the slow path on this Node and with this Express', async () => {
    const adapter = new ExpressHttpAdapter();
    adapter.initHttpServer({});
    const app = adapter.getInstance<Express>();
    const seen: Record<string, unknown>[] = [];
    const look = (when: string, req: IncomingMessage, res: ServerResponse) =>
      seen.push({
        when,
        ofNode: req instanceof IncomingMessage && res instanceof ServerResponse,
        ofExpress: Object.getPrototypeOf(req) === app.request && Object.getPrototypeOf(res) === app.response,
      });
    app.use((req, res, next) => {
      look('in a handler', req, res);
      next();
    });
    app.use((_req, res) => void res.json({}));
    const url = await listening(adapter.getHttpServer());
    server.prependListener('request', (req, res) => {
      look('born', req, res);
      res.on('finish', () => look('answered', req, res));
    });
    expect((await fetch(url)).status).toBe(200);
    const asBorn = { ofNode: true, ofExpress: true };
    expect(seen).toEqual(['born', 'in a handler', 'answered'].map((when) => ({ when, ...asBorn })));
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
