/** Parses JSON or YAML. A leading byte-order mark, as editors on Windows write it, is skipped. */
export async function parseDocument(text: string, isJson: boolean): Promise<unknown> {
  const content = text.replace(/^\uFEFF/, '');
  if (isJson) return JSON.parse(content);
  const { parse } = await import('yaml');
  return parse(content) ?? {}; // YAML of comments alone parses to null
}

/** @throws Error if the content of a document, or the export of a script, is no object */
export function requireObject(content: unknown): object {
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content;
  throw new Error('it must give one object (export default { … })');
}

/** An error's reason in one line, with the place if a parser names it on its second line. */
export function reasonOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'there is no such file';
  const [what = '', where = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const place = /:\d+:\d+$/.test(where) ? ` at ${where.trim()}` : '';
  return what.trim().replace(/[.:]+$/, '') + place;
}
