import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { DomainError } from './errors.js';

/** A path that leaves the workspace, or names something in it that is never shown. */
export class PathForbidden extends DomainError {
  constructor(path: string, reason: string) {
    super('FORBIDDEN', `"${path.slice(0, 200)}" cannot be used: ${reason}.`);
  }
}

const SECRET_FILES = /^(id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|kdbx|keystore|jks))$/i;

/** Dot files and known key files: neither listed, read nor written. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || SECRET_FILES.test(name);
}

/**
 * The one resolver of every path that comes from outside (a model, a client): a directory and what lies
 * really inside it, symbolic links followed.
 */
export class PathJail {
  private constructor(readonly root: string) {}

  static async of(directory: string): Promise<PathJail> {
    return new PathJail(await realpath(directory));
  }

  /**
   * The real absolute path of `path`, which may not exist yet: then its deepest existing parent counts.
   * @throws PathForbidden when it lies outside, or when a part of it is hidden
   */
  async resolve(path: string): Promise<string> {
    if (path.includes('\0') || path.includes('\\')) {
      throw new PathForbidden(path, 'it holds a character that no path here may hold');
    }
    const wanted = resolve(this.root, path);
    const lexical = relative(this.root, wanted);
    const real = await realpathOfDeepest(wanted);
    const inside = relative(this.root, real);
    if (isOutside(inside)) throw new PathForbidden(path, 'it lies outside the workspace');
    const parts = [...(isOutside(lexical) ? [] : lexical.split(sep)), ...inside.split(sep)];
    if (parts.some((part) => part !== '' && isHidden(part))) {
      throw new PathForbidden(path, 'hidden files and key files are off limits');
    }
    return real;
  }

  /** How a real path is shown: relative to the workspace, with `/`; the workspace itself is `.`. */
  show(real: string): string {
    return relative(this.root, real).split(sep).join('/') || '.';
  }
}

function isOutside(path: string): boolean {
  return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);
}

async function realpathOfDeepest(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    const parent = dirname(path);
    if (parent === path) throw error;
    return join(await realpathOfDeepest(parent), basename(path));
  }
}
