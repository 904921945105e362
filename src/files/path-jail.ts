import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { explainFileError, PathForbidden, WorkspaceGone } from './file-errors.js';
import { isHidden, isRunLater, plainName } from './hidden-names.js';

/** Access rules for the files of a workspace, in addition to the fixed ones. */
export interface FileRules {
  /** Names, or paths relative to the workspace, that are exempt from hiding. */
  readonly visible: readonly string[];
  /** Absolute paths of the server's own files and directories, with their content. */
  readonly offLimits: readonly string[];
  /** Absolute real paths that are read but not written, with their content. Default: none. */
  readonly readOnly?: readonly string[];
}

/** Access that a path is resolved for. */
export type Use = 'read' | 'write';

const MAX_PATH = 4_096;
const LEADS_OUT = 'a symbolic link in it leads out of the workspace, or nowhere';
const READ_ONLY =
  'it may be read but not changed, because it is what runs later, with the rights of its owner';

/** The parts of a path relative to the workspace, each as {@link plainName} gives it. */
type PlainParts = readonly string[];

/**
 * Resolver of every path from outside (a model, a client): a workspace and its content, symbolic links followed. It
 * gives the real path; `jailed-files.ts` opens that so that nothing can be put in its place meanwhile.
 */
export class PathJail {
  private constructor(
    readonly root: string,
    /** The workspace's path as it was given: absolute paths may start with it too. */
    private readonly alias: string,
    private readonly visible: readonly (readonly string[])[],
    private readonly offLimits: readonly PlainParts[],
    private readonly readOnly: readonly PlainParts[],
  ) {}

  /** @throws WorkspaceGone when there is no such directory */
  static async of(directory: string, { visible, offLimits, readOnly = [] }: FileRules): Promise<PathJail> {
    const root = await realpath(directory).catch((error: unknown) => {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? new WorkspaceGone() : error;
    });
    const parents = new Map<string, Promise<string>>();
    // If node_modules is a link, its target runs later too.
    const paths = [join(root, 'node_modules'), ...offLimits];
    const [modules = '', ...own] = await Promise.all(paths.map((path) => realpathOfDeepest(path, parents)));
    const inside = (paths: readonly string[]): PlainParts[] =>
      paths.filter((path) => isBelow(root, path)).map((path) => plainParts(root, path));
    return new PathJail(
      root,
      resolve(directory),
      visible.map((path) => path.split('/').filter((part) => part !== '' && part !== '.')),
      inside(own),
      readOnly.some((path) => path === root || isBelow(path, root)) ? [[]] : inside([...readOnly, modules]),
    );
  }

  /**
   * The real absolute path of `path`; parts that do not exist yet are kept as written. Paths outside the workspace are
   * not looked up, so that callers cannot learn whether they exist.
   * @throws PathForbidden if the path lies outside, has a hidden part, or is read-only and `use` is `write`
   */
  async resolve(path: string, use: Use = 'read'): Promise<string> {
    if (path.includes('\0') || path.includes('\\')) {
      throw new PathForbidden(path, 'it holds a character that no path here may hold');
    }
    if (path.length > MAX_PATH) throw new PathForbidden(path, 'it is too long');
    const wanted = this.lexical(path);
    if (wanted === undefined) throw new PathForbidden(path, 'it lies outside the workspace');
    const real = await this.follow(path, wanted).catch((error: unknown) => {
      throw explainFileError(path, error);
    });
    const inside = toParts(relative(this.root, real));
    for (const parts of [wanted, inside]) {
      if (this.hides(parts, true) || (this.hides(parts, false) && !(await isDirectory(real)))) {
        throw new PathForbidden(path, 'hidden files and key files are off limits');
      }
      if (use === 'write' && this.isReadOnly(parts)) throw new PathForbidden(path, READ_ONLY);
    }
    return real;
  }

  /** Whether a path lies in the workspace as written, before links are followed. */
  holds(path: string): boolean {
    return this.lexical(path) !== undefined;
  }

  /** A real path for display: relative to the workspace, with `/`; the workspace itself is `.`. */
  show(real: string): string {
    return relative(this.root, real).split(sep).join('/') || '.';
  }

  /** Whether the real path `parts`, relative to the workspace, is neither listed nor opened. */
  hides(parts: readonly string[], isDirectory: boolean): boolean {
    const last = parts.length - 1;
    if (parts.some((name, i) => isHidden(name, isDirectory || i < last) && !this.isVisible(parts, i))) {
      return true;
    }
    return liesIn(this.offLimits, parts);
  }

  private isReadOnly(parts: readonly string[]): boolean {
    return parts.some(isRunLater) || liesIn(this.readOnly, parts);
  }

  private isVisible(parts: readonly string[], i: number): boolean {
    return this.visible.some((allowed) =>
      allowed.length === 1
        ? allowed[0] === parts[i]
        : i < allowed.length && allowed.every((name, j) => name === parts[j]),
    );
  }

  /** The parts of a path relative to the workspace, or undefined if the path lies outside. */
  private lexical(path: string): string[] | undefined {
    for (const base of [this.root, this.alias]) {
      const inside = relative(base, resolve(this.root, path));
      if (!isOutside(inside)) return toParts(inside);
    }
    return undefined;
  }

  /** Follows links part by part, up to the first missing part. @throws PathForbidden for a link that leaves */
  private async follow(path: string, parts: readonly string[]): Promise<string> {
    let real = this.root;
    let i = 0;
    for (; i < parts.length; i++) {
      const next = join(real, parts[i] ?? '');
      const stats = await lstat(next).catch(undefinedIfMissing);
      if (!stats) break;
      real = next;
      if (!stats.isSymbolicLink()) continue;
      real = await realpath(next).catch(() => '');
      if (real !== this.root && !isBelow(this.root, real)) throw new PathForbidden(path, LEADS_OUT);
    }
    // Again for the spelling: a file system without case may store another one than was asked for.
    return join(await realpath(real), ...parts.slice(i));
  }
}

function toParts(relativePath: string): string[] {
  return relativePath.split(sep).filter((part) => part !== '');
}

function plainParts(root: string, path: string): PlainParts {
  return toParts(relative(root, path)).map(plainName);
}

/** Whether a path is, or lies in, one of `places`. */
function liesIn(places: readonly PlainParts[], parts: readonly string[]): boolean {
  if (places.length === 0) return false;
  const plain = parts.map(plainName);
  return places.some((place) => place.every((name, i) => plain[i] === name));
}

function isOutside(path: string): boolean {
  return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);
}

/** Whether a path lies in a directory; a sibling whose name starts with the directory's does not. */
export function isBelow(directory: string, path: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

async function isDirectory(real: string): Promise<boolean> {
  return (await lstat(real).catch(undefinedIfMissing))?.isDirectory() ?? false;
}

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

/** The real path of the deepest existing part, with the missing rest. @param parents cache of real parent paths */
async function realpathOfDeepest(path: string, parents: Map<string, Promise<string>>): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    if (parent === path) return path;
    const real = parents.get(parent) ?? realpathOfDeepest(parent, parents);
    parents.set(parent, real);
    return join(await real, basename(path));
  }
}
