import { z } from 'zod';
import { WrongKindOfFile } from '../../common/file-errors.js';
import { listDirectory } from '../../common/list-directory.js';
import { openFile, replaceContent } from '../../common/open-inside.js';
import type { PathJail } from '../../common/path-jail.js';
import { readUpTo } from '../../common/text-file.js';
import { defineTool, textResult, ToolError } from './tool.js';

/** The jail of a workspace: every path that the model names goes through it. */
export type JailOf = (workspace: string) => Promise<PathJail>;

/** More of a file than this is not given to the model at once. */
const MAX_READ_BYTES = 256 * 1024;
const MAX_EDIT_BYTES = 10 * 1024 * 1024;
const MAX_LISTED = 1_000;

const path = z
  .string()
  .min(1)
  .describe('A path inside the workspace, relative to it, such as "src/index.ts".');

export const listDirectoryTool = (jailOf: JailOf) =>
  defineTool({
    name: 'list_directory',
    description: 'List the files and directories in a directory of the workspace.',
    parameters: z.object({ path: path.default('.') }),
    async execute(args, { workspace }) {
      const { path: shown, entries } = await listDirectory(await jailOf(workspace), args.path);
      if (entries.length === 0) return textResult(`${shown} is empty.`);
      const lines = entries
        .slice(0, MAX_LISTED)
        .map(({ isDirectory, name }) => `${isDirectory ? '[DIR]' : '[FILE]'} ${name}`);
      const left = entries.length - lines.length;
      return textResult([...lines, ...(left > 0 ? [`… and ${left} more`] : [])].join('\n'));
    },
  });

export const readFileTool = (jailOf: JailOf) =>
  defineTool({
    name: 'read_file',
    description:
      'Read a text file of the workspace. A long file is given in parts: ask for the next with offset.',
    parameters: z.object({
      path,
      offset: z.int().min(0).default(0).describe('Where to start, in bytes. Default 0.'),
    }),
    async execute(args, { workspace }) {
      const { handle, stats } = await openFile(await jailOf(workspace), args.path);
      try {
        const { size } = stats;
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

export const writeFileTool = (jailOf: JailOf) =>
  defineTool({
    name: 'write_file',
    description: 'Create a file in the workspace, or replace the whole content of one.',
    parameters: z.object({ path, content: z.string() }),
    async execute(args, { workspace, signal }) {
      const jail = await jailOf(workspace);
      const { handle, real } = await openFile(jail, args.path, 'replace');
      try {
        await replaceContent(handle, args.content, signal).catch(explainDisk);
      } finally {
        await handle.close();
      }
      return textResult(`Wrote ${Buffer.byteLength(args.content)} bytes to ${jail.show(real)}.`);
    },
  });

export const editFileTool = (jailOf: JailOf) =>
  defineTool({
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
      const jail = await jailOf(workspace);
      const { handle, stats, real } = await openFile(jail, args.path, 'edit');
      try {
        const bytes = await readUpTo(handle, MAX_EDIT_BYTES);
        if (!bytes) {
          throw new ToolError(
            `${args.path} is too large to edit: ${stats.size} bytes, and ${MAX_EDIT_BYTES} is the limit.`,
          );
        }
        const before = bytes.toString('utf8');
        // Anything but UTF-8 would be changed where nobody asked for it.
        if (!Buffer.from(before).equals(bytes)) throw new WrongKindOfFile(args.path, 'no text file');
        const after = replaced(before, args);
        await replaceContent(handle, after, signal).catch(explainDisk);
        const { createTwoFilesPatch } = await import('diff');
        const shown = jail.show(real);
        return textResult(createTwoFilesPatch(`a/${shown}`, `b/${shown}`, before, after));
      } finally {
        await handle.close();
      }
    },
  });

interface Edit {
  readonly path: string;
  readonly old_text: string;
  readonly new_text: string;
  readonly replace_all: boolean;
}

function replaced(before: string, edit: Edit): string {
  const pieces = before.split(edit.old_text);
  const found = pieces.length - 1;
  if (found === 0) throw new ToolError(`old_text does not occur in ${edit.path}. Read the file again.`);
  if (found > 1 && !edit.replace_all) {
    throw new ToolError(
      `old_text occurs ${found} times in ${edit.path}. Give more of its surroundings, or set replace_all.`,
    );
  }
  return pieces.join(edit.new_text);
}

function explainDisk(error: NodeJS.ErrnoException): never {
  throw error.code === 'ENOSPC' ? new ToolError('The disk is full.') : error;
}
