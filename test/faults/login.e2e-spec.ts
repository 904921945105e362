import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { CHROMIUM, startBrowser } from '../support/browser.js';
import { FakeBrowser } from '../support/fake-browser.js';
import { ServerProcess } from '../support/process.js';
import { raw } from '../support/raw.js';
import { sendRaw } from '../support/raw-http.js';

const onLinux = process.platform === 'linux' ? describe : describe.skip;
const onUnix = process.platform === 'win32' ? describe.skip : describe;
const SLOW_MS = 60_000;
const PAGE = /^\.open-[0-9a-f]{24}\.html$/;

let directory: string;
const started: ServerProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'agent-tars-login-'));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.kill()));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Directories of their own for one server. */
async function place(name: string) {
  const [home, data, workspace] = ['home', 'data', 'workspace'].map((part) => join(directory, name, part));
  const at = { home: home ?? '', data: data ?? '', workspace: workspace ?? '' };
  await Promise.all([at.home, at.workspace].map((each) => mkdir(each, { recursive: true })));
  return at;
}

type Place = Awaited<ReturnType<typeof place>>;

async function serve(
  at: Place,
  args: readonly string[] = [],
  { env = {}, through }: { env?: NodeJS.ProcessEnv; through?: readonly string[] } = {},
): Promise<ServerProcess> {
  const server = await ServerProcess.start(['--data-dir', at.data, ...args], {
    cwd: at.workspace,
    env: { HOME: at.home, ...env },
    ...(through && { through }),
  });
  started.push(server);
  return server;
}

const linkOf = (server: ServerProcess) => /http\S+code=\S+/.exec(server.greeting.join('\n'))?.[0] ?? '';
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
const pagesIn = async ({ data }: Place) => (await readdir(data)).filter((name) => PAGE.test(name));

onLinux('the browser that the server opens', () => {
  let browser: FakeBrowser;

  beforeAll(async () => {
    browser = await FakeBrowser.install(directory);
  });
  afterAll(() => browser.stop());

  it('is given a page that its owner alone can read, which is gone once the link in it was used', async () => {
    const at = await place('page');
    const server = await serve(at, ['--auth', '--open'], { env: browser.env });
    const { args, startedBy } = await browser.next();
    expect(await pagesIn(at)).toHaveLength(1);
    const page = join(at.data, (await pagesIn(at))[0] ?? '');
    expect(args).toEqual([page]);
    expect(startedBy).not.toContain('code=');
    expect(await modeOf(page)).toBe(0o600);
    const text = await readFile(page, 'utf8');
    expect(text).toContain('<meta name="referrer" content="no-referrer">');
    const link = /content="0;url=(http[^"]+)"/.exec(text)?.[1] ?? '';
    expect(link).toMatch(new RegExp(`^${server.url}/auth/link\\?code=[\\w-]{32}$`));
    expect(link).not.toBe(linkOf(server)); // the printed one stays good
    expect((await raw(link, { path: link.slice(server.url.length) })).status).toBe(303);
    await expect(access(page)).rejects.toThrow('ENOENT');
  });

  it('is given none of the keys of the server, and no way into the workspace', async () => {
    const at = await place('environment');
    const planted = join(at.workspace, 'node_modules', '.bin');
    await mkdir(planted, { recursive: true });
    await serve(at, ['--auth', '--open'], {
      env: {
        ...browser.env,
        OPENAI_API_KEY: 'sentinel-7391-key',
        AGENT_TARS_MODEL_PROVIDER: 'embedded',
        AGENT_TARS_TOKEN: 'sentinel-7391-token',
        GITHUB_TOKEN: 'sentinel-7391-other',
        XDG_SESSION_TOKEN: 'sentinel-7391-desktop',
        NODE_OPTIONS: '--title=sentinel-7391',
        XDG_DATA_DIRS: '/usr/share',
        PATH: [planted, '.', '', 'node_modules/.bin', process.env['PATH']].join(delimiter),
      },
    });
    const { env, cwd } = await browser.next();
    expect(JSON.stringify(env)).not.toContain('sentinel-7391');
    expect(env).toMatchObject({ HOME: at.home, XDG_DATA_DIRS: '/usr/share', PATH: process.env['PATH'] });
    expect(cwd).toBe('/');
  });

  it('is given the address itself where there is nothing to log in to', async () => {
    const at = await place('open');
    const server = await serve(at, ['--open'], {
      env: { ...browser.env, OPENAI_API_KEY: 'sk-sentinel-7391' },
    });
    const { args, env } = await browser.next();
    expect(args).toEqual([server.url]);
    expect(JSON.stringify(env)).not.toContain('sk-sentinel-7391');
    expect(await pagesIn(at)).toEqual([]);
  });

  it('leaves no page behind when the server stops, or is started again after it was killed', async () => {
    const at = await place('left');
    const server = await serve(at, ['--auth', '--open'], { env: browser.env });
    await browser.next();
    expect(await pagesIn(at)).toHaveLength(1);
    expect(await server.kill('SIGTERM')).toBe(0);
    expect(await pagesIn(at)).toEqual([]);
    const [old, young, other] = [
      `.open-${'0'.repeat(24)}.html`,
      `.open-${'1'.repeat(24)}.html`,
      '.open-x.html',
    ];
    for (const name of [old, young, other]) await writeFile(join(at.data, name ?? ''), 'left');
    const elevenMinutesAgo = Date.now() / 1000 - 660;
    for (const name of [old, other])
      await utimes(join(at.data, name ?? ''), elevenMinutesAgo, elevenMinutesAgo);
    await serve(at, ['--auth', '--open'], { env: browser.env });
    const { args } = await browser.next();
    // Another server of the same data directory may wait for its browser.
    expect((await pagesIn(at)).map((name) => join(at.data, name)).sort()).toEqual(
      [...args, join(at.data, young ?? '')].sort(),
    );
    expect(await readdir(at.data)).toContain(other);
  });
});

describe('a cookie of another server on the same host', () => {
  it('neither hides the owner’s nor counts as a wrong token, however many there are', async () => {
    const server = await serve(await place('cookies'), ['--auth']);
    const port = Number(new URL(server.url).port);
    const ask = (cookie: string, target = '/api/sessions') =>
      sendRaw(port, { target, headers: [['Host', `127.0.0.1:${port}`], ['Cookie', cookie]] }); // prettier-ignore
    const login = await sendRaw(port, {
      target: linkOf(server).slice(server.url.length),
      headers: [['Host', `127.0.0.1:${port}`]],
    });
    const own = login.headers['set-cookie']?.split(';')[0] ?? '';
    const old = own.replace(/^agent_tars_\d+/, 'agent_tars');
    expect(own).toMatch(new RegExp(`^agent_tars_${port}=`));
    const junk = Array.from({ length: 60 }, (_, i) => `agent_tars_${i}=junk-${i}`);
    for (let i = 0; i < 12; i++) {
      expect((await ask(junk.join('; '))).status).toBe(401);
      expect((await ask(`agent_tars=junk; ${own.split('=')[0]}=junk`)).status).toBe(401);
    }
    for (const cookie of [
      `agent_tars=junk; ${own}`,
      `${own}; agent_tars=junk`,
      `agent_tars=junk; ${old}`,
      `${old}; agent_tars=junk`,
      `${own.split('=')[0]}=junk; ${own}`,
      [own, ...junk].join('; '),
      [...junk, own].join('; '),
    ]) {
      expect([cookie, (await ask(cookie)).status]).toEqual([cookie, 200]);
      expect((await ask(cookie, '/socket.io/socket.io.js')).status).toBe(200);
    }
    const token = (await readFile(join(directory, 'cookies', 'data', 'auth-token'), 'utf8')).trim();
    expect((await raw(server.url, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  });
});

onUnix('what the server stores', () => {
  const umask = (mask: string) => ['sh', '-c', `umask ${mask}; exec "$@"`, 'sh'];

  it('can be read by its owner alone, wherever it lies and whatever the umask', async () => {
    const at = await place('modes');
    const elsewhere = join(directory, 'modes', 'elsewhere');
    await mkdir(elsewhere, { mode: 0o755 });
    const path = join(elsewhere, 'own.db');
    await writeFile(
      join(directory, 'modes', 'config.json'),
      JSON.stringify({ server: { storage: { type: 'sqlite', path } } }),
    );
    const server = await serve(at, ['--auth', '--config', join(directory, 'modes', 'config.json')], {
      through: umask('0'),
    });
    const files = [...(await readdir(elsewhere)).map((name) => join(elsewhere, name)), ...(await readdir(at.data)).map((name) => join(at.data, name))]; // prettier-ignore
    expect(files).toEqual(
      expect.arrayContaining([path, `${path}-wal`, `${path}-shm`, join(at.data, 'tokens.json'), join(at.data, 'auth-token')]), // prettier-ignore
    );
    for (const file of files) expect([file, await modeOf(file)]).toEqual([file, 0o600]);
    expect(await modeOf(at.data)).toBe(0o700);
    expect(server.log()).not.toContain('Other users');
  });

  it('is taken from others where they could read it, and a directory that they can look into is told of', async () => {
    const at = await place('wide');
    await serve(at, ['--auth']).then((server) => server.kill());
    const names = (await readdir(at.data)).sort();
    expect(names).toEqual(
      expect.arrayContaining(['agent-tars.db', 'agent-tars.db-wal', 'auth-token', 'tokens.json']),
    );
    for (const name of names) await chmod(join(at.data, name), 0o644);
    await chmod(at.data, 0o750);
    const server = await serve(at, ['--auth']);
    for (const name of names) expect([name, await modeOf(join(at.data, name))]).toEqual([name, 0o600]);
    expect(await modeOf(at.data)).toBe(0o750);
    const told = server
      .log()
      .split('\n')
      .filter((line) => line.includes('Other users'));
    expect(told).toHaveLength(2);
    const old = names.filter((name) => name !== 'agent-tars.db.lock'); // which each start writes anew
    for (const name of old) expect(told[0]).toContain(join(at.data, name));
    expect(told[0]).toContain('From now on their owner alone can.');
    expect(told[1]).toContain(`can look into ${at.data}. Run "chmod 700" on it`);
    await chmod(at.data, 0o700);
    await server.kill();
    expect((await serve(at, ['--auth'])).log()).not.toContain('Other users');
  });
});

if (CHROMIUM === undefined) {
  it.skip("in a browser: install Debian's chromium, or name another one in CHROMIUM_PATH", () => undefined);
} else {
  describe('in a browser', () => {
    let browser: Browser;
    let other: Server;

    beforeAll(async () => {
      browser = await startBrowser();
      other = createServer((req, res) => {
        const tossed = ['agent_tars=junk; path=/api', 'agent_tars=junk; path=/', 'agent_tars_1=junk; path=/'];
        res.setHeader('content-type', 'text/html');
        if (req.url === '/toss') res.setHeader('set-cookie', tossed);
        res.end('<h1>another server</h1>');
      });
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
    }, SLOW_MS);
    afterAll(async () => {
      await browser.close();
      other.closeAllConnections();
      other.close();
    });

    const otherUrl = (host: string, path = '/') =>
      `http://${host}:${(other.address() as AddressInfo).port}${path}`;
    const asLocalhost = (url: string) => url.replace('127.0.0.1', 'localhost');
    /** What the API answers to a page of the server. */
    const status = (page: Page) =>
      page.evaluate<number>("fetch('/api/sessions').then(({ status }) => status)");

    async function withContext(use: (context: BrowserContext) => Promise<void>): Promise<void> {
      const context = await browser.newContext();
      try {
        await use(context);
      } finally {
        await context.close();
      }
    }

    /** Resolves when the page shows the server, whatever redirects it takes. */
    async function arrive(page: Page, url: string, to: string): Promise<void> {
      const arrived = page.waitForURL(`${to}/`, { waitUntil: 'load' });
      await page.goto(url).catch(() => undefined); // it goes on by itself before it has loaded
      await arrived;
    }

    (process.platform === 'linux' ? it : it.skip)(
      'the page that is opened logs in, though it comes from a file',
      async () => {
        const fake = await FakeBrowser.install(directory);
        try {
          const at = await place('file');
          const server = await serve(at, ['--auth', '--open'], { env: fake.env });
          const { args } = await fake.next();
          await withContext(async (context) => {
            const page = await context.newPage();
            await arrive(page, pathToFileURL(args[0] ?? '').href, server.url);
            expect(await status(page)).toBe(200);
            expect(await page.evaluate('document.referrer')).not.toContain('code=');
          });
          expect(await pagesIn(at)).toEqual([]);
        } finally {
          await fake.stop();
        }
      },
      SLOW_MS,
    );

    it(
      'pages of others neither log the owner out nor lock the owner’s link out',
      async () => {
        const at = await place('strangers');
        const server = await serve(at, ['--auth']);
        const url = asLocalhost(server.url);
        await withContext(async (context) => {
          const stranger = await context.newPage();
          for (const host of ['evil.test', 'localhost']) {
            await stranger.goto(otherUrl(host, '/toss'));
            for (let i = 0; i < 8; i++) {
              await stranger.goto(otherUrl(host));
              const left = stranger.waitForURL(/auth\/link/, { waitUntil: 'load' });
              await stranger.evaluate(`location.href = '${url}/auth/link?code=wrong-${i}'`);
              await left;
            }
          }
          const page = await context.newPage();
          await arrive(page, asLocalhost(linkOf(server)), url);
          expect(await status(page)).toBe(200);
          await stranger.goto(otherUrl('localhost', '/toss'));
          expect(await status(page)).toBe(200);
          await page.reload();
          expect(await status(page)).toBe(200);
          const token = (await readFile(join(at.data, 'auth-token'), 'utf8')).trim();
          expect((await raw(server.url, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
        });
      },
      SLOW_MS,
    );

    it(
      'two servers on one host each keep their own login, until its owner logs out',
      async () => {
        const servers = [
          await serve(await place('first'), ['--auth']),
          await serve(await place('second'), ['--auth']),
        ];
        await withContext(async (context) => {
          const pages = await Promise.all(servers.map(() => context.newPage()));
          for (const [i, server] of servers.entries()) {
            await arrive(pages[i] as Page, asLocalhost(linkOf(server)), asLocalhost(server.url));
          }
          const [first, second] = pages as [Page, Page];
          expect([await status(first), await status(second)]).toEqual([200, 200]);
          const out = "fetch('/auth/logout', { method: 'POST' }).then(({ status }) => status)";
          expect(await first.evaluate(out)).toBe(200);
          expect([await status(first), await status(second)]).toEqual([401, 200]);
          const names = (await context.cookies()).map(({ name }) => name);
          expect(names).toEqual([`agent_tars_${new URL(servers[1]?.url ?? '').port}`]);
        });
      },
      SLOW_MS,
    );
  });
}
