/** Reads JSON or YAML; a byte-order mark, which editors on Windows put before it, is no part of it. */
export async function parseDocument(text: string, isJson: boolean): Promise<unknown> {
  const content = text.replace(/^\uFEFF/, '');
  if (isJson) return JSON.parse(content);
  const { parse } = await import('yaml');
  return parse(content) ?? {}; // there may be nothing in it but comments
}

/** @throws Error where what a document holds, or a script gives, is no configuration */
export function requireObject(content: unknown): object {
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content;
  throw new Error('it must give one object (export default { … })');
}

/** One line: what was wrong and, where a parser says so on its second line, the place. */
export function reasonOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'there is no such file';
  const [what = '', where = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const place = /:\d+:\d+$/.test(where) ? ` at ${where.trim()}` : '';
  return what.trim().replace(/[.:]+$/, '') + place;
}
