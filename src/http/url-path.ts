import type { IncomingMessage } from 'node:http';

/** The path of a request's target, which may name the host too. */
export function pathOf({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  return url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
}

/**
 * A path as the router compares it: neither case nor slashes at its end matter. Not by an expression with `/+$`, which
 * takes half a second for the longest path that Node lets in.
 */
export function normalizePath(path: string): string {
  let end = path.length;
  while (path.charAt(end - 1) === '/') end--;
  return path.slice(0, end).toLowerCase();
}
