import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** How a browser was started. */
export interface Started {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The command line of the program that has started it. */
  readonly startedBy: string;
}

const program = (url: string) => `#!${process.execPath}
const { readFileSync } = require('node:fs');
const body = JSON.stringify({
  args: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  startedBy: readFileSync('/proc/' + process.ppid + '/cmdline', 'utf8').replaceAll('\\0', ' '),
});
fetch('${url}', { method: 'POST', body });
`;

/** A program that a desktop without a name of its own takes for the user's browser (Linux), and that tells how it was started. */
export class FakeBrowser {
  private readonly started: Started[] = [];
  private wake: () => void = () => undefined;

  private constructor(
    private readonly server: Server,
    private readonly file: string,
  ) {}

  /** @param directory where its program is put */
  static async install(directory: string): Promise<FakeBrowser> {
    const server = createServer((req, res) => {
      let text = '';
      req.on('data', (data) => (text += String(data)));
      req.on('end', () => {
        res.end();
        browser.started.push(JSON.parse(text) as Started);
        browser.wake();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const browser = new FakeBrowser(server, join(directory, 'fake-browser'));
    const { port } = server.address() as AddressInfo;
    await writeFile(browser.file, program(`http://127.0.0.1:${port}`), { mode: 0o700 });
    return browser;
  }

  /** What makes xdg-open choose it. */
  get env(): NodeJS.ProcessEnv {
    return {
      BROWSER: this.file,
      XDG_CURRENT_DESKTOP: 'X-Generic',
      DISPLAY: undefined,
      WAYLAND_DISPLAY: undefined,
    };
  }

  /** How it was started next. */
  async next(): Promise<Started> {
    for (;;) {
      const started = this.started.shift();
      if (started) return started;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
