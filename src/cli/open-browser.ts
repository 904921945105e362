import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { epochMs } from '../common/clock.js';
import { html } from '../common/html.js';
import type { AppConfig } from '../config/index.js';
import type { AgentTARSServer } from '../server.js';
import { browserEnvironment } from './browser-environment.js';

const OPENER = fileURLToPath(new URL('./open-target.js', import.meta.url));
/** Names of login pages; the dot hides them from the agent if the workspace contains the data directory. */
const PAGE = /^\.open-[0-9a-f]{24}\.html$/;
/** Lifetime of a login link: another server of the same data directory may still wait for its browser. */
const OLD_MS = 600_000;

/**
 * Opens the user's browser at the server. The login link is not in a command line, which all users of a machine can
 * read, but in a page that only its owner can read; the page is removed once the link was used.
 */
export async function openBrowser(server: AgentTARSServer, config: AppConfig): Promise<void> {
  const page = join(config.dataDir, `.open-${randomBytes(12).toString('hex')}.html`);
  const link = server.createLoginLink(() => remove(page));
  try {
    if (link !== undefined) await writeFile(page, pageTo(link), { mode: 0o600, flag: 'wx' });
    await open(link === undefined ? server.url : page, config.workspace);
  } catch {
    console.error(`The browser could not be opened: go to ${link ?? server.url}`);
  }
}

/** Removes the pages of servers that were killed. Never rejects. */
export async function removeOldPages(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch(() => []); // no database and no tokens: no data directory
  const pages = names.filter((name) => PAGE.test(name)).map((name) => join(dataDir, name));
  await Promise.allSettled(pages.map(removeIfOld));
}

async function removeIfOld(page: string): Promise<void> {
  const { mtimeMs } = await stat(page);
  if (epochMs() - mtimeMs > OLD_MS) await rm(page, { force: true });
}

/** Removes a page synchronously: the process may be about to end. */
function remove(page: string): void {
  try {
    rmSync(page, { force: true });
  } catch {
    // the page's link has expired, and the next start tries again
  }
}

function pageTo(link: string): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url=${link}">
<title>Agent TARS</title>
</head>
<body>
<p><a href="${link}">Log in</a></p>
</body>
</html>
`.text;
}

/** Starts the browser in the root directory: in the workspace it could load files that the agent has written. */
async function open(target: string, workspace: string): Promise<void> {
  const opener = spawn(process.execPath, [OPENER, target], {
    cwd: parse(OPENER).root,
    env: browserEnvironment(process.env, workspace),
    stdio: 'ignore',
    windowsHide: true,
  });
  await new Promise<void>((resolve, reject) => {
    opener.once('error', reject);
    opener.once('exit', (code) => (code === 0 ? resolve() : reject(new Error('It has failed.'))));
  });
}
