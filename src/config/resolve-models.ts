import { Secret } from '../common/secret.js';
import type { ModelConfig } from './app-config.js';
import { InvalidConfig } from './invalid-config.js';
import { MODEL_PROVIDERS, type ModelProviderName, type ModelSettings } from './model.schema.js';
import { type Env, resolveSecret } from './resolve-secret.js';

/** Key variables and default model of each provider, in order of preference. */
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

const EMBEDDED = { provider: 'embedded', id: 'demo', displayName: 'Built-in demo' } as const;
const OLLAMA_URL = 'http://127.0.0.1:11434/v1';

/** The settings that identify a model, without those for its use. */
type ModelName = Pick<ModelSettings, 'provider' | 'id' | 'apiKey' | 'baseURL' | 'displayName'>;

/**
 * The default model, then the others that a session may choose, each once.
 * @param model the configured default model; if nothing names it, the environment does
 * @param choices `server.models`
 * @throws InvalidConfig with a line for each problem
 */
export function resolveModels(
  model: ModelSettings,
  choices: readonly ModelSettings[],
  env: Env,
): [ModelConfig, ...ModelConfig[]] {
  const wanted = isNamed(model) ? model : { ...model, ...(modelFromEnv(env) ?? EMBEDDED) };
  const problems: string[] = [];
  const resolve = (key: string, each: ModelSettings) => resolveModel(key, each, env, problems);
  const first = resolve('model', wanted);
  const others = choices.map((each, i) => resolve(`server.models.${i}`, each));
  if (problems.length > 0) throw new InvalidConfig(problems);
  const isFirst = (each: ModelConfig) => each.provider === first.provider && each.id === first.id;
  return [first, ...others.filter((each) => !isFirst(each))];
}

function isNamed({ provider, id, apiKey, baseURL, displayName }: ModelName): boolean {
  return [provider, id, apiKey, baseURL, displayName].some((value) => value !== undefined);
}

function modelFromEnv(env: Env): ModelName | undefined {
  for (const { provider, keys, baseURL, id } of PROVIDER_KEYS) {
    const key = keys.find((name) => env[name]);
    if (key) return { provider, id, apiKey: key, baseURL: (baseURL && env[baseURL]) || undefined };
  }
  return undefined;
}

/** Appends one line per problem to `problems`; the result is useless if there are any. */
function resolveModel(key: string, model: ModelSettings, env: Env, problems: string[]): ModelConfig {
  const { displayName, ...given } = model;
  const provider = given.provider ?? (given.baseURL ? 'openai-compatible' : undefined);
  const known = PROVIDER_KEYS.find((entry) => entry.provider === provider);
  const id = given.id ?? known?.id ?? (provider === 'embedded' ? EMBEDDED.id : undefined);
  problems.push(...problemsOf(key, { provider, id, baseURL: given.baseURL }));
  const apiKey = resolveSecret(`${key}.apiKey`, given.apiKey, env, problems) ?? keyFromEnv(known?.keys, env);
  const baseURL = given.baseURL ?? (provider === 'ollama' ? OLLAMA_URL : undefined);
  return {
    ...given,
    provider: provider ?? 'embedded',
    id: id ?? '',
    displayName: displayName ?? (provider === 'embedded' ? EMBEDDED.displayName : undefined) ?? id ?? '',
    apiKey,
    baseURL,
  };
}

function problemsOf(key: string, { provider, id, baseURL }: ModelName): string[] {
  const problems: string[] = [];
  if (!provider) {
    problems.push(`${key}.provider is missing, but must be one of ${MODEL_PROVIDERS.join(', ')}.`);
  } else if (!id) {
    problems.push(`${key}.id is missing, but must name a model of ${provider}.`);
  }
  if (provider === 'openai-compatible' && !baseURL) {
    problems.push(
      `${key}.baseURL is missing, but must be the endpoint's URL, such as http://127.0.0.1:8000/v1.`,
    );
  }
  return problems;
}

function keyFromEnv(names: readonly string[] | undefined, env: Env): Secret | undefined {
  const value = names?.map((name) => env[name]).find(Boolean);
  return value ? new Secret(value) : undefined;
}
