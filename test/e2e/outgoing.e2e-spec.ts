import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImageStub } from '../support/image-stub.js';
import { TestServer } from '../support/test-server.js';

/** The modules that connections are opened with, and what a file takes of them. */
const NETWORK =
  /^import (?!type\b)([^;]+?) from '(node:(?:https?|http2|net|tls|dgram|dns(?:\/promises)?)|undici|ws)'/gm;

describe('the source', () => {
  it('opens connections in four places: to the model, to the share provider, to checked addresses, and for a configuration', () => {
    const src = fileURLToPath(new URL('../../src', import.meta.url));
    const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
      .flatMap((file) => {
        const source = readFileSync(join(src, file), 'utf8');
        const values = ([, names = '', module = '']: RegExpMatchArray) => {
          const taken = names
            .replace(/\btype \w+,? ?/g, '')
            .replace(/[{}]/g, '')
            .trim()
            .replace(/,$/, '');
          return taken === '' ? [] : [`${file}: ${taken} of ${module}`];
        };
        const calls = /(?<!this\.)\bfetch\(/.test(source) ? [`${file}: fetch`] : [];
        return [...[...source.matchAll(NETWORK)].flatMap(values), ...calls];
      });
    expect(found.sort()).toEqual([
      'auth/login-page.ts: fetch', // in the browser, of the page's own server
      'config/remote-config.ts: fetch',
      'docs/failures.ts: STATUS_CODES of node:http',
      'http/client-id.ts: isIP, isIPv6 of node:net',
      'http/error-response.ts: STATUS_CODES of node:http',
      'http/express-adapter.ts: createServer, IncomingMessage, ServerResponse of node:http',
      'http/http.errors.ts: fetch', // in a sentence
      'http/listen.ts: net of node:net', // which listens
      'http/origin-policy.ts: isIP of node:net',
      'http/routes.ts: METHODS of node:http',
      'images/fetch-image.ts: http of node:http',
      'images/fetch-image.ts: https of node:https',
      'images/fetch-image.ts: lookup as resolve of node:dns/promises',
      'images/public-address.ts: BlockList, isIP of node:net',
      'models/bounded-fetch.ts: fetch',
      'models/openai-chat/connection-pool.ts: buildConnector, Client of undici',
      'models/openai-chat/http-post.ts: util of undici',
      'server.ts: Server as TlsServer of node:tls',
      'share/share-provider.ts: fetch',
    ]);
  });
});

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** A server that nobody has any business with: whoever connects to it was sent there by a client. */
describe('a URL that a client names', () => {
  let trap: ImageStub;
  let app: TestServer;
  let document: Document;
  let url: string;

  beforeAll(async () => {
    trap = await ImageStub.start();
    app = await TestServer.start({
      config: { server: { runtimeSettings: { schema: { type: 'object', additionalProperties: true } } } },
    });
    document = (await app.get<Document>('/api/docs/openapi.json')).body;
    url = trap.url('/named-by-a-client.png');
  });
  afterAll(async () => {
    await app.stop();
    await trap.stop();
  });

  /** How often it was connected to. A connection of our own comes last: those before it have been counted then. */
  async function connections(): Promise<number> {
    const counted = trap.connections;
    const socket = net.connect(trap.port, '127.0.0.1');
    await once(socket, 'connect');
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.end('GET /own HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      socket.resume();
    });
    expect(trap.connections).toBeGreaterThan(counted);
    return trap.connections - 1;
  }

  const propertiesOf = (schema: Schema | undefined): string[] => {
    if (!schema) return [];
    const name = schema.$ref?.split('/').at(-1);
    return [
      ...Object.keys(schema.properties ?? {}),
      ...(schema.allOf ?? []).flatMap(propertiesOf),
      ...(name ? propertiesOf(document.components.schemas[name]) : []),
    ];
  };

  /** What a client could hope to have fetched: in every field that there is, and in those of other servers. */
  function greedyBody(sessionId: string): Record<string, unknown> {
    const model = { provider: 'openai-compatible', id: 'scripted', baseURL: url, apiKey: url, url };
    const wishes = {
      url,
      baseURL: url,
      model,
      mcpServers: { x: { url } },
      share: { provider: url },
      webhook: url,
    };
    return {
      ...wishes,
      sessionId,
      query: [
        { type: 'text', text: `fetch ${url} ![image](${url}) <img src="${url}"> @file:${url} @dir:${url}` },
        { type: 'image_url', image_url: { url } },
      ],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url } },
            { type: 'text', text: url },
          ],
        },
      ],
      name: url,
      tags: [url],
      metadata: { ...wishes, modelConfig: model },
      agentOptions: { ...wishes, instructions: url },
      runtimeSettings: wishes,
      upload: false,
      provider: url,
      callback: url,
      images: [url],
      attachments: [{ url }],
      tools: [{ url }],
    };
  }

  const HEADERS = {
    referer: 'URL',
    'x-forwarded-host': 'URL',
    'x-callback-url': 'URL',
    link: '<URL>; rel=preload',
  };

  /** Sends a request and reads the answer to its end, or, of a stream that has none, to its beginning. */
  async function send(method: string, path: string, body?: object): Promise<number> {
    const controller = new AbortController();
    const named = Object.entries(HEADERS).map(([name, value]) => [name, value.replace('URL', url)]);
    const response = await fetch(app.url + path, {
      method,
      signal: controller.signal,
      headers: { ...Object.fromEntries(named), ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (path.startsWith('/api/sessions/stream')) controller.abort();
    else await response.text();
    return response.status;
  }

  it('is fetched by no route, in whatever field it stands', async () => {
    const sent: string[] = [];
    const taken: string[] = [];
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const fields = propertiesOf(operation.requestBody?.content['application/json']?.schema);
        const inQuery = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query');
        const sessionId = await app.createSession();
        await app.query(sessionId, [{ type: 'image_url', image_url: { url } }]);
        const at = path.replace(/\{\w+\}/g, encodeURIComponent(url));
        const query = (replaced?: string) =>
          `?${new URLSearchParams(
            inQuery.map(({ name }): [string, string] => [
              name,
              name === replaced || name !== 'sessionId' ? url : sessionId,
            ]),
          ).toString()}`;
        const body = greedyBody(sessionId);
        const whole = method === 'get' ? undefined : body;
        const tries = [await send(method, `${at}${query()}`, whole)];
        // Where a model is named by a text, an object in its place is refused before anything happens.
        if (whole) tries.push(await send(method, at, { ...whole, model: undefined, provider: undefined }));
        sent.push(`${method} ${path}`);
        if (tries.some((status) => status < 300)) taken.push(`${method} ${path}`);
        for (const { name } of inQuery) await send(method, at + query(name), whole);
        for (const field of fields) await send(method, at, { ...body, [field]: url });
      }
    }
    expect(taken).toEqual(
      expect.arrayContaining(
        [
          'sessions/create',
          'sessions/query',
          'sessions/query/stream',
          'sessions/update',
          'sessions/generate-summary',
          'sessions/share',
          'oneshot/query',
          'oneshot/query/stream',
          'runtime-settings',
        ].map((path) => `post /api/${path}`),
      ),
    );
    expect(sent.length).toBeGreaterThan(20);
    expect(await connections()).toBe(0);
  }, 120_000);

  it('is fetched by no message of a socket', async () => {
    const before = trap.connections;
    const sessionId = await app.createSession();
    const socket = await app.socket();
    const body = greedyBody(sessionId);
    const ended = new Promise<void>((resolve) => {
      socket.on('agent-event', ({ type }: { type: string }) => type === 'agent_run_end' && resolve());
    });
    expect(await socket.emitWithAck('join-session', sessionId)).toMatchObject({ ok: true });
    expect(await socket.emitWithAck('send-query', body)).toMatchObject({ ok: true });
    await ended;
    for (const name of ['join-session', 'leave-session', 'send-query', 'abort-query']) {
      for (const argument of [url, { ...body, sessionId: url }]) await socket.emitWithAck(name, argument);
    }
    expect(await connections()).toBe(before);
  });
});
