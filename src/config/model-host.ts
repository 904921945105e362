import type { ModelConfig } from './app-config.js';
import type { ModelProviderName } from './model.schema.js';
import type { Env } from './resolve-secret.js';

/** Default hosts of the providers' own clients, and the variables that override them. */
const DEFAULTS: Readonly<Partial<Record<ModelProviderName, { host: string; variable?: string }>>> = {
  openai: { host: 'api.openai.com', variable: 'OPENAI_BASE_URL' },
  anthropic: { host: 'api.anthropic.com', variable: 'ANTHROPIC_BASE_URL' },
  google: { host: 'generativelanguage.googleapis.com' },
};

/** Host of a model's endpoint, with the port unless it is the scheme's; undefined for the embedded model. */
export function modelHost({ provider, baseURL }: ModelConfig, env: Env): string | undefined {
  if (provider === 'embedded') return undefined;
  const { host, variable } = DEFAULTS[provider] ?? {};
  const url = baseURL ?? (variable && env[variable]);
  return url && URL.canParse(url) ? new URL(url).host : host;
}
