import type { Jiti } from 'jiti';
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isOwn } from './own-files.js';

/** The specifier of an `import`, `export … from` or `require`. */
const SPECIFIER = /\b(?:from|import|require)[\s(]{0,20}(['"`])([^'"`\n]{1,1000})\1/g;
const IS_SCRIPT = /\.[cm]?[jt]sx?$/;
/** Extensions that a specifier may be resolved with, in no order. */
const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.tsx', '.jsx', '.json'];

export interface Imports {
  /** The script and its direct and indirect imports: absolute paths. */
  readonly files: readonly string[];
  /** Absolute paths at which a new file would be imported instead of one of `files`: specifiers can be ambiguous. */
  readonly shadows: readonly string[];
}

/**
 * The files that are known to run with a script. Imports of installed packages and of this server are not followed,
 * and computed specifiers are not known.
 * @param script an absolute path
 */
export async function importsOf(script: string, jiti: Jiti): Promise<Imports> {
  const files = new Set([script]);
  const shadows = new Set<string>();
  for (const importer of files) {
    for (const specifier of await specifiersIn(importer)) {
      const found = await follow(specifier, importer, jiti);
      if (found === undefined) continue;
      files.add(found);
      if (/^[./]/.test(specifier)) {
        for (const path of shadowsOf(resolve(dirname(importer), specifier), found)) shadows.add(path);
      }
    }
  }
  return { files: [...files], shadows: [...shadows] };
}

async function specifiersIn(file: string): Promise<string[]> {
  if (!IS_SCRIPT.test(file)) return [];
  const text = await readFile(file, 'utf8');
  return Array.from(text.matchAll(SPECIFIER), ([, , specifier = '']) => specifier).filter(
    (specifier) => !isBuiltin(specifier),
  );
}

/** The real path of an imported file; undefined if there is none, or if it is not followed. */
async function follow(specifier: string, importer: string, jiti: Jiti): Promise<string | undefined> {
  try {
    const url = jiti.esmResolve(specifier, { parentURL: pathToFileURL(importer), try: true });
    const file = url && (await realpath(fileURLToPath(url)));
    return !file || file.includes(`${sep}node_modules${sep}`) || isOwn(file) ? undefined : file;
  } catch {
    return undefined; // words that only look like an import
  }
}

function shadowsOf(named: string, found: string): string[] {
  if (named === found) return [];
  const withExtension = (stem: string) => EXTENSIONS.map((extension) => stem + extension);
  const within = existsSync(named)
    ? [...withExtension(join(named, 'index')), join(named, 'package.json')]
    : [named]; // a directory of that name would bring its own index files
  return [...withExtension(named), ...within].filter((path) => path !== found);
}
