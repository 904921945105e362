import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { type FetchImage, fetchImage } from '../../src/images/fetch-image.js';
import { ToolLoopAgent } from '../../src/agent/tool-loop.agent.js';
import { IMAGES, ImageStub, PNG } from '../support/image-stub.js';
import { TestServer } from '../support/test-server.js';

/** The standard agent with the address rule opened for 127.0.0.1, which no configuration can do. */
@Injectable()
class LocalImagesAgent extends ToolLoopAgent {
  protected override readonly fetchImage: FetchImage = (url, options) =>
    fetchImage(url, { ...options, isAllowed: (address) => address === '127.0.0.1' });
}

const link = (url: string) => ({ type: 'image_url', image_url: { url } });
const text = (words: string) => ({ type: 'text', text: words });
const dataUrl = (type: keyof typeof IMAGES) => `data:${type};base64,${IMAGES[type].toString('base64')}`;

let stub: ImageStub;
beforeAll(async () => {
  stub = await ImageStub.start();
});
afterEach(() => stub.reset());
afterAll(() => stub.stop());

/** What the model was last told by the user. */
const told = (app: TestServer): unknown => app.model.lastRequest.body.messages.at(-1)?.content;

describe('an image that a query links, with server.fetchImages', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({
      config: { server: { fetchImages: true } },
      extensions: { agent: LocalImagesAgent },
    });
  });
  afterAll(() => app.stop());

  it.each(Object.keys(IMAGES) as (keyof typeof IMAGES)[])(
    'of type %s is given to the model as data, and stored as it came',
    async (type) => {
      stub.answer = (res) => ImageStub.send(res, IMAGES[type]);
      const sessionId = await app.createSession();
      const query = [text('What is this?'), link(stub.url('/photo?size=large'))];
      expect((await app.query(sessionId, query)).status).toBe(200);
      expect(told(app)).toEqual([text('What is this?'), link(dataUrl(type))]);
      expect((await app.events(sessionId))[0]).toMatchObject({ content: query });
      expect(stub.requests).toHaveLength(1);
    },
  );

  it('is fetched once in a run, however often it is named and the model is asked', async () => {
    const sessionId = await app.createSession();
    app.model.next(
      (reply) => reply.toolCall('read_file', { path: 'note.txt' }).end(),
      (reply) => reply.text('The same twice.').end(),
    );
    await app.query(sessionId, [link(stub.url()), text('and'), link(stub.url())]);
    const { messages } = app.model.lastRequest.body;
    expect(messages[1]?.content).toEqual([
      link(dataUrl('image/png')),
      text('and'),
      link(dataUrl('image/png')),
    ]);
    expect(messages).toHaveLength(4); // with the call and its result
    expect(stub.requests).toHaveLength(1);
  });

  it('of an earlier query is named to the model, and not fetched again', async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId, [text('Look.'), link(stub.url())]);
    await app.query(sessionId, 'What was it?');
    expect(app.model.lastRequest.body.messages[1]?.content).toEqual([
      text('Look.'),
      text(
        `[The image at ${stub.url()} was linked earlier and is not fetched again; the user can link it again.]`,
      ),
    ]);
    expect(stub.requests).toHaveLength(1);
  });

  it('may weigh 10 MB', async () => {
    const large = Buffer.concat([PNG, Buffer.alloc(10 * 1024 * 1024 - PNG.length, 'x')]);
    stub.answer = (res) => ImageStub.send(res, large);
    await app.query(await app.createSession(), [link(stub.url())]);
    const [part] = told(app) as { image_url: { url: string } }[];
    const prefix = 'data:image/png;base64,';
    expect(part?.image_url.url.startsWith(prefix)).toBe(true);
    expect(Buffer.from(part?.image_url.url.slice(prefix.length) ?? '', 'base64').equals(large)).toBe(true);
  });

  it.each<[string, (path: string) => string, string]>([
    ['is not there', () => '', 'its server answered 404'],
    ['redirects to another address', () => stub.url('/x.png', '[::1]'), 'its host has no public address'],
    ['redirects to a file', () => 'file:///etc/passwd', 'only http: and https: links are fetched'],
  ])('that %s is a sentence to the model, and the run goes on', async (_what, location, reason) => {
    stub.answer = (res, path) => {
      if (location(path)) ImageStub.redirect(res, location(path));
      else res.writeHead(404).end();
    };
    const sessionId = await app.createSession();
    const { status, body } = await app.query(sessionId, [
      text('Look.'),
      link(stub.url()),
      link(dataUrl('image/gif')),
    ]);
    expect([status, body.result.content]).toEqual([200, 'Hello there!']);
    expect(told(app)).toEqual([
      text('Look.'),
      text(`[The image at ${stub.url()} could not be fetched: ${reason}.]`),
      link(dataUrl('image/gif')),
    ]);
    expect(stub.connections).toBe(1);
  });

  it('that does not come is given up when the run is aborted', async () => {
    stub.answer = () => undefined;
    const asked = app.model.requests.length;
    const sessionId = await app.createSession();
    const request = stub.request();
    const reader = await app.stream(sessionId, [link(stub.url())]);
    const { closed } = await request;
    expect(await app.status(sessionId)).toMatchObject({ isProcessing: true, state: 'executing' });
    expect((await app.post('/api/sessions/abort', { sessionId })).body).toEqual({ success: true });
    await closed;
    expect((await reader.ended).at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
    expect(app.model.requests).toHaveLength(asked);
  });
});

describe('an image on this machine', () => {
  /** How a client may write the address of this machine, and what the model is told of the link. */
  const HOSTS = [
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', 'localhost'],
    ['[::1]', '[::1]'],
    ['[::ffff:127.0.0.1]', '[::ffff:7f00:1]'],
    ['2130706433', '127.0.0.1'],
    ['0x7f000001', '127.0.0.1'],
    ['017700000001', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
  ] as const;

  describe('is never fetched with server.fetchImages', () => {
    let app: TestServer;

    beforeAll(async () => {
      app = await TestServer.start({ config: { server: { fetchImages: true } } });
    });
    afterAll(() => app.stop());

    it.each(HOSTS)('at %s', async (host, shown) => {
      const { status } = await app.query(await app.createSession(), [
        text('Look.'),
        link(stub.url('/x.png', host)),
      ]);
      expect(status).toBe(200);
      expect(told(app)).toEqual([
        text('Look.'),
        text(
          `[The image at ${stub.url('/x.png', shown)} could not be fetched: its host has no public address.]`,
        ),
      ]);
      expect(stub.connections).toBe(0);
    });

    it('with a user and a password', async () => {
      await app.query(await app.createSession(), [link(stub.url('/x.png', 'user:pass@127.0.0.1'))]);
      expect(JSON.stringify(told(app))).toContain('a link that holds a user or a password is not fetched');
      expect(JSON.stringify(told(app))).not.toContain('user:pass');
      expect(stub.connections).toBe(0);
    });

    it.each(['file:///etc/passwd', 'ftp://127.0.0.1:PORT/x.png', 'gopher://127.0.0.1:PORT/x.png'])(
      'at %s, which is no image of a query at all',
      async (url) => {
        const asked = app.model.requests.length;
        const query = [link(url.replace('PORT', String(stub.port)))];
        const { status, body } = await app.query(await app.createSession(), query);
        expect([status, body.code]).toEqual([400, 'INVALID_INPUT']);
        expect(app.model.requests).toHaveLength(asked);
        expect(stub.connections).toBe(0);
      },
    );
  });

  describe('is not fetched without it either', () => {
    let app: TestServer;

    beforeAll(async () => {
      app = await TestServer.start({ extensions: { agent: LocalImagesAgent } });
    });
    afterAll(() => app.stop());

    it.each(HOSTS)('at %s: the link goes to the model', async (host, shown) => {
      const sessionId = await app.createSession();
      const sent = [text('Look.'), link(stub.url('/x.png', shown))];
      await app.query(sessionId, [text('Look.'), link(stub.url('/x.png', host))]);
      expect(told(app)).toEqual(sent);
      await app.query(sessionId, 'And now?');
      expect(app.model.lastRequest.body.messages[1]?.content).toEqual(sent);
      expect(stub.connections).toBe(0);
    });
  });
});
