import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const ON_A_MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** The browser of this machine, or the one that CHROMIUM_PATH names; undefined where there is none. */
export const CHROMIUM = process.env['CHROMIUM_PATH'] ?? findChromium();

function findChromium(): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  const places = directories.flatMap((directory) => NAMES.map((name) => join(directory, name)));
  return [...places, ON_A_MAC].find((path) => existsSync(path));
}

/**
 * Starts it. `evil.test` is this machine to it, as it is to the victim of a name that was bound to it; so is the name of
 * the guide to proxies.
 */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM ?? '',
    // Tests may run as root, whom Chromium's sandbox refuses. They open no page but their own.
    args: ['--no-sandbox', '--host-resolver-rules=MAP evil.test 127.0.0.1, MAP tars.example.com 127.0.0.1'],
  });
}
