import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { CHROMIUM, startBrowser } from '../support/browser.js';
import { ForwardingProxy } from '../support/forwarding-proxy.js';
import { TestServer } from '../support/test-server.js';

const SLOW_MS = 120_000;
/** It leads to this machine in the browser of {@link startBrowser}. */
const EVIL = 'evil.test';
const PUBLIC = 'tars.example.com';

/** What pages may set of the headers that a proxy would. */
const CLAIMS: readonly Readonly<Record<string, string>>[] = [
  {},
  { 'X-Forwarded-Host': 'localhost' },
  { 'X-Forwarded-Host': '127.0.0.1' },
  { 'X-Forwarded-Host': PUBLIC },
  { 'X-Forwarded-Host': `${EVIL}, localhost`, 'X-Forwarded-For': '127.0.0.1' },
  {
    Forwarded: 'host=localhost;for=127.0.0.1',
    'X-Forwarded-Host': 'localhost',
    'X-Forwarded-Proto': 'https',
  },
];

/** Asked from within the page. */
async function tryAll([claims, sessionId]: [typeof CLAIMS, string]): Promise<[string, number, string][]> {
  const doors: [string, RequestInit][] = [
    ['/api/sessions', {}],
    ['/api/agent/options', {}],
    [`/api/sessions/workspace/files?sessionId=${sessionId}&path=note.txt&download=1`, {}],
    [`/api/sessions/stream?sessionId=${sessionId}`, {}],
    ['/api/sessions/create', { method: 'POST', body: '{}' }],
    ['/socket.io/?EIO=4&transport=polling', {}],
    ['/socket.io/socket.io.js', {}],
    ['/', {}],
  ];
  const got: [string, number, string][] = [];
  for (const claim of claims) {
    for (const [path, init] of doors) {
      const headers = { ...claim, ...(init.method && { 'content-type': 'application/json' }) };
      const answer = await fetch(path, { ...init, headers });
      got.push([`${JSON.stringify(claim)} ${path}`, answer.status, await answer.text()]);
    }
  }
  return got;
}

if (CHROMIUM === undefined) {
  it.skip("in a browser: install Debian's chromium, or name another one in CHROMIUM_PATH", () => undefined);
} else {
  describe('a page whose name is bound to this machine, once it has loaded', () => {
    let browser: Browser;
    let app: TestServer | undefined;
    let proxy: ForwardingProxy | undefined;

    beforeAll(async () => {
      browser = await startBrowser();
    }, SLOW_MS);
    afterAll(async () => {
      await browser.close();
      await proxy?.stop();
      await app?.stop();
    });

    /** The page comes from somebody else's server; then `bind` has another listen where that was. */
    async function afterLoading(bind: (port: number) => Promise<void>): Promise<Page> {
      const evil = createServer((_req, res) => res.end('<h1>evil</h1>')).listen(0, '127.0.0.1');
      await once(evil, 'listening');
      const { port } = evil.address() as AddressInfo;
      const page = await browser.newPage();
      await page.goto(`http://${EVIL}:${port}/`);
      evil.closeAllConnections();
      evil.close();
      await once(evil, 'close');
      await bind(port);
      return page;
    }

    async function expectInVain(page: Page, server: TestServer): Promise<void> {
      const sessionId = await server.createSession();
      const before = (await server.get('/api/sessions')).body;
      const got = await page.evaluate(tryAll, [CLAIMS, sessionId] as [typeof CLAIMS, string]);
      expect(got).toHaveLength(CLAIMS.length * 8);
      for (const [what, status, body] of got) {
        expect([what, status]).toEqual([what, 403]);
        expect(JSON.parse(body)).toMatchObject({ code: 'FORBIDDEN' });
      }
      expect((await server.get('/api/sessions')).body).toEqual(before);
      await page.close();
    }

    const trusting = (port: number) =>
      TestServer.start({ config: { server: { port, trustProxy: true, allowedHosts: [PUBLIC] } } });

    it(
      'reads nothing and does nothing, whatever it says of itself that a proxy would say',
      async () => {
        let server: TestServer | undefined;
        const page = await afterLoading(async (port) => {
          server = await trusting(port);
        });
        app = server;
        if (server) await expectInVain(page, server);
      },
      SLOW_MS,
    );

    it.each(['kept and forwarded', 'kept', 'replaced and forwarded'] as const)(
      'reads nothing through a proxy either, the Host being %s',
      async (host) => {
        await app?.stop();
        await proxy?.stop();
        const server = (app = await trusting(0));
        const page = await afterLoading(async (port) => {
          proxy = await ForwardingProxy.start({ port: server.server.port, host, listenOn: port });
        });
        await expectInVain(page, server);
      },
      SLOW_MS,
    );
  });
}
