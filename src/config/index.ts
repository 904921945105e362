export * from './config.types.js';
export { InvalidConfig } from './config.schema.js';
export { isLoopback } from './resolve-auth.js';
export { resolveConfig, resolveDataDir } from './resolve-config.js';
export { loadConfigFiles, mergeConfig } from './load-config.js';
export { configFromEnv, toNumber } from './env-config.js';
