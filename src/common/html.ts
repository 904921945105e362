/** HTML that is safe to put into a page as it is. */
export class Html {
  constructor(readonly text: string) {}
}

/** Escapes text for HTML, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  if (!/[&<>"']/.test(text)) return text;
  // One pass per character: one pass with a function takes ten times as long for a text full of them.
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}

/** A template whose values are escaped, unless they are {@link Html} already; lists are joined. */
export function html(strings: TemplateStringsArray, ...values: readonly unknown[]): Html {
  return new Html(strings.reduce((page, part, i) => page + render(values[i - 1]) + part));
}

function render(value: unknown): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  if (value === undefined || value === null || value === false) return '';
  return escapeHtml(typeof value === 'number' ? String(value) : (value as string));
}

/** Style of every page of this server. It loads nothing. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2f6feb; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 2rem 1rem 4rem; font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
.muted { opacity: .7; font-size: .875rem; }
pre, code { font: .875rem/1.5 ui-monospace, monospace; }
pre { margin: .5rem 0 0; padding: .75rem; overflow: auto; max-height: 28rem; background: var(--soft); border-radius: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
article { margin: 1rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .75rem; overflow-wrap: anywhere; }
article > header { font-size: .8rem; opacity: .7; margin-bottom: .25rem; }
article.user { background: var(--soft); }
article.error { border-color: #d33; }
.text { white-space: pre-wrap; }
img { max-width: 100%; border-radius: .5rem; }
summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
td, th { text-align: left; padding: .35rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
`;
