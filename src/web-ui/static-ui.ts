import type { RequestHandler } from 'express';
import express from 'express';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OTHER_UI_POLICY, setPolicy } from '../http/security-headers.js';
import { InvalidConfig } from '../config/index.js';

export interface StaticUi {
  /** Directory with the UI's index.html. */
  readonly directory: string;
  /** Base path of the API; paths below are not served here. */
  readonly basePath: string;
  /** The page's `window.AGENT_WEB_UI_CONFIG`. */
  readonly config: object;
}

/**
 * Serves a built web UI: its files, and its index.html for every other path outside the API. The page finds the API at
 * the page's own origin.
 * @throws InvalidConfig if there is no index.html
 */
export function staticUi({ directory, basePath, config }: StaticUi): RequestHandler[] {
  const index = join(directory, 'index.html');
  if (!existsSync(index)) {
    throw new InvalidConfig([
      `webui.staticPath is ${JSON.stringify(directory)}, but must be a directory that holds an index.html.`,
    ]);
  }
  const isApi = (path: string) => path === basePath || path.startsWith(`${basePath}/`);
  const files = express.static(directory, { index: false, dotfiles: 'ignore' });
  const head = `<script>window.AGENT_BASE_URL = ""; window.AGENT_WEB_UI_CONFIG = ${inScript(config)};</script>`;
  return [
    (req, res, next) => {
      if (isApi(req.path)) return next();
      setPolicy(res, OTHER_UI_POLICY);
      files(req, res, next);
    },
    async (req, res, next) => {
      if (isApi(req.path) || req.method !== 'GET') return next();
      const page = await readFile(index, 'utf8');
      // A function, because a replacement text would expand `$&` in a configuration.
      res.type('html').send(page.replace('</head>', () => `${head}</head>`));
    },
  ];
}

/** JSON that cannot end its script element. */
function inScript(value: object): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
