import { html, Html, PAGE_STYLE } from '../common/html.js';
import type { SessionSummary } from '../sessions/index.js';

export interface Home {
  readonly name: string;
  readonly model: string;
  readonly workspace: string;
  /** Link to the API's base path. */
  readonly api: string;
  readonly sessions: readonly SessionSummary[];
}

/** Home page of the server: model, workspace and newest sessions. It loads no other files. */
export function homePage({ name, model, workspace, api, sessions }: Home): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name} Server</title>
<style>${new Html(PAGE_STYLE)}</style>
</head>
<body>
<h1>${name} Server</h1>
<p>An agent server: open a session, send a query, follow what happens as one stream of events.</p>
<p class="muted">Model: ${model}<br>Workspace: ${workspace}</p>
<p><a href="${api}/docs">API documentation</a></p>
<h2>Sessions</h2>
${sessions.length === 0 ? html`<p>There are none yet.</p>` : table(sessions, api)}
</body>
</html>
`.text;
}

function table(sessions: readonly SessionSummary[], api: string): Html {
  return html`<table>
<thead><tr><th>Session</th><th>State</th><th>Updated</th></tr></thead>
<tbody>
${sessions.map(
  ({ id, name, state, updatedAt }) =>
    html`<tr><td><a href="${api}/sessions/events?sessionId=${id}">${name || id}</a></td><td>${state}</td><td>${new Date(updatedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC</td></tr>
`,
)}</tbody>
</table>`;
}
