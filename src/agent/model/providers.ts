import type { LanguageModelV3 } from '@ai-sdk/provider';
import type { ModelConfig, ModelProviderName } from '../../config/index.js';

type Provider = (config: ModelConfig) => Promise<LanguageModelV3>;

// Each package is loaded when its first model is used: they cost start-up time and memory.

const openaiCompatible: Provider = async ({ id, provider, baseURL = '', apiKey }) => {
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  const options = { name: provider, baseURL, includeUsage: true };
  return createOpenAICompatible({ ...options, ...(apiKey && { apiKey: apiKey.reveal() }) })(id);
};

const PROVIDERS: Readonly<Record<ModelProviderName, Provider>> = {
  openai: async ({ id, baseURL, apiKey }) => {
    const { createOpenAI } = await import('@ai-sdk/openai');
    const openai = createOpenAI({ apiKey: apiKey?.reveal() ?? '', ...(baseURL && { baseURL }) });
    // OpenAI's own endpoint has the Responses API; what others serve under its name seldom does.
    return baseURL ? openai.chat(id) : openai.responses(id);
  },
  'openai-compatible': openaiCompatible,
  ollama: openaiCompatible,
  anthropic: async ({ id, baseURL, apiKey }) => {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return createAnthropic({ apiKey: apiKey?.reveal() ?? '', ...(baseURL && { baseURL }) })(id);
  },
  google: async ({ id, baseURL, apiKey }) => {
    const { createGoogleGenerativeAI } = await import('@ai-sdk/google');
    return createGoogleGenerativeAI({ apiKey: apiKey?.reveal() ?? '', ...(baseURL && { baseURL }) })(id);
  },
  embedded: async ({ id }) => {
    const { EmbeddedModel } = await import('./embedded/embedded-model.js');
    return new EmbeddedModel(id);
  },
};

export function createModel(config: ModelConfig): Promise<LanguageModelV3> {
  return PROVIDERS[config.provider](config);
}
