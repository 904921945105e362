import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { fileURLToPath } from 'node:url';
import { html } from '../common/html.js';
import type { AppConfig } from '../config/index.js';
import type { AgentTARSServer } from '../server.js';
import { browserEnvironment } from './browser-environment.js';

const OPENER = fileURLToPath(new URL('./open-target.js', import.meta.url));
/** Hidden from the agent by its dot, where the workspace holds the data directory. */
const PAGE = /^\.open-[0-9a-f]{24}\.html$/;
/** As long as a login link is good: another server of the same data directory may wait for its browser. */
const OLD_MS = 600_000;

/**
 * Opens the user's browser at the server. The login link does not stand in a command line, which all users of a
 * machine can read, but in a page that its owner alone can read; it is removed once the link was used.
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
  const names = await readdir(dataDir).catch(() => []); // without a database or tokens there is none
  const pages = names.filter((name) => PAGE.test(name)).map((name) => join(dataDir, name));
  await Promise.allSettled(pages.map(removeIfOld));
}

async function removeIfOld(page: string): Promise<void> {
  const { mtimeMs } = await stat(page);
  if (Date.now() - mtimeMs > OLD_MS) await rm(page, { force: true });
}

/** At once, for the process may be about to end. */
function remove(page: string): void {
  try {
    rmSync(page, { force: true });
  } catch {
    // its link is good no longer, and the next start tries again
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

/** The root directory is where the browser starts: from the workspace it could load what the agent has put there. */
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
