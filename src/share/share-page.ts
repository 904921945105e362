import { toolResultText } from '../agent/index.js';
import { type Html, html, Html as SafeHtml, PAGE_STYLE } from '../common/html.js';
import type { QueryContent, StoredAgentEvent, ToolCallEvent, ToolResultEvent } from '../events/index.js';
import type { SessionDto } from '../sessions/index.js';

// The page must be able to do nothing: no script, no request, no frame. Its images are data URLs.
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A session as one self-contained page: readable without a network, and without this server. */
export function sharePage(session: SessionDto, events: readonly StoredAgentEvent[]): string {
  const title = session.name || firstText(events) || 'A session';
  const results = new Map<string, ToolResultEvent>();
  for (const event of events) if (event.type === 'tool_result') results.set(event.toolCallId, event);
  const { agentInfo, modelConfig } = session.metadata;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer">
<title>${title.slice(0, 120)}</title>
<style>${new SafeHtml(PAGE_STYLE)}</style>
</head>
<body>
<h1>${title.slice(0, 300)}</h1>
<p class="muted">${agentInfo.name} · ${modelConfig.displayName} · ${time(session.createdAt)}</p>
<main>
${events.map((event) => article(event, results))}
</main>
</body>
</html>
`.text;
}

/** The first thing that the user said. */
export function firstText(events: readonly StoredAgentEvent[]): string {
  const first = events.find((event) => event.type === 'user_message');
  if (!first) return '';
  if (typeof first.content === 'string') return first.content;
  return first.content
    .map((part) => (part.type === 'text' ? part.text : ''))
    .join(' ')
    .trim();
}

function article(event: StoredAgentEvent, results: ReadonlyMap<string, ToolResultEvent>): Html | undefined {
  switch (event.type) {
    case 'user_message':
      return section('user', 'You', event.timestamp, content(event.content));
    case 'environment_input':
      return section('tool', event.description, event.timestamp, fold('Content', content(event.content)));
    case 'assistant_thinking_message':
      return section(
        'tool',
        'Thinking',
        event.timestamp,
        fold('Thoughts', html`<div class="text">${event.content}</div>`),
      );
    case 'assistant_message':
      if (event.content === '') return undefined;
      return section('assistant', 'Agent', event.timestamp, html`<div class="text">${event.content}</div>`);
    case 'tool_call':
      return section(
        'tool',
        `Tool · ${event.name}`,
        event.timestamp,
        toolCall(event, results.get(event.toolCallId)),
      );
    case 'system':
      return section(
        event.level,
        event.level,
        event.timestamp,
        html`<div class="text">${event.message}</div>`,
      );
    default:
      return undefined;
  }
}

function section(kind: string, title: string, timestamp: number, body: Html): Html {
  return html`<article class="${kind}"><header>${title} · ${time(timestamp)}</header>${body}</article>
`;
}

function toolCall(call: ToolCallEvent, result: ToolResultEvent | undefined): Html {
  const args = html`<pre>${JSON.stringify(call.arguments, null, 2)}</pre>`;
  if (!result) return html`${args}<p class="muted">No result.</p>`;
  const text = result.error ?? toolResultText(result.content);
  const label = `${result.error === undefined ? 'Result' : 'Error'} (${result.elapsedMs} ms)`;
  return html`${args}${fold(label, html`<pre>${text}</pre>`)}`;
}

const fold = (label: string, body: Html): Html =>
  html`<details open><summary>${label}</summary>${body}</details>`;

function content(parts: QueryContent): Html {
  if (typeof parts === 'string') return html`<div class="text">${parts}</div>`;
  return html`${parts.map((part) => {
    if (part.type === 'text') return html`<div class="text">${part.text}</div>`;
    const { url } = part.image_url;
    if (url.startsWith('data:')) return html`<img alt="An image the user sent" src="${url}">`;
    return html`<a rel="noreferrer nofollow" href="${url}">${url}</a>`;
  })}`;
}

function time(timestamp: number): Html {
  const iso = new Date(timestamp).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
