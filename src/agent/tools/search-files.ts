import { z } from 'zod';
import { explainFileError } from '../../common/file-errors.js';
import { openIn, statInside } from '../../common/open-inside.js';
import { readUpTo } from '../../common/text-file.js';
import { type Found, walk } from '../../common/walk.js';
import type { JailOf } from './files.js';
import { defineTool, textResult } from './tool.js';

const MAX_ENTRIES = 20_000;
const MAX_FILE_BYTES = 2 * 1024 * 1024;
const MAX_MATCHES = 200;
const MAX_LINE = 300;

/**
 * Names and lines that hold a text. `.gitignore` files are respected; dot files, key files, `node_modules`,
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
      const jail = await jailOf(workspace);
      const { real } = await statInside(jail, args.path);
      const needle = args.query.toLowerCase();
      const matches: string[] = [];
      let files = 0;
      try {
        for await (const found of walk(jail, real, MAX_ENTRIES)) {
          signal.throwIfAborted();
          if (found.isDirectory) continue;
          files += 1;
          if (found.path.toLowerCase().includes(needle)) matches.push(found.path);
          for (const match of await searchIn(found, needle)) matches.push(`${found.path}:${match}`);
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

async function searchIn({ parent, name }: Found, needle: string): Promise<string[]> {
  const file = await openIn(parent, name).catch(() => undefined); // unreadable: as if it were not there
  if (!file) return [];
  try {
    const bytes = await readUpTo(file.handle, MAX_FILE_BYTES);
    if (!bytes || bytes.includes(0)) return [];
    const text = bytes.toString('utf8');
    if (!text.toLowerCase().includes(needle)) return [];
    return text.split('\n').flatMap((line, i) => {
      return line.toLowerCase().includes(needle) ? [`${i + 1}: ${line.trim().slice(0, MAX_LINE)}`] : [];
    });
  } finally {
    await file.handle.close();
  }
}
