import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Request, Response } from 'express';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Frame, Page } from 'playwright-core';
import { CHROMIUM, startBrowser } from '../support/browser.js';
import type { Wire } from '../support/client.js';
import { lastUserText } from '../support/model-stub.js';
import { pageFile, PAGES, PageServer } from '../support/page-server.js';
import { ShareStub } from '../support/share-stub.js';
import { TestServer } from '../support/test-server.js';

const SLOW_MS = 120_000;

/** What a page of the server itself, and of an allowed origin, gets by the same attempts that others make in vain. */
const OPEN = [
  'fetch cors include GET /api/sessions',
  'fetch cors omit GET /api/sessions/events',
  'fetch cors POST /api/sessions/create JSON',
  'EventSource',
  'WebSocket',
  'polling by fetch',
  'Socket.IO by polling',
];

if (CHROMIUM === undefined) {
  it.skip("in a browser: install Debian's chromium, or name another one in CHROMIUM_PATH", () => undefined);
} else {
  describe('in a browser', () => {
    let browser: Browser;
    let others: PageServer;
    let share: ShareStub;

    beforeAll(async () => {
      [browser, others, share] = await Promise.all([startBrowser(), PageServer.start(), ShareStub.start()]);
    }, SLOW_MS);
    afterAll(async () => {
      await Promise.all([browser.close(), others.stop(), share.stop()]);
    });

    /** What the page's script has noted when it is done. */
    async function results(page: Page | Frame): Promise<Wire> {
      await page.waitForFunction('window.results !== undefined', undefined, { timeout: SLOW_MS });
      return page.evaluate('window.results');
    }

    /** A page in a browser profile of its own, for as long as `use` takes. */
    async function withPage<T>(use: (page: Page, context: BrowserContext) => Promise<T>): Promise<T> {
      const context = await browser.newContext();
      try {
        return await use(await context.newPage(), context);
      } finally {
        await context.close();
      }
    }

    describe('a page of another origin', () => {
      let app: TestServer;
      let port: number;
      let sessionId: string;
      let ui: string;
      let reached = 0;

      beforeAll(async () => {
        ui = await mkdtemp(join(tmpdir(), 'agent-tars-ui-'));
        await writeFile(join(ui, 'index.html'), '<html><head></head><body>the web UI</body></html>');
        await writeFile(join(ui, 'app.js'), 'postMessage("it runs"); export const a = 1;');
        app = await TestServer.start({
          config: { webui: { staticPath: ui } },
          beforeStart: (server) => {
            server.getApp().use('/custom-endpoint', (_req: Request, res: Response) => {
              reached++;
              res.json({ message: 'Hello from custom endpoint!' });
            });
          },
        });
        port = app.server.port;
        sessionId = await app.createSession({ name: 'secret-4711' });
        await app.query(sessionId, 'secret-4711');
      }, SLOW_MS);
      afterAll(async () => {
        await app.stop();
        await rm(ui, { recursive: true });
      });

      const state = async () => ({
        sessions: (await app.get('/api/sessions')).body,
        runs: (await app.get(`/api/runs?sessionId=${sessionId}`)).body,
        events: await app.events(sessionId),
        asked: app.model.requests.length,
        reached,
      });

      const attackUrl = (origin: string, target: string, only: readonly string[] = []) => {
        const asked = new URLSearchParams({ target, sessionId });
        for (const name of only) asked.append('only', name);
        return `${origin}/attack.html?${asked.toString()}`;
      };

      /** Opens the page and lets it try; nothing may have come of it. */
      async function expectInVain(origin: string, target: string, prepare?: (page: Page) => Promise<void>) {
        const before = await state();
        await withPage(async (page, context) => {
          await prepare?.(page);
          await page.goto(attackUrl(origin, target));
          const got = (await results(page)) as Record<string, unknown>;
          expect(Object.keys(got).length).toBeGreaterThan(140);
          expect(Object.entries(got).filter(([, text]) => text !== null)).toEqual([]);
          for (const frame of page.frames().slice(1)) {
            const text = await frame.evaluate<string>('document.documentElement.textContent').catch(() => '');
            expect(text).not.toMatch(/secret-4711|the web UI|sessionId|Hello from/);
          }
          // A link that the user follows: the other page learns nothing, and the API answers nothing to it.
          const opened = context.waitForEvent('page');
          await page.click('#link', { modifiers: ['Control'] });
          const tab = await opened;
          await tab.waitForLoadState();
          expect(await tab.textContent('body')).toContain('"code":"FORBIDDEN"');
        });
        expect(await state()).toEqual(before);
      }

      it.each([
        ['another port', '127.0.0.1', '127.0.0.1'],
        ['another port, by name', 'localhost', 'localhost'],
        ['another name of this machine', 'localhost', '127.0.0.1'],
        ['another host', 'evil.test', '127.0.0.1'],
        ['another host, by name', 'evil.test', 'localhost'],
      ])(
        'reads nothing and does nothing: %s',
        async (_what, from, to) => {
          await expectInVain(`http://${from}:${others.port}`, `http://${to}:${port}`);
        },
        SLOW_MS,
      );

      it(
        'reads nothing and does nothing when its name is bound to the server',
        async () => {
          const origin = `http://evil.test:${port}`;
          // The page itself came from its own server, before the name led here.
          const comesFromElsewhere = async (page: Page) => {
            await page.route(/\/(attack\.html|attack\.js|client\.js)(\?|$)/, async (route) => {
              const name = new URL(route.request().url()).pathname.slice(1);
              await route.fulfill(await pageFile(name));
            });
          };
          await expectInVain(origin, '', comesFromElsewhere);
          await withPage(async (page) => {
            const answer = await page.goto(origin);
            expect([answer?.status(), await answer?.json()]).toEqual([
              403,
              expect.objectContaining({ code: 'FORBIDDEN' }),
            ]);
          });
        },
        SLOW_MS,
      );

      it(
        'without an origin (sandboxed) reads nothing and does nothing',
        async () => {
          const before = await state();
          await withPage(async (page) => {
            const asked = new URLSearchParams({ target: `http://127.0.0.1:${port}`, sessionId });
            await page.goto(`http://127.0.0.1:${others.port}/sandbox.html?${asked.toString()}`);
            const frame = page.frame({ url: /attack\.html/ }) ?? page.mainFrame();
            const got = await results(frame);
            expect(Object.keys(got as object).length).toBeGreaterThan(140);
            expect(Object.entries(got as object).filter(([, text]) => text !== null)).toEqual([]);
          });
          expect(await state()).toEqual(before);
        },
        SLOW_MS,
      );

      it(
        'works when its origin is allowed, and only then',
        async () => {
          const allowed = await app.restart({
            server: { allowedOrigins: [`http://evil.test:${others.port}`] },
          });
          app = allowed;
          port = app.server.port;
          await withPage(async (page) => {
            const target = `http://localhost:${port}`;
            await page.goto(attackUrl(`http://evil.test:${others.port}`, target, OPEN));
            expect(await results(page)).toEqual(
              Object.fromEntries(OPEN.map((name) => [name, expect.any(String)])),
            );
          });
          await expectInVain(`http://127.0.0.1:${others.port}`, `http://127.0.0.1:${port}`);
        },
        SLOW_MS,
      );
    });

    describe('a page of the server itself', () => {
      let app: TestServer;
      let ui: string;

      beforeAll(async () => {
        ui = await mkdtemp(join(tmpdir(), 'agent-tars-ui-'));
        await copyFile(join(PAGES, 'seed.html'), join(ui, 'index.html'));
        for (const name of ['seed.js', 'attack.html', 'attack.js']) {
          await copyFile(join(PAGES, name), join(ui, name));
        }
        await writeFile(join(ui, 'client.js'), (await pageFile('client.js')).body);
        app = await TestServer.start({
          config: { webui: { staticPath: ui }, share: { provider: share.url } },
          beforeStart: (server) => {
            server.getApp().use('/custom-endpoint', (_req: Request, res: Response) => {
              res.json({ message: 'Hello from custom endpoint!' });
            });
          },
        });
        const { answer } = app.model;
        app.model.answer = (reply, request) => {
          if (lastUserText(request) !== 'hold') return answer(reply, request);
          reply.text('Half an answer'); // until it is aborted
        };
      }, SLOW_MS);
      afterAll(async () => {
        await app.stop();
        await rm(ui, { recursive: true });
      });

      it.each(['127.0.0.1', 'localhost'])(
        'does all that the API is documented for, without a token, at %s',
        async (name) => {
          const got = await withPage(async (page) => {
            await page.goto(`http://${name}:${app.server.port}/`);
            return results(page);
          });
          const sessionId = got.created?.body.sessionId as string;
          const session = expect.objectContaining({ id: sessionId });
          const message = expect.objectContaining({ type: 'assistant_message', content: 'Hello there!' });
          const overSocket = {
            events: expect.arrayContaining([
              'user_message',
              'assistant_streaming_message',
              'assistant_message',
            ]),
            result: { sessionId, success: true },
          };
          expect(got).toEqual({
            created: { status: 201, body: expect.objectContaining({ sessionId: expect.any(String) }) },
            listed: { status: 200, body: { sessions: expect.arrayContaining([session]) } },
            details: { status: 200, body: { session } },
            status: {
              status: 200,
              body: { sessionId, status: expect.objectContaining({ isProcessing: false, state: 'idle' }) },
            },
            updated: {
              status: 200,
              body: {
                session: expect.objectContaining({ name: 'New Session Name', tags: ['tag1', 'tag2'] }),
              },
            },
            answered: { status: 200, body: expect.objectContaining({ result: message }) },
            seen: { status: 200, body: expect.objectContaining({ result: message }) },
            streamed: expect.arrayContaining([
              expect.objectContaining({ type: 'user_message', content: 'Hello, Agent TARS!' }),
              expect.objectContaining({ type: 'assistant_streaming_message', content: 'Hello' }),
              message,
              expect.objectContaining({ type: 'agent_run_end' }),
            ]),
            events: {
              status: 200,
              body: expect.objectContaining({ events: expect.arrayContaining([message]) }),
            },
            followed: expect.arrayContaining([
              { type: 'user_message', lastEventId: '1' },
              expect.objectContaining({ type: 'replay_end' }),
            ]),
            aborted: { status: 200, body: { success: false } },
            overWebSocket: overSocket,
            overPolling: overSocket,
            overBoth: overSocket,
            shareConfig: { status: 200, body: { hasShareProvider: true, shareProvider: share.url } },
            shared: { status: 200, body: expect.objectContaining({ url: 'https://share.example/page' }) },
            page: { status: 200, body: expect.objectContaining({ html: expect.stringContaining('Hello') }) },
            custom: { status: 200, body: { message: 'Hello from custom endpoint!' } },
            deleted: { status: 200, body: { success: true } },
            gone: { status: 404, body: expect.objectContaining({ code: 'SESSION_NOT_FOUND' }) },
          });
        },
        SLOW_MS,
      );

      it(
        'gets by the same attempts what no other page gets',
        async () => {
          const sessionId = await app.createSession();
          await app.query(sessionId);
          const asked = new URLSearchParams({ target: '', sessionId });
          for (const name of OPEN) asked.append('only', name);
          await withPage(async (page) => {
            await page.goto(`${app.url}/attack.html?${asked.toString()}`);
            expect(await results(page)).toEqual(
              Object.fromEntries(OPEN.map((name) => [name, expect.any(String)])),
            );
          });
          expect((await app.events(sessionId)).at(-1)).toMatchObject({ type: 'agent_run_end' });
        },
        SLOW_MS,
      );
    });

    describe('a server that asks for a token', () => {
      let app: TestServer;

      beforeAll(async () => {
        app = await TestServer.start({ config: { server: { auth: true } } });
      }, SLOW_MS);
      afterAll(() => app.stop());

      it(
        'is used by the page that its link logs in, and by no other page of that browser',
        async () => {
          const { port } = app.server;
          const own = (path: string, options = {}) =>
            `fetch('${path}', ${JSON.stringify(options)}).then(async (got) => [got.status, await got.json()])`;
          const create = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
          await withPage(async (page, context) => {
            await page.goto(app.url);
            expect(await page.evaluate(own('/api/sessions'))).toMatchObject([401, { code: 'UNAUTHORIZED' }]);
            await page.goto(app.server.createLoginLink() ?? '');
            expect(page.url()).toBe(`${app.url}/`);
            expect(await page.evaluate('document.cookie')).toBe('');
            expect(await context.cookies()).toMatchObject([{ httpOnly: true, sameSite: 'Strict' }]);
            const created = await page.evaluate<Wire>(own('/api/sessions/create', create));
            expect(created).toMatchObject([201, { sessionId: expect.any(String) }]);
            const { sessionId } = created[1];

            // The browser sends the cookie to every port of this name: it is the door that keeps others out.
            const before = await page.evaluate(own('/api/sessions'));
            const other = await context.newPage();
            const asked = new URLSearchParams({ target: `http://127.0.0.1:${port}`, sessionId });
            await other.goto(`http://127.0.0.1:${others.port}/attack.html?${asked.toString()}`);
            const got = (await results(other)) as Record<string, unknown>;
            expect(Object.keys(got).length).toBeGreaterThan(140);
            expect(Object.entries(got).filter(([, text]) => text !== null)).toEqual([]);
            expect(await page.evaluate(own('/api/sessions'))).toEqual(before);
            expect(app.model.requests).toHaveLength(0);
          });
        },
        SLOW_MS,
      );
    });

    describe('the documentation page', () => {
      let app: TestServer;

      beforeAll(async () => {
        app = await TestServer.start();
      }, SLOW_MS);
      afterAll(() => app.stop());

      it(
        'shows the routes and tries one out, within what its policy allows',
        async () => {
          await withPage(async (page) => {
            const complaints: string[] = [];
            page.on('console', (message) => {
              if (message.type() === 'error') complaints.push(message.text());
            });
            page.on('pageerror', (error) => complaints.push(error.message));
            await page.goto(`${app.url}/api/docs`);
            const health = page.locator('.opblock', { has: page.locator('[data-path="/api/health"]') });
            await health.locator('button').first().click();
            await health.locator('.try-out__btn').click();
            await health.locator('.execute').click();
            const answer = health.locator('.live-responses-table .response-col_status').last();
            expect(await answer.innerText()).toContain('200');
            expect(await page.locator('.opblock').count()).toBeGreaterThan(25);
            expect(complaints).toEqual([]);
          });
        },
        SLOW_MS,
      );
    });
  });
}
