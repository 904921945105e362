import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { DomainError } from '../common/errors.js';
import { html, Html, PAGE_STYLE } from '../common/html.js';
import { errorHeaders } from '../http/error-response.js';

const SCRIPT = `
const form = document.querySelector('form');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const note = document.querySelector('[role=alert]');
  try {
    const answer = await fetch('/auth/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token: form.elements.token.value }),
    });
    if (answer.ok) location.replace(location.pathname.startsWith('/auth/') ? '/' : location.href);
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
export function sendLoginPage(res: ServerResponse, error: DomainError): void {
  res.writeHead(error.status, { ...errorHeaders(error), ...HEADERS }).end(page(error.message));
}

/** Sends a page that opens `/`: a request from this server's own page carries the browser's new cookie. */
export function sendWayIn(res: ServerResponse): void {
  res.writeHead(200, HEADERS).end(WAY_IN);
}

const WAY_IN = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0;url=/">
<title>Logged in</title>
</head>
<body>
<p>You are logged in. <a href="/">Go on</a></p>
</body>
</html>
`.text;

function page(reason: string): string {
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
<form>
<p><input name="token" type="password" autocomplete="off" aria-label="Token" required autofocus> <button>Log in</button></p>
<p role="alert"></p>
</form>
<noscript><p>The form needs JavaScript; the link does not.</p></noscript>
</body>
</html>
`.text;
}
