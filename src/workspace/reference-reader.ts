import { DomainError } from '../common/errors.js';
import { cutText } from '../common/text.js';
import { explainFileError, FileNotFound, WrongKindOfFile } from '../files/file-errors.js';
import { openFile, openIn, statInside } from '../files/jailed-files.js';
import type { PathJail } from '../files/path-jail.js';
import { readUpTo, textOf } from '../files/text-file.js';
import { type Found, walk } from '../files/walk.js';
import type { Reference } from './references.js';

const MB = 1024 * 1024;
const MAX_FILE_BYTES = 2 * MB;
/** Maximum size of all references of one query as JSON, the form in which they are stored and sent. */
const MAX_TOTAL_BYTES = 8 * MB;
const TOO_MUCH = `with it, what was read would be more than ${MAX_TOTAL_BYTES} bytes`;
const MAX_REFERENCES = 100;
/** Maximum of files read in one directory. */
const MAX_FILES = 500;
const MAX_ENTRIES = 20_000;
/** Maximum of files in one directory that are named without being read. */
const MAX_NAMED = 200;

/**
 * Reads the files and directories of references, as a text for the model. A note stands in the place of an unreadable
 * one; no reference causes an error.
 */
export class ReferenceReader {
  private left = MAX_TOTAL_BYTES;

  constructor(
    private readonly jail: PathJail,
    private readonly signal: AbortSignal,
  ) {}

  async expand(references: readonly Reference[]): Promise<string> {
    const blocks: string[] = [];
    for (const reference of references.slice(0, MAX_REFERENCES)) blocks.push(await this.block(reference));
    const more = references.length - MAX_REFERENCES;
    if (more > 0) blocks.push(note(`${more} more references were left out: ${MAX_REFERENCES} is the limit.`));
    return blocks.join('\n\n');
  }

  private async block({ kind, paths }: Reference): Promise<string> {
    for (const [i, path] of paths.entries()) {
      this.signal.throwIfAborted();
      try {
        return await (kind === 'file' ? this.file(path) : this.directory(path));
      } catch (error) {
        this.signal.throwIfAborted();
        if (error instanceof FileNotFound && i < paths.length - 1) continue;
        return note(`@${kind}:${cutText(path, 200)} was not read. ${reasonOf(path, error)}`);
      }
    }
    return '';
  }

  private async file(path: string): Promise<string> {
    const { handle, stats, real } = await openFile(this.jail, path);
    try {
      const shown = this.jail.show(real);
      const { text, problem } = this.read(await readUpTo(handle, this.limit), stats.size);
      if (text === undefined) return note(`${shown} was not read: ${problem}.`);
      return fileBlock(shown, text);
    } finally {
      await handle.close();
    }
  }

  private async directory(path: string): Promise<string> {
    const { real, stats } = await statInside(this.jail, path);
    if (!stats.isDirectory()) throw new WrongKindOfFile(path, 'no directory');
    const blocks: string[] = [];
    const named: string[] = [];
    let files = 0;
    let unnamed = 0;
    for await (const found of walk(this.jail, real, MAX_ENTRIES)) {
      this.signal.throwIfAborted();
      if (found.isDirectory) continue;
      files += 1;
      const { text, problem } =
        blocks.length < MAX_FILES ? await this.found(found) : { problem: `only ${MAX_FILES} files are read` };
      if (text !== undefined) blocks.push(fileBlock(found.path, text));
      else if (named.length < MAX_NAMED) named.push(note(`${found.path} was not read: ${problem}.`));
      else unnamed += 1;
    }
    if (unnamed > 0) named.push(note(`${unnamed} more files were not read.`));
    if (files === 0) named.push(note('There are no files in it.'));
    const shown = this.jail.show(real);
    return [`<directory path="${attribute(shown)}">`, ...blocks, ...named, '</directory>'].join('\n');
  }

  private async found({ parent, name }: Found): Promise<Read> {
    try {
      const { handle, stats } = await openIn(parent, name);
      try {
        return this.read(await readUpTo(handle, this.limit), stats.size);
      } finally {
        await handle.close();
      }
    } catch {
      return { problem: 'it cannot be opened' };
    }
  }

  private get limit(): number {
    return Math.min(MAX_FILE_BYTES, this.left);
  }

  private read(bytes: Buffer | undefined, size: number): Read {
    if (!bytes) {
      return size > MAX_FILE_BYTES
        ? { problem: `it has ${size} bytes, and ${MAX_FILE_BYTES} is the limit of one file` }
        : { problem: TOO_MUCH };
    }
    const text = textOf(bytes);
    if (text === undefined) return { problem: `it is no text file (${size} bytes)` };
    // Line ends and quotes take twice as many bytes in JSON as in the file.
    const asJson = Buffer.byteLength(JSON.stringify(text)) - 2;
    if (asJson > this.left) return { problem: TOO_MUCH };
    this.left -= asJson;
    return { text };
  }
}

interface Read {
  readonly text?: string;
  /** Reason for the missing text. */
  readonly problem?: string;
}

function fileBlock(path: string, text: string): string {
  return `<file path="${attribute(path)}">\n${text}${text.endsWith('\n') ? '' : '\n'}</file>`;
}

function reasonOf(path: string, error: unknown): string {
  const problem = explainFileError(path, error);
  return problem instanceof DomainError ? problem.message : 'The server cannot read it.';
}

export const note = (text: string): string => `<note>${plain(text)}</note>`;

/** A name that cannot end the element it stands in. */
const plain = (text: string): string => text.replace(/[<>\p{Cc}]/gu, '\u{fffd}');
const attribute = (text: string): string => plain(text).replaceAll('"', '&quot;');
