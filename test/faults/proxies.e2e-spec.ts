import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Browser, Page } from 'playwright-core';
import { io } from 'socket.io-client';
import type { AgentTarsConfig } from '../../src/index.js';
import { CHROMIUM, startBrowser } from '../support/browser.js';
import { Client, eventsOf } from '../support/client.js';
import { Gate } from '../support/model-stub.js';
import { hasProxy, PROXY_NAME, type ProxyKind, ProxyProgram } from '../support/proxy-program.js';
import { raw } from '../support/raw.js';
import { ask } from '../support/sockets.js';
import { TestServer } from '../support/test-server.js';

const SLOW_MS = 120_000;
const TOKEN = 'configured-sentinel-7391';
const token = { authorization: `Bearer ${TOKEN}` };
const GUIDE = readFileSync(new URL('../../docs/guides/proxies.md', import.meta.url), 'utf8');

/** A fenced block of the guide, by its language and the word after it. */
function blockOf(language: string, name: string): string {
  const text = new RegExp(`^\`\`\`${language} ${name}\n(.*?)^\`\`\``, 'ms').exec(GUIDE)?.[1];
  if (text === undefined) throw new Error(`The guide has no block "${language} ${name}".`);
  return text;
}

/** The settings of the guide, with a token that the test knows. */
function settingsOf(name: string): AgentTarsConfig {
  const { server } = JSON.parse(blockOf('json', name)) as AgentTarsConfig;
  return { server: { ...server, auth: { token: TOKEN } } };
}

interface Case {
  readonly title: string;
  readonly kind: ProxyKind;
  readonly block: string;
  readonly settings: string;
  /** Where the server is, as browsers see it. */
  readonly path: string;
  /** Of the cookie. */
  readonly cookiePath: string;
  /** Whether the documentation is tried out too, which takes the browser seconds. */
  readonly withDocs?: boolean;
}

const BELOW = '/agents/tars';
const guideCase = (kind: ProxyKind, name: string): Case => {
  const path = name === 'host' ? '' : BELOW;
  const settings = name === 'kept' ? 'kept' : 'host';
  const withDocs = kind === 'nginx' && name === 'kept';
  return { title: name, kind, block: blockOf(kind, name), settings, path, cookiePath: path || '/', withDocs };
};

const CASES: readonly Case[] = [
  ...(['nginx', 'caddy'] as const).flatMap((kind) =>
    ['host', 'stripped', 'kept'].map((name) => guideCase(kind, name)),
  ),
  {
    ...guideCase('nginx', 'stripped'),
    title: 'stripped without a word',
    block: blockOf('nginx', 'stripped').replace(/proxy_set_header X-Forwarded-Prefix.*;/, ''),
    cookiePath: '/',
    withDocs: true,
  },
  {
    ...guideCase('nginx', 'stripped'),
    title: 'stripped, the server being told',
    settings: 'kept',
  },
];

/** Asked from within a page of the server. */
async function useServer(root: string): Promise<[post: number, greeting: string]> {
  const post = await fetch(`${root}api/sessions/create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  const socket = new WebSocket(`${root.replace(/^http/, 'ws')}socket.io/?EIO=4&transport=websocket`);
  const greeting = await new Promise<string>((resolve) => {
    socket.onmessage = ({ data }) => resolve(String(data));
    socket.onerror = () => resolve('refused');
  });
  socket.close();
  return [post.status, greeting];
}

/** Has the documentation send a request of its own. */
async function tryOut(page: Page): Promise<{ url: string; status: string }> {
  const operation = page.locator('.opblock', { has: page.locator('[data-path="/api/health"]') });
  await operation.locator('.opblock-summary').click();
  await operation.locator('.try-out__btn').click();
  await operation.locator('.execute').click();
  return {
    url: (await operation.locator('.request-url pre').textContent()) ?? '',
    status:
      (await operation.locator('.live-responses-table .response-col_status').last().textContent()) ?? '',
  };
}

let browser: Browser;
/** By the name of their settings. */
const servers = new Map<string, TestServer>();
beforeAll(async () => {
  for (const name of ['host', 'kept']) {
    servers.set(name, await TestServer.start({ config: settingsOf(name) }));
  }
  if (CHROMIUM !== undefined) browser = await startBrowser();
}, SLOW_MS);
afterAll(async () => {
  await browser?.close();
  for (const server of servers.values()) await server.stop();
});

for (const kind of ['nginx', 'caddy'] as const) {
  const cases = CASES.filter((each) => each.kind === kind);
  if (CHROMIUM === undefined || !hasProxy(kind)) {
    const debian = kind === 'nginx' ? 'nginx-light' : 'caddy';
    it.skip(`behind ${kind}: install Debian's ${debian} and chromium`, () => undefined);
    continue;
  }

  describe.each(cases)(`behind ${kind}, its path $title`, (each) => {
    const { block, settings, path, cookiePath, withDocs } = each;
    let app: TestServer;
    let proxy: ProxyProgram;
    /** As a browser sees the server. */
    let url: string;
    /** The proxy, without the name being looked up. */
    let local: string;

    beforeAll(async () => {
      app = servers.get(settings) as TestServer;
      proxy = await ProxyProgram.start(kind, block, app.server.port);
      url = proxy.url + path;
      local = `http://127.0.0.1:${proxy.port}`;
    }, SLOW_MS);
    afterAll(async () => {
      await proxy.stop();
    });

    it(
      'logs a browser in, shows its pages, and lets them use the server',
      async () => {
        const context = await browser.newContext();
        const page = await context.newPage();
        const failed: string[] = [];
        page.on('response', (answer) => answer.status() >= 400 && failed.push(answer.url()));
        const { search } = new URL(app.server.createLoginLink() ?? '');
        await page.goto(`${url}/auth/link${search}`);
        expect(page.url()).toBe(`${url}/`);
        expect((await context.cookies()).map((cookie) => cookie.path)).toEqual([cookiePath]);
        expect(await page.evaluate(useServer, `${url}/`)).toEqual([201, expect.stringMatching(/^0\{"sid"/)]);

        if (withDocs) {
          await page.click('text=API documentation');
          await page.waitForSelector('.opblock');
          expect(page.url()).toBe(`${url}/api/docs`);
          expect(await tryOut(page)).toEqual({ url: `${url}/api/health`, status: '200' });
        }
        expect(failed.filter((each) => !each.endsWith('/favicon.ico'))).toEqual([]);
        await context.close();
      },
      SLOW_MS,
    );

    it(
      'asks for a token on the page that was wanted, and shows it then',
      async () => {
        const context = await browser.newContext();
        const page = await context.newPage();
        await page.goto(`${url}/`);
        await page.fill('[name=token]', TOKEN);
        await page.click('button');
        await page.waitForSelector('text=API documentation');
        expect(page.url()).toBe(`${url}/`);
        await context.close();
      },
      SLOW_MS,
    );

    it('streams what comes as it comes, and has sockets of both kinds', async () => {
      const gate = new Gate();
      app.model.next(async (reply) => {
        reply.text('first');
        await gate.opened;
        reply.text('last').end();
      });
      const client = new Client(local + path, token);
      const sessionId = await client.createSession();
      const stream = await client.stream(sessionId);
      await stream.until('assistant_streaming_message');
      gate.open();
      await stream.until('agent_run_end');
      for (const transport of ['websocket', 'polling']) {
        const socket = io(local, {
          path: `${path}/socket.io`,
          transports: [transport],
          extraHeaders: token,
          forceNew: true,
        });
        const events = eventsOf(socket);
        expect(await ask(socket, 'join-session', { sessionId, after: 0 })).toMatchObject({ ok: true });
        await events.until('agent_run_end');
        socket.close();
      }
    });

    it('believes nothing that the client says in the place of the proxy', async () => {
      const claims = { 'x-forwarded-host': 'evil.example', 'x-forwarded-prefix': '/evil' };
      const headers = { ...token, ...claims, host: `${PROXY_NAME}:${proxy.port}` };
      const answer = await raw(local, { path: `${path}/`, headers });
      expect(answer.status).toBe(200);
      const isSilent = cookiePath !== (path || '/');
      if (!isSilent) expect(answer.body).not.toContain('/evil');
      const foreign = { ...token, host: 'evil.example' };
      expect((await raw(local, { path: `${path}/`, headers: foreign })).body).not.toContain('documentation');
    });
  });
}

(hasProxy('nginx') ? it : it.skip)('says what to set where nginx drops the port of the host', async () => {
  const app = servers.get('host') as TestServer;
  const block = blockOf('nginx', 'host').replaceAll('$http_host', '$host');
  const proxy = await ProxyProgram.start('nginx', block, app.server.port);
  try {
    const headers = { ...token, host: `${PROXY_NAME}:${proxy.port}`, origin: proxy.url };
    const options = { method: 'POST', path: '/api/sessions/create', headers };
    const { status, body } = await raw(`http://127.0.0.1:${proxy.port}`, options);
    expect(status).toBe(403);
    expect((JSON.parse(body) as { error: string }).error).toContain(
      `Origin is "${proxy.url}", but X-Forwarded-Host is "${PROXY_NAME}"`,
    );
  } finally {
    await proxy.stop();
  }
});

it.each(['host', 'stripped'])('has a block for Traefik, %s, that is YAML', (name) => {
  expect(parse(blockOf('yaml', name))).toMatchObject({ http: { routers: { tars: { service: 'tars' } } } });
});
