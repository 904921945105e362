import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { printable } from './printable.js';
import {
  configFromEnv,
  discoverConfig,
  type Env,
  InvalidConfig,
  isRemote,
  isScript,
  loadConfigFiles,
  resolveDataDir,
  resolvePath,
} from '../config/index.js';
import { summarize } from './config-summary.js';
import { agrees, canAsk } from './terminal.js';
import { type AcceptedConfig, isTrusted, trust } from './trusted-configs.js';

/** Flags for the places of the configuration and the data; undefined if not given. */
export interface ConfigFlags {
  /** Files and URLs given with `--config`; false for `--no-config`. */
  readonly config?: readonly string[] | false;
  readonly dataDir?: string;
}

/** The configuration files that a command reads. */
export interface ChosenConfig {
  /** Absolute paths and URLs, later ones winning. */
  readonly files: readonly string[];
  /** Whether the file was found in the working directory: its author need not be the user. */
  readonly isFound: boolean;
}

/** The files that the user names, or else the one found in the working directory. */
export async function chooseConfig(cwd: string, { config = [] }: ConfigFlags): Promise<ChosenConfig> {
  const named = (config || []).map((name) => (isRemote(name) ? name : resolvePath(cwd, name)));
  const found = config === false || named.length > 0 ? undefined : await discoverConfig(cwd);
  return { files: found === undefined ? named : [found], isFound: found !== undefined };
}

/**
 * As {@link chooseConfig}, for a command that obeys the files: on a terminal, a found file is used only once the user
 * has accepted it. None of its code runs before.
 * @throws InvalidConfig if the file cannot be read, or changes meanwhile
 */
export async function chooseTrustedConfig(cwd: string, flags: ConfigFlags, env: Env): Promise<ChosenConfig> {
  const chosen = await chooseConfig(cwd, flags);
  const [file] = chosen.files;
  if (!chosen.isFound || file === undefined || !canAsk()) return chosen;
  // Not the data directory of the found file: the file could accept itself there.
  const dataDir = resolveDataDir(cwd, flags.dataDir ?? configFromEnv(env).dataDir);
  if (await isAccepted(file, dataDir)) return chosen;
  console.log(`Starting without ${printable(file)}.`);
  return { files: [], isFound: false };
}

async function isAccepted(file: string, dataDir: string): Promise<boolean> {
  const asked = await fingerprint(file);
  if (await isTrusted(dataDir, asked)) return true;
  if (!(await agrees(await questionAbout(file)))) return false;
  if ((await fingerprint(file)).sha256 !== asked.sha256) {
    throw new InvalidConfig([
      `${file} has changed since you were asked: start again, to be asked about it anew.`,
    ]);
  }
  await keep(dataDir, asked);
  return true;
}

async function fingerprint(file: string): Promise<AcceptedConfig> {
  try {
    const [path, content] = await Promise.all([realpath(file), readFile(file)]);
    return { path, sha256: createHash('sha256').update(content).digest('hex') };
  } catch (error) {
    const reason = (error as Error).message;
    throw new InvalidConfig([`The configuration file ${file} cannot be used: ${reason}.`]);
  }
}

async function questionAbout(file: string): Promise<string> {
  const config = isScript(file) ? undefined : (await loadConfigFiles('', [file])).config;
  return [
    `This directory has a configuration that is new to you, or has changed: ${printable(file)}`,
    ...summarize(file, config),
    'Use it?',
  ].join('\n');
}

/** Stores the acceptance; if that fails, it holds for this start only. */
async function keep(dataDir: string, config: AcceptedConfig): Promise<void> {
  try {
    await trust(dataDir, config);
  } catch (error) {
    console.error(`You will be asked again: ${printable(String((error as Error).message))}`);
  }
}
