import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));

/** Files of this package that a start runs, and the sources that `nest start` builds them from. */
const OWN = [
  ...['bin', 'dist', 'node_modules', 'package.json', 'package-lock.json'],
  ...['src', 'scripts', 'nest-cli.json', 'tsconfig.json', 'tsconfig.types.json'],
].map((name) => realPath(join(PACKAGE, name)));

const RUN_BY_A_START: readonly string[] = [...OWN, ...entryScript()];

/**
 * Real paths of the code that the next start of this process runs: the server's package, and the script that Node was
 * given, which may be a program that embeds the server. Some may not exist.
 */
export function startedFrom(): readonly string[] {
  return RUN_BY_A_START;
}

/** Whether a real path lies in the part of this package that {@link startedFrom} names. */
export function isOwn(file: string): boolean {
  return OWN.some((own) => file === own || file.startsWith(own + sep));
}

/** A path with its links followed; unchanged if nothing exists there. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The path that a symbolic link leads to, also where nothing is there yet; any other path as it is. */
export function linkTarget(path: string): string {
  try {
    if (!lstatSync(path).isSymbolicLink()) return path;
    return existsSync(path) ? realPath(path) : resolve(dirname(path), readlinkSync(path));
  } catch {
    return path; // nothing is there
  }
}

function entryScript(): string[] {
  try {
    return [createRequire(import.meta.url).resolve(process.argv[1] ?? '')];
  } catch {
    return []; // started without a script
  }
}
