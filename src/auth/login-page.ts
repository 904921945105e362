import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { ServerResponse } from 'node:http';
import type { DomainError } from '../common/errors.js';
import { html, Html, PAGE_STYLE } from '../common/html.js';
import { errorHeaders } from '../http/error-response.js';
import { linkTo } from '../http/public-path.js';

const SCRIPT = `
const form = document.querySelector('form');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const note = document.querySelector('[role=alert]');
  try {
    const answer = await fetch(form.action, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token: form.elements.token.value }),
    });
    if (answer.ok) location.replace(form.dataset.next ?? location.href);
    else note.textContent = (await answer.json()).error;
  } catch {
    note.textContent = 'The server could not be reached. Try again.';
  }
});
`;

const hash = createHash('sha256').update(SCRIPT).digest('base64');

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

const STYLE = `${PAGE_STYLE}
input { font: inherit; width: 24rem; max-width: 100%; padding: .35rem .5rem; }
button { font: inherit; padding: .35rem 1rem; }
`;

/** Tells a person who is not logged in how to be. */
export function sendLoginPage(req: Request, res: ServerResponse, error: DomainError): void {
  const next = req.path.startsWith('/auth/') ? linkTo(req, '/') : undefined;
  const form = { login: linkTo(req, '/auth/login'), next };
  res.writeHead(error.status, { ...errorHeaders(error), ...HEADERS }).end(page(error.message, form));
}

/**
 * Sends a page that opens the home page: a request from this server's own page carries the browser's new cookie.
 * @param home link to it
 */
export function sendWayIn(res: ServerResponse, home: string): void {
  res.writeHead(200, HEADERS).end(wayIn(home));
}

const wayIn = (home: string) =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0;url=${home}">
<title>Logged in</title>
</head>
<body>
<p>You are logged in. <a href="${home}">Go on</a></p>
</body>
</html>
`.text;

interface LoginForm {
  /** Where the token is sent. */
  readonly login: string;
  /** Page that follows; default: the same. */
  readonly next: string | undefined;
}

function page(reason: string, { login, next }: LoginForm): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<h1>Log in</h1>
<p>${reason}</p>
<p>Open the link that the server printed when it started, or paste a token:</p>
<form action="${login}"${next !== undefined && html` data-next="${next}"`}>
<p><input name="token" type="password" autocomplete="off" aria-label="Token" required autofocus> <button>Log in</button></p>
<p role="alert"></p>
</form>
<noscript><p>The form needs JavaScript; the link does not.</p></noscript>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`.text;
}
