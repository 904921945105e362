import type { ModelConfig } from './app-config.js';
import type { ModelProviderName } from './model.schema.js';
import type { Env } from './resolve-secret.js';

/** Where the providers' own clients send their requests, and the variable by which they let it be changed. */
const DEFAULTS: Readonly<Partial<Record<ModelProviderName, { host: string; variable?: string }>>> = {
  openai: { host: 'api.openai.com', variable: 'OPENAI_BASE_URL' },
  anthropic: { host: 'api.anthropic.com', variable: 'ANTHROPIC_BASE_URL' },
  google: { host: 'generativelanguage.googleapis.com' },
};

/** The host (with a port that is not the scheme's) that a model's requests go to; undefined for the embedded one. */
export function modelHost({ provider, baseURL }: ModelConfig, env: Env): string | undefined {
  if (provider === 'embedded') return undefined;
  const { host, variable } = DEFAULTS[provider] ?? {};
  const url = baseURL ?? (variable && env[variable]);
  return url && URL.canParse(url) ? new URL(url).host : host;
}
