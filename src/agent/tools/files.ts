import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { isHidden, PathJail } from '../../common/path-jail.js';
import { defineTool, textResult, ToolError } from './tool.js';

/** More of a file than this is not given to the model at once. */
const MAX_READ_BYTES = 256 * 1024;
const MAX_LISTED = 1_000;

const path = z
  .string()
  .min(1)
  .describe('A path inside the workspace, relative to it, such as "src/index.ts".');

export const listDirectory = defineTool({
  name: 'list_directory',
  description: 'List the files and directories in a directory of the workspace.',
  parameters: z.object({ path: path.default('.') }),
  async execute(args, { workspace }) {
    const jail = await PathJail.of(workspace);
    const directory = await jail.resolve(args.path);
    const entries = (await existing(args.path, readdir(directory, { withFileTypes: true }))).filter(
      (entry) => !isHidden(entry.name),
    );
    if (entries.length === 0) return textResult(`${jail.show(directory)} is empty.`);
    entries.sort(directoriesFirst);
    const lines = entries
      .slice(0, MAX_LISTED)
      .map((entry) => `${entry.isDirectory() ? '[DIR]' : '[FILE]'} ${entry.name}`);
    const left = entries.length - lines.length;
    return textResult([...lines, ...(left > 0 ? [`… and ${left} more`] : [])].join('\n'));
  },
});

export const readFileTool = defineTool({
  name: 'read_file',
  description:
    'Read a text file of the workspace. A long file is given in parts: ask for the next with offset.',
  parameters: z.object({
    path,
    offset: z.int().min(0).default(0).describe('Where to start, in bytes. Default 0.'),
  }),
  async execute(args, { workspace }) {
    const jail = await PathJail.of(workspace);
    const file = await jail.resolve(args.path);
    const handle = await existing(args.path, open(file, 'r'));
    try {
      const { size } = await requireFile(args.path, handle.stat());
      const buffer = Buffer.alloc(Math.min(MAX_READ_BYTES, Math.max(0, size - args.offset)));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, args.offset);
      const bytes = buffer.subarray(0, bytesRead);
      if (bytes.includes(0)) throw new ToolError(`${args.path} is no text file (${size} bytes).`);
      const end = args.offset + bytesRead;
      const rest = end < size ? `\n[… ${size - end} more bytes: read on with offset ${end}]` : '';
      return textResult(bytes.toString('utf8') + rest);
    } finally {
      await handle.close();
    }
  },
});

export const writeFileTool = defineTool({
  name: 'write_file',
  description: 'Create a file in the workspace, or replace the whole content of one.',
  parameters: z.object({ path, content: z.string() }),
  async execute(args, { workspace, signal }) {
    const jail = await PathJail.of(workspace);
    const file = await jail.resolve(args.path);
    await existing(args.path, mkdir(dirname(file), { recursive: true }));
    await existing(args.path, writeFile(file, args.content, { signal }));
    return textResult(`Wrote ${Buffer.byteLength(args.content)} bytes to ${jail.show(file)}.`);
  },
});

export const editFileTool = defineTool({
  name: 'edit_file',
  description:
    'Replace an exact piece of text in a file of the workspace. The old text must occur exactly once, unless replace_all is set.',
  parameters: z.object({
    path,
    old_text: z.string().min(1).describe('The text to replace, exactly as it stands in the file.'),
    new_text: z.string(),
    replace_all: z.boolean().default(false),
  }),
  async execute(args, { workspace, signal }) {
    const jail = await PathJail.of(workspace);
    const file = await jail.resolve(args.path);
    await requireFile(args.path, existing(args.path, stat(file)));
    const before = await readFile(file, 'utf8');
    const found = before.split(args.old_text).length - 1;
    if (found === 0) throw new ToolError(`old_text does not occur in ${args.path}. Read the file again.`);
    if (found > 1 && !args.replace_all) {
      throw new ToolError(
        `old_text occurs ${found} times in ${args.path}. Give more of its surroundings, or set replace_all.`,
      );
    }
    const after = before.split(args.old_text).join(args.new_text);
    await writeFile(file, after, { signal });
    const { createTwoFilesPatch } = await import('diff');
    const shown = jail.show(file);
    return textResult(createTwoFilesPatch(`a/${shown}`, `b/${shown}`, before, after));
  },
});

function directoriesFirst(a: Dirent, b: Dirent): number {
  return Number(b.isDirectory()) - Number(a.isDirectory()) || a.name.localeCompare(b.name);
}

/** Says what the file system refused without the absolute path that its own message holds. */
export async function existing<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'ENOENT':
        throw new ToolError(`There is no "${path}" in the workspace.`);
      case 'EISDIR':
        throw new ToolError(`"${path}" is a directory.`);
      case 'ENOTDIR':
      case 'EEXIST':
        throw new ToolError(`"${path}" is no directory.`);
      case 'EACCES':
      case 'EPERM':
        throw new ToolError(`The server may not use "${path}".`);
      case 'ENOSPC':
        throw new ToolError('The disk is full.');
      default:
        throw error;
    }
  }
}

async function requireFile<S extends { isFile(): boolean; isDirectory(): boolean }>(
  path: string,
  stats: Promise<S>,
): Promise<S> {
  const found = await stats;
  if (found.isDirectory()) throw new ToolError(`"${path}" is a directory.`);
  if (!found.isFile()) throw new ToolError(`"${path}" is no regular file.`);
  return found;
}
