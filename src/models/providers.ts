import type { ModelConfig, ModelProviderName } from '../config/index.js';
import { boundedFetch } from './bounded-fetch.js';
import { ANTHROPIC, GOOGLE, RESPONSES } from './stream-dialects.js';
import { type Model, SdkModel } from './model.js';
import { WellFormedModel } from './well-formed-model.js';

type Provider = (config: ModelConfig) => Promise<Model>;

// Packages cost start-up time and memory: each is loaded when its first model is used.

/**
 * Options of the Responses API. OpenAI keeps nothing of a conversation, and gives its thoughts encrypted: what it keeps is
 * gone after a month, or at once in some accounts, and a history that refers to it is refused.
 */
export const RESPONSES_OPTIONS = { openai: { store: false } };

const openaiChat: Provider = async (config) => {
  const { OpenAIChatModel } = await import('./openai-chat/openai-chat.model.js');
  return new OpenAIChatModel(config);
};

const PROVIDERS: Readonly<Record<ModelProviderName, Provider>> = {
  openai: async (config) => {
    // OpenAI's own endpoint has the Responses API; compatible endpoints of others seldom do.
    if (config.baseURL) return openaiChat(config);
    const { createOpenAI } = await import('@ai-sdk/openai');
    const options = { apiKey: config.apiKey?.reveal() ?? '', fetch: boundedFetch(RESPONSES) };
    return new SdkModel(createOpenAI(options).responses(config.id), RESPONSES, RESPONSES_OPTIONS);
  },
  'openai-compatible': openaiChat,
  ollama: openaiChat,
  anthropic: async ({ id, baseURL, apiKey }) => {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    const options = {
      apiKey: apiKey?.reveal() ?? '',
      fetch: boundedFetch(ANTHROPIC),
      ...(baseURL && { baseURL }),
    };
    return new SdkModel(createAnthropic(options)(id), ANTHROPIC);
  },
  google: async ({ id, baseURL, apiKey }) => {
    const { createGoogleGenerativeAI } = await import('@ai-sdk/google');
    const options = {
      apiKey: apiKey?.reveal() ?? '',
      fetch: boundedFetch(GOOGLE),
      ...(baseURL && { baseURL }),
    };
    return new SdkModel(createGoogleGenerativeAI(options)(id), GOOGLE);
  },
  embedded: async ({ id }) => {
    const { EmbeddedModel } = await import('./embedded/embedded-model.js');
    return new SdkModel(new EmbeddedModel(id));
  },
};

export async function createModel(config: ModelConfig): Promise<Model> {
  return new WellFormedModel(await PROVIDERS[config.provider](config));
}
