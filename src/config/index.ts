export * from './config.types.js';
export { InvalidConfig } from './config.schema.js';
export { resolveConfig } from './resolve-config.js';
export { loadConfigFiles, mergeConfig } from './load-config.js';
export { configFromEnv, toNumber } from './env-config.js';
