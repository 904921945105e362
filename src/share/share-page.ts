import { toolResultText } from '../agent/index.js';
import { escapeHtml, type Html, html, Html as SafeHtml, PAGE_STYLE } from '../common/html.js';
import { cutText } from '../common/text.js';
import type { QueryContent, StoredAgentEvent, ToolCallEvent } from '../events/index.js';
import type { SessionDto } from '../sessions/index.js';
import type { SharedEvents } from './shared-events.js';

// The page must be able to do nothing: no script, no request, no frame. Its images are data URLs.
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Characters of arguments that are shown over several lines. */
const MAX_INDENTED = 20_000;

/** A session as one self-contained page, in pieces: readable without a network, and without this server. */
export async function* sharePage(
  session: SessionDto,
  events: SharedEvents,
  question: string,
): AsyncGenerator<string, void, void> {
  const title = session.name || question || 'A session';
  yield head(title, session);
  for await (const event of events.all()) {
    const shown = await article(event, events);
    if (shown) yield* events.pieces(shown.text, escapeHtml);
  }
  yield `
</main>
</body>
</html>
`;
}

function head(title: string, { metadata: { agentInfo, modelConfig }, createdAt }: SessionDto): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer">
<title>${cutText(title, 120)}</title>
<style>${new SafeHtml(PAGE_STYLE)}</style>
</head>
<body>
<h1>${cutText(title, 300)}</h1>
<p class="muted">${agentInfo.name} · ${modelConfig.displayName} · ${time(createdAt)}</p>
<main>
`.text;
}

/** The first thing that the user said. */
export async function firstText(events: SharedEvents): Promise<string> {
  const first = await events.first('user_message');
  if (first?.type !== 'user_message') return '';
  if (typeof first.content === 'string') return first.content;
  return first.content
    .map((part) => (part.type === 'text' ? part.text : ''))
    .join(' ')
    .trim();
}

async function article(event: StoredAgentEvent, events: SharedEvents): Promise<Html | undefined> {
  const { timestamp } = event;
  switch (event.type) {
    case 'user_message':
      return section('user', 'You', timestamp, content(event.content, events));
    case 'environment_input': {
      const body = fold('Content', content(event.content, events));
      return section('tool', event.description, timestamp, body);
    }
    case 'assistant_thinking_message':
      return section('tool', 'Thinking', timestamp, fold('Thoughts', text(event.content)));
    case 'assistant_message':
      if (event.content === '') return undefined;
      return section('assistant', 'Agent', timestamp, text(event.content));
    case 'tool_call':
      return section('tool', `Tool · ${event.name}`, timestamp, await toolCall(event, events));
    case 'system':
      return section(event.level, event.level, timestamp, text(event.message));
    default:
      return undefined;
  }
}

function section(kind: string, title: string, timestamp: number, body: Html): Html {
  return html`<article class="${kind}"><header>${title} · ${time(timestamp)}</header>${body}</article>
`;
}

async function toolCall(call: ToolCallEvent, events: SharedEvents): Promise<Html> {
  const args = html`<pre>${events.inJson(indented(call.arguments))}</pre>`;
  const result = await events.resultOf(call);
  if (!result) return html`${args}<p class="muted">No result.</p>`;
  const label = `${result.error === undefined ? 'Result' : 'Error'} (${result.elapsedMs} ms)`;
  return html`${args}${fold(label, html`<pre>${result.error ?? resultText(result.content, events)}</pre>`)}`;
}

/** Long arguments stay in one line: where they are nested deep, the blanks would be many times as much. */
function indented(args: ToolCallEvent['arguments']): string {
  const json = JSON.stringify(args);
  return json.length > MAX_INDENTED ? json : JSON.stringify(args, null, 2);
}

function resultText(content: unknown, events: SharedEvents): string {
  const text = toolResultText(content);
  return text === JSON.stringify(content) ? events.inJson(text) : text;
}

const text = (content: string): Html => html`<div class="text">${content}</div>`;

const fold = (label: string, body: Html): Html =>
  html`<details open><summary>${label}</summary>${body}</details>`;

function content(parts: QueryContent, events: SharedEvents): Html {
  if (typeof parts === 'string') return text(parts);
  return html`${parts.map((part) => {
    if (part.type === 'text') return text(part.text);
    const { url } = part.image_url;
    if (events.headOf(url).startsWith('data:')) return html`<img alt="An image the user sent" src="${url}">`;
    return html`<a rel="noreferrer nofollow" href="${url}">${url}</a>`;
  })}`;
}

function time(timestamp: number): Html {
  const iso = new Date(timestamp).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
