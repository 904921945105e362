import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { z } from 'zod';
import { isHidden, PathJail } from '../../common/path-jail.js';
import { defineTool, textResult, ToolError } from './tool.js';

const MAX_FILES = 20_000;
const MAX_FILE_BYTES = 2 * 1024 * 1024;
const MAX_MATCHES = 200;
const MAX_LINE = 300;

/**
 * Names and lines that hold a text. `.gitignore` files are respected; dot files, key files, `node_modules`,
 * binary files and symbolic links are passed over.
 */
export const searchFiles = defineTool({
  name: 'search_files',
  description:
    'Search the workspace for a text, in file names and in the lines of text files. Case does not matter. Answers with path:line: text.',
  parameters: z.object({
    query: z.string().min(1).describe('The text to look for, as it stands.'),
    path: z.string().min(1).default('.').describe('The directory to search in. Default: the workspace.'),
  }),
  async execute(args, { workspace, signal }) {
    const jail = await PathJail.of(workspace);
    const root = await jail.resolve(args.path);
    const needle = args.query.toLowerCase();
    const matches: string[] = [];
    let files = 0;
    for await (const file of walk(root, await rulesOf(jail.root, ''), jail)) {
      signal.throwIfAborted();
      if (++files > MAX_FILES || matches.length >= MAX_MATCHES) break;
      const shown = jail.show(file);
      if (shown.toLowerCase().includes(needle)) matches.push(shown);
      for (const match of await searchIn(file, needle)) matches.push(`${shown}:${match}`);
    }
    if (matches.length === 0) return textResult(`Nothing found for "${args.query}" in ${files} files.`);
    const cut = matches.length >= MAX_MATCHES ? `\n[… stopped after ${MAX_MATCHES} matches]` : '';
    return textResult(matches.slice(0, MAX_MATCHES).join('\n') + cut);
  },
});

async function* walk(directory: string, rules: Ignore, jail: PathJail): AsyncGenerator<string> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw new ToolError(`That directory cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  });
  entries.sort((a, b) => a.name.localeCompare(b.name));
  for (const entry of entries) {
    if (isHidden(entry.name) || entry.name === 'node_modules') continue;
    const full = join(directory, entry.name);
    const shown = jail.show(full);
    if (entry.isDirectory()) {
      if (rules.ignores(`${shown}/`)) continue;
      yield* walk(
        full,
        ignore()
          .add(rules)
          .add(await rulesOf(full, shown)),
        jail,
      );
    } else if (entry.isFile() && !rules.ignores(shown)) {
      yield full;
    }
  }
}

/** The rules of a directory's `.gitignore`, as they read from the workspace's root. */
async function rulesOf(directory: string, shown: string): Promise<Ignore> {
  const rules = ignore();
  const text = await readFile(join(directory, '.gitignore'), 'utf8').catch(() => ''); // most have none
  for (const line of text.split('\n')) {
    const rule = line.trim();
    if (rule === '' || rule.startsWith('#')) continue;
    const negated = rule.startsWith('!');
    const pattern = negated ? rule.slice(1) : rule;
    // A pattern with a slash before its end is bound to its directory; any other matches at every depth.
    const bound = pattern.replace(/\/$/, '').includes('/');
    const prefix = shown === '' ? '' : `/${shown}${bound ? '' : '/**'}/`;
    rules.add((negated ? '!' : '') + (prefix ? prefix + pattern.replace(/^\//, '') : pattern));
  }
  return rules;
}

async function searchIn(file: string, needle: string): Promise<string[]> {
  const handle = await open(file, 'r').catch(() => undefined); // unreadable: as if it were not there
  if (!handle) return [];
  try {
    const { size } = await handle.stat();
    if (size > MAX_FILE_BYTES) return [];
    const bytes = await handle.readFile();
    if (bytes.includes(0)) return [];
    const text = bytes.toString('utf8');
    if (!text.toLowerCase().includes(needle)) return [];
    return text.split('\n').flatMap((line, i) => {
      return line.toLowerCase().includes(needle) ? [`${i + 1}: ${line.trim().slice(0, MAX_LINE)}`] : [];
    });
  } finally {
    await handle.close();
  }
}
