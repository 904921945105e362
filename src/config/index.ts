export { type BuildInfo, buildInfo } from './build-info.js';
export * from './app-config.js';
export { type ConfigInput, LOG_LEVELS, type LogLevel } from './config.schema.js';
export { MODEL_PROVIDERS, type ModelInput, type ModelProviderName } from './model.schema.js';
export {
  type RuntimeSettingsInput,
  SQLITE_DRIVERS,
  type SqliteDriverName,
  type StorageInput,
  WHEN_BUSY,
  type WhenBusy,
} from './server.schema.js';
export { InvalidConfig } from './invalid-config.js';
export { isLoopback } from './resolve-auth.js';
export { resolveConfig, resolveDataDir } from './resolve-config.js';
export { discoverConfig, isScript, type LoadedConfig, loadConfigFiles, mergeConfig } from './load-config.js';
export { isRemote, shownSource } from './remote-config.js';
export { requireWorkspace } from './require-workspace.js';
export { resolvePath } from './resolve-path.js';
export { configFromEnv, toNumber } from './env-config.js';
export { modelHost } from './model-host.js';
export { requireKeyVariables } from './found-config.js';
export { type Env, namesVariable, shownVariable } from './resolve-secret.js';
