import type { RequestHandler } from 'express';
import express from 'express';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OTHER_UI_POLICY, setPolicy } from '../http/security-headers.js';
import { prefixOf } from '../http/public-path.js';
import { InvalidConfig } from '../config/index.js';

/** Attributes and CSS URLs that name a file from the root, or beside the page. */
const ROOT_LINK = /(\s(?:src|href)=["']?|\burl\(["']?)\.?\/(?!\/)/gi;
/** Scripts, with the tag and the text captured. */
const SCRIPTS = /(<script\b[^>]*>)([\s\S]*?<\/script)/i;

export interface StaticUi {
  /** Directory with the UI's index.html. */
  readonly directory: string;
  /** Base path of the API; paths below are not served here. */
  readonly basePath: string;
  /** Title of the page. */
  readonly title: string;
}

/**
 * Serves a built web UI: its files, and its index.html for every other path outside the API. The page finds the API at
 * the page's own origin, below the prefix that a browser knows the server by: `window.AGENT_BASE_URL`, and `base` of
 * `window.AGENT_WEB_UI_CONFIG`.
 * @throws InvalidConfig if there is no index.html
 */
export function staticUi({ directory, basePath, title }: StaticUi): RequestHandler[] {
  const index = join(directory, 'index.html');
  if (!existsSync(index)) {
    throw new InvalidConfig([
      `webui.staticPath is ${JSON.stringify(directory)}, but must be a directory that holds an index.html.`,
    ]);
  }
  const isApi = (path: string) => path === basePath || path.startsWith(`${basePath}/`);
  const files = express.static(directory, { index: false, dotfiles: 'ignore', redirect: false });
  return [
    (req, res, next) => {
      if (isApi(req.path)) return next();
      setPolicy(res, OTHER_UI_POLICY);
      files(req, res, next);
    },
    async (req, res, next) => {
      if (isApi(req.path) || req.method !== 'GET') return next();
      const base = prefixOf(req);
      const page = movedBelow(base, await readFile(index, 'utf8'));
      const config = inScript({ title, basePath, base });
      const head = `<script>window.AGENT_BASE_URL = ${inScript(base)}; window.AGENT_WEB_UI_CONFIG = ${config};</script>`;
      // A function, because a replacement text would expand `$&` in a configuration.
      res.type('html').send(page.replace('</head>', () => `${head}</head>`));
    },
  ];
}

/**
 * The page with its links from the root, and those beside it, moved below a prefix; scripts stay as they are. Not by a
 * `<base>` element: that would have `#` links leave the page.
 */
function movedBelow(prefix: string, page: string): string {
  if (prefix === '') return page;
  const move = (text: string) => text.replace(ROOT_LINK, (_, before: string) => `${before}${prefix}/`);
  return page
    .split(SCRIPTS)
    .map((part, i) => (i % 3 === 2 ? part : move(part)))
    .join('');
}

/** JSON that cannot end its script element. */
function inScript(value: object | string): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
