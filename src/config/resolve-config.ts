import { join } from 'node:path';
import { Secret } from '../common/secret.js';
import { isAmbiguous } from '../http/public-path.js';
import { OWNER_FILE, TOKENS_FILE, TRUSTED_CONFIGS_FILE } from '../files/data-directory.js';
import { AppConfig, type StorageConfig } from './app-config.js';
import { type ConfigInput, configSchema, type Settings } from './config.schema.js';
import { describeIssues, InvalidConfig } from './invalid-config.js';
import { linkTarget, realPath, startedFrom } from './own-files.js';
import { resolveAuth } from './resolve-auth.js';
import { resolveLimits } from './resolve-limits.js';
import { resolveModels } from './resolve-models.js';
import { resolvePath } from './resolve-path.js';
import type { Env } from './resolve-secret.js';
import type { ServerSettings } from './server.schema.js';
import { strayKeys } from './stray-keys.js';

/** Surroundings of a configuration: the base of relative paths, and the environment for keys. */
export interface ResolveOptions {
  readonly cwd: string;
  readonly env: Env;
  /** The configuration's source files: absolute paths. Default: none. */
  readonly configFiles?: readonly string[];
}

/**
 * Checks `input`, fills in the defaults and freezes the result.
 * @throws InvalidConfig naming every bad value and every unknown key, one line each.
 */
export function resolveConfig(input: ConfigInput, surroundings: ResolveOptions): AppConfig {
  const { settings: parsed, ignored } = parseSettings(input);
  const { model, ...settings } = parsed;
  const { cwd, env, configFiles = [] } = surroundings;
  const { models: choices, ...server } = settings.server;
  const dataDir = resolvePath(cwd, settings.dataDir);
  const storage = resolveStorage(server.storage, cwd, dataDir);
  const models = resolveModels(model, choices, env);
  const auth = resolveAuth(server, env);
  requirePublicPath(server);
  const ui = settings.webui.staticPath === undefined ? [] : [resolvePath(cwd, settings.webui.staticPath)];
  return deepFreeze(
    new AppConfig({
      ...settings,
      server: { ...server, storage, limits: resolveLimits(server), auth },
      workspace: resolvePath(cwd, settings.workspace),
      files: {
        ...settings.files,
        offLimits: [dataDir, ...filesOf(storage), ...ownersFiles(dataDir), ...configFiles, ...ui],
        readOnly: [...startedFrom(), ...ui.map(realPath)], // the UI's directory may contain the workspace
      },
      dataDir,
      models,
      webui: { ...settings.webui, staticPath: ui[0] },
      ignored,
      secrets: [...models.map(({ apiKey }) => apiKey), auth?.token].filter((secret) => secret !== undefined),
    }),
  );
}

/** @throws InvalidConfig for a public path of which no request tells whether a proxy has taken it off */
function requirePublicPath({ publicPath, basePath }: Pick<ServerSettings, 'publicPath' | 'basePath'>): void {
  if (publicPath === '' || !isAmbiguous(publicPath, basePath)) return;
  throw new InvalidConfig([
    `server.publicPath is ${JSON.stringify(publicPath)}, but must not be, or begin, a path of the server itself: ${basePath} (server.basePath), /socket.io or /auth.`,
  ]);
}

function parseSettings(input: ConfigInput): { settings: Settings; ignored: readonly string[] } {
  const { problems, ignored } = strayKeys(configSchema, input);
  const parsed = configSchema.safeParse(input);
  if (parsed.success && problems.length === 0) return { settings: parsed.data, ignored };
  throw new InvalidConfig([...(parsed.success ? [] : describeIssues(parsed.error, input)), ...problems]);
}

/** Directory of the database and the tokens, as an absolute path. */
export function resolveDataDir(cwd: string, dataDir: string | undefined): string {
  return resolvePath(cwd, configSchema.shape.dataDir.parse(dataDir));
}

function resolveStorage(storage: ServerSettings['storage'], cwd: string, dataDir: string): StorageConfig {
  if (storage.type === 'memory') return storage;
  const path = storage.path === undefined ? join(dataDir, 'agent-tars.db') : resolvePath(cwd, storage.path);
  return { ...storage, path: linkTarget(path) }; // SQLite keeps its log, and locks, beside the target
}

/** The files of a SQLite database, and of its lock. */
function filesOf(storage: StorageConfig): string[] {
  if (storage.type === 'memory') return [];
  return ['', '-wal', '-shm', '-journal', '.guard', '.lock'].map((suffix) => storage.path + suffix);
}

/** The server's own files, listed beside the data directory: that may be, or contain, the workspace. */
function ownersFiles(dataDir: string): string[] {
  return [TOKENS_FILE, OWNER_FILE, TRUSTED_CONFIGS_FILE].map((name) => join(dataDir, name));
}

/** Freezes the values that this module made, but not the user's objects (tools). */
function deepFreeze(config: AppConfig): AppConfig {
  const freeze = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
    if (value instanceof Secret || value === config.tools) return;
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  };
  freeze(config);
  return config;
}
