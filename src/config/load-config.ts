import { lstat, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { parseDocument, reasonOf, requireObject } from './config-document.js';
import { type Imports, importsOf } from './config-imports.js';
import type { ConfigInput } from './config.schema.js';
import { InvalidConfig } from './invalid-config.js';
import { fetchConfig, isRemote } from './remote-config.js';
import { resolvePath } from './resolve-path.js';

const EXTENSIONS = ['ts', 'mts', 'js', 'mjs', 'cjs', 'json', 'yaml', 'yml'];
const DATA_EXTENSIONS = ['.json', '.yaml', '.yml'];

/** The merged configuration of several files, and their paths. */
export interface LoadedConfig {
  readonly config: ConfigInput;
  /** The local files that were read, and their known imports: absolute paths. */
  readonly files: readonly string[];
  /** Absolute paths at which a new file would be imported instead of one of `files`. */
  readonly shadows: readonly string[];
}

/**
 * Reads the configuration files; later ones win. Scripts are executed: check with {@link isScript} before.
 * @param files relative to `cwd`, absolute, or URLs
 * @throws InvalidConfig naming the file that cannot be read.
 */
export async function loadConfigFiles(cwd: string, files: readonly string[]): Promise<LoadedConfig> {
  const read: ReadConfig[] = [];
  for (const file of files) {
    if (isRemote(file)) read.push({ content: await fetchConfig(file), imports: NO_IMPORTS });
    else read.push(await readConfig(resolvePath(cwd, file)));
  }
  return {
    config: read.reduce<ConfigInput>(
      (merged, { content }) => mergeConfig(merged, content as ConfigInput),
      {},
    ),
    files: read.flatMap(({ imports }) => imports.files),
    shadows: read.flatMap(({ imports }) => imports.shadows),
  };
}

/**
 * The first `agent-tars.config.*` of a directory that is a regular file, if any. Directories, which module resolution
 * would accept, are skipped: the files in them have other names.
 * @throws InvalidConfig for a symbolic link: its target has another name, under which others may write it. The link is
 * refused, not skipped, because the configuration may require tokens.
 */
export async function discoverConfig(cwd: string): Promise<string | undefined> {
  for (const extension of EXTENSIONS) {
    const file = join(cwd, `agent-tars.config.${extension}`);
    const stats = await lstat(file).catch(() => undefined); // missing: try the next name
    if (stats?.isSymbolicLink()) {
      throw new InvalidConfig([
        `The configuration file ${file} is a symbolic link, which is followed only where it is named: use --config ${file}.`,
      ]);
    }
    if (stats?.isFile()) return file;
  }
  return undefined;
}

/** Whether a configuration file is executed when it is read. */
export function isScript(file: string): boolean {
  return !isRemote(file) && !DATA_EXTENSIONS.includes(extname(file));
}

const NO_IMPORTS: Imports = { files: [], shadows: [] };

interface ReadConfig {
  readonly content: unknown;
  readonly imports: Imports;
}

async function readConfig(file: string): Promise<ReadConfig> {
  try {
    if (!(await stat(file)).isFile()) throw new Error('it is no regular file');
    const read = await parse(file);
    requireObject(read.content);
    return read;
  } catch (error) {
    throw new InvalidConfig([`The configuration file ${file} cannot be used: ${reasonOf(error)}.`]);
  }
}

async function parse(file: string): Promise<ReadConfig> {
  if (!isScript(file)) {
    const content = await parseDocument(await readFile(file, 'utf8'), extname(file) === '.json');
    return { content, imports: { files: [file], shadows: [] } };
  }
  const { createJiti } = await import('jiti');
  const jiti = createJiti(import.meta.url, { fsCache: false });
  const content = await jiti.import(file, { default: true });
  return { content, imports: await importsOf(file, jiti) };
}

/**
 * `over` wins, key by key; objects are merged, lists and all other values replaced. Empty values (undefined, or an
 * object of nothing else) never win.
 */
export function mergeConfig(base: ConfigInput, over: ConfigInput): ConfigInput {
  return mergeValue(base, over) as ConfigInput;
}

/** @param within the ancestors of `over`: a YAML object can contain itself */
function mergeValue(base: unknown, over: unknown, within: readonly unknown[] = []): unknown {
  if (base !== undefined && saysNothing(over, within)) return base;
  if (over === true && isPlainObject(base)) return base; // `true` keeps the details of `base`
  if (!isPlainObject(base) || !isPlainObject(over) || within.includes(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (key !== '__proto__') merged[key] = mergeValue(base[key], value, [...within, over]);
  }
  return merged;
}

function saysNothing(value: unknown, within: readonly unknown[]): boolean {
  if (!isPlainObject(value)) return value === undefined;
  if (within.includes(value)) return false;
  // Any `auth` requires tokens, even an empty one: a token that is not set must not leave the server open.
  return Object.entries(value).every(([key, each]) =>
    key === 'auth' ? each === undefined : saysNothing(each, [...within, value]),
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
