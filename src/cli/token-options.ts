import { SCOPES, type Scope, type TokenEntry } from '../auth/token.js';
import { epochMs } from '../common/clock.js';
import { printable } from './printable.js';
import { configFromEnv, InvalidConfig, isScript, loadConfigFiles, resolveDataDir } from '../config/index.js';
import { chooseConfig, type ConfigFlags } from './choose-config.js';

/** The flags of every `agent-tars token` command. */
export interface TokenFlags extends ConfigFlags {
  config?: string[] | false;
}

/**
 * The data directory that `serve` would use. Configuration scripts are not executed: a `dataDir` of theirs has to be
 * given as a flag.
 * @throws InvalidConfig
 */
export async function dataDirOf(flags: TokenFlags): Promise<string> {
  const cwd = process.cwd();
  const given = flags.dataDir ?? configFromEnv(process.env).dataDir;
  if (given !== undefined) return resolveDataDir(cwd, given);
  const { files, isFound } = await chooseConfig(cwd, flags);
  const { config } = await loadConfigFiles(
    cwd,
    files.filter((file) => !isScript(file)),
  );
  const directory = resolveDataDir(cwd, dataDirIn(config.dataDir));
  const scripts = files.filter(isScript);
  if (scripts.length > 0) tellOfScripts(scripts, directory);
  else if (isFound && config.dataDir !== undefined) tellOfFound(files, directory);
  return directory;
}

function dataDirIn(directory: unknown): string | undefined {
  if (directory === undefined || typeof directory === 'string') return directory;
  throw new InvalidConfig([`dataDir is ${JSON.stringify(directory)}, but must be a text.`]);
}

function tellOfScripts(files: readonly string[], directory: string): void {
  const what = files.map(printable).join(', ');
  console.error(
    `${what} was not evaluated, as it is a script. These are the tokens in ${printable(directory)}: name --data-dir if it sets another.`,
  );
}

/** Names the data directory of a found file: a foreign repository may point to tokens of its own. */
function tellOfFound(files: readonly string[], directory: string): void {
  console.error(
    `These are the tokens in ${printable(directory)}, which ${files.map(printable).join()} names.`,
  );
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_MS = 3650 * 86_400_000;

/**
 * The time at which a token ends, in milliseconds since the epoch; null for never.
 * @throws InvalidConfig
 */
export function expiryOf(text: string, now = epochMs()): number | null {
  if (text === 'never') return null;
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? 0);
  if (ms > 0 && ms <= MAX_MS) return now + ms;
  throw new InvalidConfig([
    `--expires is ${JSON.stringify(text)}, but must be a time such as 30d, 12h, 90m or 60s (at most 3650d), or never.`,
  ]);
}

/** @throws InvalidConfig */
export function scopesOf(text: string): Scope[] {
  const given = text.split(',').map((scope) => scope.trim());
  const scopes = SCOPES.filter((scope) => given.includes(scope));
  if (scopes.length > 0 && scopes.length === new Set(given).size) return scopes;
  throw new InvalidConfig([
    `--scope is ${JSON.stringify(text)}, but must be one of ${SCOPES.join(', ')}, or several with commas between them.`,
  ]);
}

/** A time for display, in UTC. */
export function showTime(time: number | null): string {
  return time === null ? 'never' : `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function showToken({ id, name, scopes, expiresAt }: TokenEntry): string {
  return `"${printable(name)}" (id ${printable(id)}, ${scopes.join(', ')}, expires: ${showTime(expiresAt)})`;
}
