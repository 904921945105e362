import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { explainFileError, PathForbidden, WorkspaceGone } from './file-errors.js';
import { isHidden, isRunLater, plainName } from './hidden-names.js';

/** What of a workspace is for whom, beside the rules that always hold. */
export interface FileRules {
  /** Names, or paths relative to the workspace, that are not hidden although they look like it. */
  readonly visible: readonly string[];
  /** Absolute paths that are the server's own, with all that lies in them. */
  readonly offLimits: readonly string[];
  /** Absolute real paths that are read but not written, with all that lies in them. Default: none. */
  readonly readOnly?: readonly string[];
}

/** What a path is asked for. */
export type Use = 'read' | 'write';

const MAX_PATH = 4_096;
const LEADS_OUT = 'a symbolic link in it leads out of the workspace, or nowhere';
const READ_ONLY =
  'it may be read but not changed, because it is what runs later, with the rights of its owner';

/** The names from the workspace on, as the file systems read them that tell the fewest apart. */
type PlainParts = readonly string[];

/**
 * The one resolver of every path that comes from outside (a model, a client): a directory and what lies
 * really inside it, symbolic links followed. It says which path is meant; `open-inside.ts` opens it so that
 * nobody can put something else in its place meanwhile.
 */
export class PathJail {
  private constructor(
    readonly root: string,
    /** The directory as it was given: paths may be written with it too. */
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
    // A link in the place of node_modules leads to what runs later too.
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
   * The real absolute path of `path`, which may not exist yet: then what of it exists counts. What lies outside is
   * not looked at, so that nobody learns whether it exists.
   * @throws PathForbidden when it lies outside, when a part of it is hidden, or when it is only to be read
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

  /** Whether a path lies inside as it is written, before links are followed. */
  holds(path: string): boolean {
    return this.lexical(path) !== undefined;
  }

  /** How a real path is shown: relative to the workspace, with `/`; the workspace itself is `.`. */
  show(real: string): string {
    return relative(this.root, real).split(sep).join('/') || '.';
  }

  /** Whether what is really at `parts`, from the workspace on, is neither listed nor opened. */
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

  /** The parts of a path from the workspace on, or undefined when it lies outside. */
  private lexical(path: string): string[] | undefined {
    for (const base of [this.root, this.alias]) {
      const inside = relative(base, resolve(this.root, path));
      if (!isOutside(inside)) return toParts(inside);
    }
    return undefined;
  }

  /** Goes down part by part: what does not exist yet ends the way, and a link that leaves does too. */
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
    // Once more: where case does not count, a name may be spelled otherwise than it was asked for.
    return join(await realpath(real), ...parts.slice(i));
  }
}

function toParts(relativePath: string): string[] {
  return relativePath.split(sep).filter((part) => part !== '');
}

function plainParts(root: string, path: string): PlainParts {
  return toParts(relative(root, path)).map(plainName);
}

/** Whether the parts of a path are those of one of `places`, or of something in it. */
function liesIn(places: readonly PlainParts[], parts: readonly string[]): boolean {
  if (places.length === 0) return false;
  const plain = parts.map(plainName);
  return places.some((place) => place.every((name, i) => plain[i] === name));
}

function isOutside(path: string): boolean {
  return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);
}

/** Whether a path lies in a directory. A neighbour whose name begins alike does not. */
export function isBelow(directory: string, path: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

async function isDirectory(real: string): Promise<boolean> {
  return (await lstat(real).catch(undefinedIfMissing))?.isDirectory() ?? false;
}

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

/** @param parents what is known already of directories that hold what is missing */
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
