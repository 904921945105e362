import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { WrongKindOfFile } from '../../files/file-errors.js';
import { listDirectory } from '../../files/list-directory.js';
import { openFile, replaceFile } from '../../files/jailed-files.js';
import type { PathJail } from '../../files/path-jail.js';
import { readUpTo, wholeCharacters } from '../../files/text-file.js';
import { editDiff } from './edit-diff.js';
import { type Edit, edited, findPlaces, type Place, sizeAfter } from './places.js';
import { defineTool, textResult, ToolError } from '../tool.js';

/** The jail of a workspace: every path that the model names goes through it. */
export type JailOf = (workspace: string) => Promise<PathJail>;

/** Bytes of a file that the model is given at once. */
const MAX_READ_BYTES = 256 * 1024;
/** Bytes of an edited file, before and after. */
const MAX_EDIT_BYTES = 10 * 1024 * 1024;
const MAX_PLACES = 100_000;
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
        const isEnd = args.offset + bytesRead >= size;
        const bytes = isEnd ? buffer.subarray(0, bytesRead) : wholeCharacters(buffer.subarray(0, bytesRead));
        if (bytes.includes(0)) throw new ToolError(`${args.path} is no text file (${size} bytes).`);
        const end = args.offset + bytes.length;
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
      const bytes = Buffer.from(args.content);
      const real = await replaceFile(jail, args.path, bytes, signal).catch(explainDisk);
      return textResult(`Wrote ${bytes.length} bytes to ${jail.show(real)}.`);
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
      const edit = await editOf(jail, args);
      requireSize(args.path, sizeAfter(edit));
      const real = await replaceFile(jail, args.path, edited(edit), signal).catch(explainDisk);
      return textResult(await editDiff(jail.show(real), edit));
    },
  });

interface EditArguments {
  readonly path: string;
  readonly old_text: string;
  readonly new_text: string;
  readonly replace_all: boolean;
}

/** @throws ToolError, WrongKindOfFile, and what {@link openFile} throws */
async function editOf(jail: PathJail, args: EditArguments): Promise<Edit> {
  const { handle, stats } = await openFile(jail, args.path, 'edit');
  try {
    const before = await readUpTo(handle, MAX_EDIT_BYTES);
    if (!before) {
      throw new ToolError(
        `${args.path} is too large to edit: ${stats.size} bytes, and ${MAX_EDIT_BYTES} is the limit.`,
      );
    }
    // Editing any encoding but UTF-8 would change other parts of the file.
    if (!isUtf8(before)) throw new WrongKindOfFile(args.path, 'no text file');
    return {
      before,
      places: await placesOf(before, args),
      part: Buffer.from(args.old_text),
      replacement: Buffer.from(args.new_text),
    };
  } finally {
    await handle.close();
  }
}

/** @throws ToolError when the text is missing or found too often */
async function placesOf(bytes: Buffer, { path: name, ...wanted }: EditArguments): Promise<Place[]> {
  const places = await findPlaces(bytes, Buffer.from(wanted.old_text), MAX_PLACES + 1);
  const found = places.length;
  if (found === 0) throw new ToolError(`old_text does not occur in ${name}. Read the file again.`);
  if (found > MAX_PLACES) {
    throw new ToolError(
      `old_text occurs more than ${MAX_PLACES} times in ${name}. Give more of its surroundings.`,
    );
  }
  if (found > 1 && !wanted.replace_all) {
    throw new ToolError(
      `old_text occurs ${found} times in ${name}. Give more of its surroundings, or set replace_all.`,
    );
  }
  return places;
}

function requireSize(name: string, bytes: number): void {
  if (bytes <= MAX_EDIT_BYTES) return;
  throw new ToolError(
    `The edit would make ${name} ${bytes} bytes long, and ${MAX_EDIT_BYTES} is the limit. Nothing was changed: replace fewer places, or by a shorter text.`,
  );
}

function explainDisk(error: NodeJS.ErrnoException): never {
  const isFull = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(error.code ?? '');
  throw isFull ? new ToolError('The disk is full. The file was left as it was.') : error;
}
