import { toolResultText } from '../agent/index.js';
import { escapeHtml, type Html, html, Html as SafeHtml, PAGE_STYLE } from '../common/html.js';
import { Turns } from '../common/turns.js';
import type { QueryContent, StoredAgentEvent, ToolCallEvent, ToolResultEvent } from '../events/index.js';
import type { SessionDto } from '../sessions/index.js';

// The page must be able to do nothing: no script, no request, no frame. Its images are data URLs.
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const MAX_INDENTED = 20_000;
/** So many characters are escaped between two looks at the clock. */
const STRIDE = 16 * 1024;

/**
 * A session as one self-contained page: readable without a network, and without this server. Made in turns of the event
 * loop: its texts may be many, and long.
 */
export async function sharePage(session: SessionDto, events: readonly StoredAgentEvent[]): Promise<string> {
  const title = session.name || firstText(events) || 'A session';
  const results = new Map<string, ToolResultEvent>();
  for (const event of events) if (event.type === 'tool_result') results.set(event.toolCallId, event);
  const { agentInfo, modelConfig } = session.metadata;
  const turns = new Turns();
  const articles: (Html | undefined)[] = [];
  for (const event of events) articles.push(await article(event, results, turns));
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
${articles}
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

async function article(
  event: StoredAgentEvent,
  results: ReadonlyMap<string, ToolResultEvent>,
  turns: Turns,
): Promise<Html | undefined> {
  const { timestamp } = event;
  switch (event.type) {
    case 'user_message':
      return section('user', 'You', timestamp, await content(event.content, turns));
    case 'environment_input':
      return section(
        'tool',
        event.description,
        timestamp,
        fold('Content', await content(event.content, turns)),
      );
    case 'assistant_thinking_message':
      return section('tool', 'Thinking', timestamp, fold('Thoughts', await textBlock(event.content, turns)));
    case 'assistant_message':
      if (event.content === '') return undefined;
      return section('assistant', 'Agent', timestamp, await textBlock(event.content, turns));
    case 'tool_call': {
      const body = await toolCall(event, results.get(event.toolCallId), turns);
      return section('tool', `Tool · ${event.name}`, timestamp, body);
    }
    case 'system':
      return section(event.level, event.level, timestamp, await textBlock(event.message, turns));
    default:
      return undefined;
  }
}

function section(kind: string, title: string, timestamp: number, body: Html): Html {
  return html`<article class="${kind}"><header>${title} · ${time(timestamp)}</header>${body}</article>
`;
}

async function toolCall(
  call: ToolCallEvent,
  result: ToolResultEvent | undefined,
  turns: Turns,
): Promise<Html> {
  const args = html`<pre>${await inTurns(indented(call.arguments), turns)}</pre>`;
  if (!result) return html`${args}<p class="muted">No result.</p>`;
  const text = await inTurns(result.error ?? toolResultText(result.content), turns);
  const label = `${result.error === undefined ? 'Result' : 'Error'} (${result.elapsedMs} ms)`;
  return html`${args}${fold(label, html`<pre>${text}</pre>`)}`;
}

/** What is long stays in one line: where it is nested deep, the blanks would be many times as much. */
function indented(args: ToolCallEvent['arguments']): string {
  const json = JSON.stringify(args);
  return json.length > MAX_INDENTED ? json : JSON.stringify(args, null, 2);
}

const fold = (label: string, body: Html): Html =>
  html`<details open><summary>${label}</summary>${body}</details>`;

async function content(parts: QueryContent, turns: Turns): Promise<Html> {
  if (typeof parts === 'string') return textBlock(parts, turns);
  const shown: Html[] = [];
  for (const part of parts) {
    shown.push(await (part.type === 'text' ? textBlock(part.text, turns) : image(part.image_url.url, turns)));
  }
  return html`${shown}`;
}

async function image(link: string, turns: Turns): Promise<Html> {
  const url = await inTurns(link, turns);
  if (link.startsWith('data:')) return html`<img alt="An image the user sent" src="${url}">`;
  return html`<a rel="noreferrer nofollow" href="${url}">${url}</a>`;
}

const textBlock = async (text: string, turns: Turns): Promise<Html> =>
  html`<div class="text">${await inTurns(text, turns)}</div>`;

/** A text as it reads in HTML. */
async function inTurns(text: string, turns: Turns): Promise<Html> {
  let escaped = '';
  for (let at = 0; at < text.length; at += STRIDE) {
    if (turns.isOver) await turns.next();
    escaped += escapeHtml(text.slice(at, at + STRIDE));
  }
  return new SafeHtml(escaped);
}

function time(timestamp: number): Html {
  const iso = new Date(timestamp).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}
