import { z } from 'zod';
import { cutText } from '../../common/text.js';
import { explainFileError } from '../../files/file-errors.js';
import { openIn, statInside } from '../../files/jailed-files.js';
import { readUpTo } from '../../files/text-file.js';
import { type Found, walk } from '../../files/walk.js';
import type { JailOf } from './files.js';
import { defineTool, textResult, ToolError } from '../tool.js';

const MAX_ENTRIES = 20_000;
const MAX_FILE_BYTES = 2 * 1024 * 1024;
const MAX_MATCHES = 200;
const MAX_LINE = 300;
/** Characters of a query: with more, V8 reads a repetitive text again for each of its characters. */
const MAX_QUERY = 250;

/**
 * Finds names and lines that hold a text. `.gitignore` files are respected; dot files, key files, `node_modules`,
 * binary files and symbolic links are passed over.
 */
export const searchFilesTool = (jailOf: JailOf) =>
  defineTool({
    name: 'search_files',
    description:
      'Search the workspace for a text, in file names and in the lines of text files. Case does not matter. Answers with path:line: text.',
    parameters: z.object({
      query: z.string().min(1).describe('The text to look for, as it stands.'),
      path: z.string().min(1).default('.').describe('The directory to search in. Default: the workspace.'),
    }),
    async execute(args, { workspace, signal }) {
      const needle = args.query.toLowerCase();
      if (needle.length > MAX_QUERY) {
        throw new ToolError(`query is longer than ${MAX_QUERY} characters. Look for a part of it.`);
      }
      const jail = await jailOf(workspace);
      const { real } = await statInside(jail, args.path);
      const matches: string[] = [];
      let files = 0;
      try {
        for await (const found of walk(jail, real, MAX_ENTRIES)) {
          signal.throwIfAborted();
          if (found.isDirectory) continue;
          files += 1;
          if (found.path.toLowerCase().includes(needle)) matches.push(found.path);
          const left = MAX_MATCHES - matches.length;
          for (const match of await searchIn(found, needle, left)) matches.push(`${found.path}:${match}`);
          if (matches.length >= MAX_MATCHES) break;
        }
      } catch (error) {
        throw explainFileError(args.path, error);
      }
      if (matches.length === 0) return textResult(`Nothing found for "${args.query}" in ${files} files.`);
      const cut = matches.length >= MAX_MATCHES ? `\n[… stopped after ${MAX_MATCHES} matches]` : '';
      return textResult(matches.slice(0, MAX_MATCHES).join('\n') + cut);
    },
  });

async function searchIn({ parent, name }: Found, needle: string, limit: number): Promise<string[]> {
  const file = await openIn(parent, name).catch(() => undefined); // unreadable: as if it were not there
  if (!file) return [];
  try {
    const bytes = await readUpTo(file.handle, MAX_FILE_BYTES);
    if (!bytes || bytes.includes(0)) return [];
    return linesWith(bytes.toString('utf8'), needle, limit);
  } finally {
    await file.handle.close();
  }
}

/**
 * The first lines of a text that hold `needle`, which is in lower case, each with its number. Only matching lines
 * become strings: a text may consist of line ends only.
 */
export function linesWith(text: string, needle: string, limit: number): string[] {
  const lower = text.toLowerCase(); // `lower` may be longer than `text`, but has the same lines
  const found: string[] = [];
  if (needle.includes('\n')) return found;
  const [inLower, inText] = [new Lines(lower), new Lines(text)];
  for (let at = lower.indexOf(needle); at !== -1 && found.length < limit;) {
    inLower.goTo((lines) => at >= lines.end);
    inText.goTo((lines) => lines.number < inLower.number);
    found.push(`${inText.number}: ${cutText(text.slice(inText.start, inText.end).trim(), MAX_LINE)}`);
    at = lower.indexOf(needle, inLower.end);
  }
  return found;
}

/** Cursor over the lines of a text. */
class Lines {
  /** Line number, from 1. */
  number = 0;
  start = 0;
  /** Offset behind the end of the line. */
  end = 0;

  constructor(private readonly text: string) {}

  /** Advances while `isBefore` returns true. */
  goTo(isBefore: (lines: this) => boolean): void {
    while (this.number === 0 || isBefore(this)) {
      this.number += 1;
      this.start = this.end;
      const newline = this.text.indexOf('\n', this.start);
      this.end = newline === -1 ? this.text.length : newline + 1;
    }
  }
}
