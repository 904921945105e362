export * from './config.types.js';
export { InvalidConfig } from './config.schema.js';
export { isLoopback } from './resolve-auth.js';
export { resolveConfig, resolveDataDir } from './resolve-config.js';
export { discoverConfig, isScript, type LoadedConfig, loadConfigFiles, mergeConfig } from './load-config.js';
export { configFromEnv, toNumber } from './env-config.js';
export { modelHost } from './model-host.js';
export { requireKeyVariables } from './found-config.js';
export { type Env, namesVariable, shownVariable } from './resolve-secret.js';
