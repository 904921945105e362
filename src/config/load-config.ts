import { access, readFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { InvalidConfig } from './config.schema.js';
import type { ConfigInput } from './config.types.js';

const EXTENSIONS = ['ts', 'mts', 'js', 'mjs', 'cjs', 'json', 'yaml', 'yml'];

/**
 * Reads the configuration files: each of `files`, later ones winning, or else the first
 * `agent-tars.config.*` of the working directory. A script in it runs: never load one from a place that is
 * not the user's own.
 * @throws InvalidConfig naming the file that cannot be read.
 */
export async function loadConfigFiles(cwd: string, files: readonly string[]): Promise<ConfigInput> {
  const found = files.length > 0 ? files.map((file) => resolve(cwd, file)) : await discover(cwd);
  const configs: unknown[] = [];
  for (const file of found) configs.push(await readConfig(file));
  return configs.reduce<ConfigInput>((merged, config) => mergeConfig(merged, config as ConfigInput), {});
}

async function discover(cwd: string): Promise<string[]> {
  for (const extension of EXTENSIONS) {
    const file = join(cwd, `agent-tars.config.${extension}`);
    try {
      await access(file);
      return [file];
    } catch {
      // not there: the next name
    }
  }
  return [];
}

async function readConfig(file: string): Promise<unknown> {
  try {
    const config = await parse(file);
    if (typeof config !== 'object' || config === null || Array.isArray(config)) {
      throw new Error('it must give one object (export default { … })');
    }
    return config;
  } catch (error) {
    throw new InvalidConfig([`The configuration file ${file} cannot be used: ${reasonOf(error)}.`]);
  }
}

/** One line: what was wrong and, where a parser says so on its second line, the place. */
function reasonOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'there is no such file';
  const [what = '', where = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const place = /:\d+:\d+$/.test(where) ? ` at ${where.trim()}` : '';
  return what.trim().replace(/[.:]+$/, '') + place;
}

async function parse(file: string): Promise<unknown> {
  switch (extname(file)) {
    case '.json':
      return JSON.parse(await readFile(file, 'utf8'));
    case '.yaml':
    case '.yml': {
      const { parse: parseYaml } = await import('yaml');
      return parseYaml(await readFile(file, 'utf8')) ?? {};
    }
    default: {
      await access(file);
      const { createJiti } = await import('jiti');
      return createJiti(import.meta.url, { fsCache: false }).import(file, { default: true });
    }
  }
}

/**
 * `over` wins, key by key; objects are merged, lists and everything else replaced. What says nothing (undefined,
 * or an object of nothing else) never wins.
 */
export function mergeConfig(base: ConfigInput, over: ConfigInput): ConfigInput {
  return mergeValue(base, over) as ConfigInput;
}

function mergeValue(base: unknown, over: unknown): unknown {
  if (base !== undefined && saysNothing(over)) return base;
  if (over === true && isPlainObject(base)) return base; // asked for, and described already
  if (!isPlainObject(base) || !isPlainObject(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (key !== '__proto__') merged[key] = mergeValue(base[key], value);
  }
  return merged;
}

function saysNothing(value: unknown): boolean {
  if (!isPlainObject(value)) return value === undefined;
  // `auth` asks for tokens whatever it holds: a token that is not set must not leave the server open.
  return Object.entries(value).every(([key, each]) =>
    key === 'auth' ? each === undefined : saysNothing(each),
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
