import { SCOPES, type Scope, type TokenEntry } from '../auth/token.js';
import {
  configFromEnv,
  InvalidConfig,
  loadConfigFiles,
  mergeConfig,
  resolveDataDir,
} from '../config/index.js';

/** The flags of every `agent-tars token` command. */
export interface TokenFlags {
  config?: string[];
  dataDir?: string;
}

/** The directory that `serve` would take; nothing else of the configuration matters. @throws InvalidConfig */
export async function dataDirOf({ config = [], dataDir }: TokenFlags): Promise<string> {
  const cwd = process.cwd();
  const configured = mergeConfig(await loadConfigFiles(cwd, config), configFromEnv(process.env));
  const directory: unknown = dataDir ?? configured.dataDir;
  if (directory === undefined || typeof directory === 'string') return resolveDataDir(cwd, directory);
  throw new InvalidConfig([`dataDir is ${JSON.stringify(directory)}, but must be a text.`]);
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_MS = 3650 * 86_400_000;

/**
 * The time at which a token ends, in milliseconds since the epoch; null for never.
 * @throws InvalidConfig
 */
export function expiryOf(text: string, now = Date.now()): number | null {
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

/** A moment as a person reads it. */
export function showTime(time: number | null): string {
  return time === null ? 'never' : `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function showToken({ id, name, scopes, expiresAt }: TokenEntry): string {
  return `"${name}" (id ${id}, ${scopes.join(', ')}, expires: ${showTime(expiresAt)})`;
}
