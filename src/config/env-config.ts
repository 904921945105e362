import type { ConfigInput } from './config.schema.js';

type Env = Readonly<Record<string, string | undefined>>;

/** The number of a text such as `"8080"`; any other text unchanged, so that the schema can name it. */
export function toNumber(value: string | undefined): number | undefined {
  if (value === undefined || value === '') return undefined;
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : (value as unknown as number);
}

/** Settings from the environment. Keys of model providers are looked up when models are resolved. */
export function configFromEnv(env: Env): ConfigInput {
  const get = (name: string) => env[`AGENT_TARS_${name}`] || undefined;
  return {
    server: {
      port: toNumber(get('PORT')),
      host: get('HOST'),
      auth: get('TOKEN') ? { token: get('TOKEN') } : undefined,
    },
    dataDir: get('DATA_DIR'),
    workspace: get('WORKSPACE'),
    model: {
      provider: get('MODEL_PROVIDER') as never, // checked by the schema like every other value
      id: get('MODEL_ID'),
      apiKey: get('MODEL_API_KEY'),
      baseURL: get('MODEL_BASE_URL'),
    },
    share: { provider: get('SHARE_PROVIDER') },
    logLevel: get('LOG_LEVEL') as never,
  };
}
