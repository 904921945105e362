import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LimitRules } from '../http/limits.js';
import { Secret } from '../common/secret.js';
import { OWNER_FILE, TOKENS_FILE, TRUSTED_CONFIGS_FILE } from '../files/data-directory.js';
import { configSchema, describeIssues, InvalidConfig } from './config.schema.js';
import {
  AppConfig,
  type ConfigInput,
  MODEL_PROVIDERS,
  type ModelConfig,
  type ModelInput,
  type ModelProviderName,
  type StorageConfig,
} from './config.types.js';
import { realPath, startedFrom } from './own-files.js';
import { isLoopback, resolveAuth } from './resolve-auth.js';
import { type Env, resolveSecret } from './resolve-secret.js';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

type ServerInput = NonNullable<ConfigInput['server']>;

/** What stands beside the configuration itself: where relative paths start, and where keys are looked up. */
export interface ResolveOptions {
  readonly cwd: string;
  readonly env: Env;
  /** The files that the configuration came from: absolute paths. Default: none. */
  readonly configFiles?: readonly string[];
}

/** The environment's key and the model that is taken when nothing else is configured, in order of preference. */
const PROVIDER_KEYS: readonly {
  provider: ModelProviderName;
  keys: readonly string[];
  baseURL?: string;
  id: string;
}[] = [
  {
    provider: 'anthropic',
    keys: ['ANTHROPIC_API_KEY'],
    baseURL: 'ANTHROPIC_BASE_URL',
    id: 'claude-sonnet-4-5',
  },
  { provider: 'openai', keys: ['OPENAI_API_KEY'], baseURL: 'OPENAI_BASE_URL', id: 'gpt-5-mini' },
  {
    provider: 'google',
    keys: ['GOOGLE_GENERATIVE_AI_API_KEY', 'GEMINI_API_KEY'],
    id: 'gemini-2.5-flash',
  },
];

const EMBEDDED: ModelInput = { provider: 'embedded', id: 'demo', displayName: 'Built-in demo' };
const OLLAMA_URL = 'http://127.0.0.1:11434/v1';

/**
 * Checks `input`, fills in the defaults and freezes the result.
 * @throws InvalidConfig naming every bad value, one line each.
 */
export function resolveConfig(input: ConfigInput, surroundings: ResolveOptions): AppConfig {
  const { cwd, env, configFiles = [] } = surroundings;
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) throw new InvalidConfig(describeIssues(parsed.error, input));
  // zod has dropped what it does not know; the tools keep their identity, so they are taken as they came.
  const config = { ...(parsed.data as ConfigInput), tools: input.tools ?? [] };
  const server = config.server ?? {};
  const dataDir = resolveDataDir(cwd, config.dataDir);
  const storage = resolveStorage(server.storage, cwd, dataDir);
  const models = resolveModels(config, env);
  const auth = resolveAuth(server, env);
  const ui = config.webui?.staticPath ? [resolve(cwd, config.webui.staticPath)] : [];

  return deepFreeze(
    new AppConfig({
      server: {
        port: server.port ?? 8888,
        host: server.host ?? '127.0.0.1',
        open: server.open ?? false,
        basePath: server.basePath ?? '/api',
        storage,
        whenBusy: server.whenBusy ?? 'reject',
        exclusive: server.exclusive ?? false,
        maxConcurrentRuns: server.maxConcurrentRuns ?? 1_000,
        maxQueued: server.maxQueued ?? 20,
        shutdownGraceMs: server.shutdownGraceMs ?? 10_000,
        maxBodyBytes: server.maxBodyBytes ?? MAX_BODY_BYTES,
        maxFrameBytes: server.maxFrameBytes ?? 1_000_000,
        watchdogMs: server.watchdogMs ?? 300_000,
        limits: resolveLimits(server),
        trustProxy: server.trustProxy ?? false,
        ...(auth && { auth }),
        insecureNoAuth: server.insecureNoAuth ?? false,
        fetchImages: server.fetchImages ?? false,
        allowedHosts: (server.allowedHosts ?? []).map((name) => name.toLowerCase()),
        allowedOrigins: (server.allowedOrigins ?? []).map((origin) => origin.toLowerCase()),
        runtimeSettings: { schema: server.runtimeSettings?.schema ?? { type: 'object', properties: {} } },
      },
      workspace: resolve(cwd, config.workspace ?? '.'),
      files: {
        visible: config.files?.visible ?? [],
        offLimits: [dataDir, ...filesOf(storage), ...ownersFiles(dataDir), ...configFiles, ...ui],
        readOnly: [...startedFrom(), ...ui.map(realPath)], // the UI may hold the workspace
      },
      dataDir,
      models,
      share: { ...(config.share?.provider && { provider: config.share.provider }) },
      tools: config.tools,
      ...(config.instructions && { instructions: config.instructions }),
      agent: {
        name: config.agent?.name ?? 'Agent TARS',
        maxIterations: config.agent?.maxIterations ?? 50,
        toolTimeoutMs: config.agent?.toolTimeoutMs ?? 600_000,
      },
      webui: {
        enabled: config.webui?.enabled ?? true,
        ...(ui[0] && { staticPath: ui[0] }),
      },
      logLevel: config.logLevel ?? 'warn',
      secrets: [...models.map(({ apiKey }) => apiKey), auth?.token].filter((secret) => secret !== undefined),
    }),
  );
}

/** Nobody who works on the machine itself shall meet a limit. */
const LOOSE = {
  requestsPerMinute: 1_000_000,
  runsPerMinute: 100_000,
  connections: 20_000,
  sockets: 10_000,
  handshakes: 10_000,
  handshakesPerMinute: 10_000,
  strangers: 1_000,
  messagesPerMinute: 1_000_000,
  stalledReaderMs: 60_000,
};
const STRICT: LimitRules = {
  requestsPerMinute: 600,
  runsPerMinute: 60,
  connections: 100,
  sockets: 20,
  handshakes: 20,
  handshakesPerMinute: 60,
  strangers: 200,
  messagesPerMinute: 600,
  messageBytes: 1_000_000,
  stalledReaderMs: 60_000,
};

function resolveLimits({ host, trustProxy, limits, maxBodyBytes }: ServerInput): LimitRules {
  const loose = { ...LOOSE, messageBytes: maxBodyBytes ?? MAX_BODY_BYTES };
  const given = Object.entries(limits ?? {}).filter(([, value]) => value !== undefined);
  return {
    ...(isLoopback(host ?? '127.0.0.1') && !trustProxy ? loose : STRICT),
    ...Object.fromEntries(given),
  };
}

/** They are named beside their directory: that may be the workspace itself, or hold it. */
function ownersFiles(dataDir: string): string[] {
  return [TOKENS_FILE, OWNER_FILE, TRUSTED_CONFIGS_FILE].map((name) => join(dataDir, name));
}

/** Where the database and the tokens are. */
export function resolveDataDir(cwd: string, dataDir: string | undefined): string {
  return resolve(cwd, dataDir ?? join(homedir(), '.agent-tars'));
}

function resolveStorage(storage: ServerInput['storage'], cwd: string, dataDir: string): StorageConfig {
  const driver = storage?.driver && { driver: storage.driver };
  if (storage?.type === 'memory') return { type: 'memory', ...driver };
  const path = storage?.path ? resolve(cwd, storage.path) : join(dataDir, 'agent-tars.db');
  return { type: 'sqlite', path, ...driver };
}

/** The database is several files. */
function filesOf(storage: StorageConfig): string[] {
  if (storage.type === 'memory') return [];
  return ['', '-wal', '-shm', '-journal'].map((suffix) => storage.path + suffix);
}

function resolveModels(config: ConfigInput, env: Env): [ModelConfig, ...ModelConfig[]] {
  const wanted = isEmpty(config.model) ? (modelFromEnv(env) ?? EMBEDDED) : config.model;
  const problems: string[] = [];
  const resolve = (key: string, model: ModelInput) => resolveModel(key, model, env, problems);
  const first = resolve('model', wanted);
  const others = (config.server?.models ?? []).map((model, i) => resolve(`server.models.${i}`, model));
  if (problems.length > 0) throw new InvalidConfig(problems);
  const isFirst = (model: ModelConfig) => model.provider === first.provider && model.id === first.id;
  return [first, ...others.filter((model) => !isFirst(model))];
}

function isEmpty(model: ModelInput | undefined): model is undefined {
  return model === undefined || Object.values(model).every((value) => value === undefined);
}

function modelFromEnv(env: Env): ModelInput | undefined {
  for (const { provider, keys, baseURL, id } of PROVIDER_KEYS) {
    const key = keys.find((name) => env[name]);
    if (key) return { provider, id, apiKey: key, baseURL: (baseURL && env[baseURL]) || undefined };
  }
  return undefined;
}

/** What is wrong with the model is added to `problems`, one line each; the result is of no use then. */
function resolveModel(key: string, model: ModelInput, env: Env, problems: string[]): ModelConfig {
  const provider = model.provider ?? (model.baseURL ? 'openai-compatible' : undefined);
  const known = PROVIDER_KEYS.find((entry) => entry.provider === provider);
  const id = model.id ?? known?.id ?? (provider === 'embedded' ? EMBEDDED.id : undefined);
  if (!provider) {
    problems.push(`${key}.provider is missing, but must be one of ${MODEL_PROVIDERS.join(', ')}.`);
  } else if (!id) {
    problems.push(`${key}.id is missing, but must name a model of ${provider}.`);
  }
  if (provider === 'openai-compatible' && !model.baseURL) {
    problems.push(
      `${key}.baseURL is missing, but must be the endpoint's URL, such as http://127.0.0.1:8000/v1.`,
    );
  }
  const apiKey = resolveSecret(`${key}.apiKey`, model.apiKey, env, problems) ?? keyFromEnv(known?.keys, env);
  const baseURL = model.baseURL ?? (provider === 'ollama' ? OLLAMA_URL : undefined);
  return {
    provider: provider ?? 'embedded',
    id: id ?? '',
    displayName:
      model.displayName ?? (provider === 'embedded' ? EMBEDDED.displayName : undefined) ?? id ?? '',
    ...(apiKey && { apiKey }),
    ...(baseURL && { baseURL }),
    firstTokenTimeoutMs: model.firstTokenTimeoutMs ?? 120_000,
    idleTimeoutMs: model.idleTimeoutMs ?? 60_000,
    maxAnswerChars: model.maxAnswerChars ?? 4_000_000,
  };
}

function keyFromEnv(names: readonly string[] | undefined, env: Env): Secret | undefined {
  const value = names?.map((name) => env[name]).find(Boolean);
  return value ? new Secret(value) : undefined;
}

/** Freezes what this module made; what the user handed in (tools) is theirs. */
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
