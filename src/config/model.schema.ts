import type { z } from 'zod';
import { httpUrl, milliseconds, oneOf, section, text, whole } from './values.js';

export const MODEL_PROVIDERS = [
  'openai',
  'openai-compatible',
  'anthropic',
  'google',
  'ollama',
  'embedded',
] as const;
export type ModelProviderName = (typeof MODEL_PROVIDERS)[number];

export const modelSchema = section(
  {
    /** Provider of the model; `openai-compatible` if only `baseURL` is given. */
    provider: oneOf(MODEL_PROVIDERS).optional(),
    /** The provider's name for the model, such as `gpt-5-mini`. */
    id: text.optional(),
    /**
     * The key, or in ALL_CAPS the name of the environment variable that holds it. A configuration found in the working
     * directory may name only variables that end in `_API_KEY`.
     */
    apiKey: text.meta({ default: "the provider's variable" }).optional(),
    /** The endpoint's URL. */
    baseURL: httpUrl.meta({ default: "the provider's own" }).optional(),
    /** Display name of the model. */
    displayName: text.meta({ default: '`id`' }).optional(),
    /** Timeout of the first token, in milliseconds; 15 times as long while comments keep the stream alive. */
    firstTokenTimeoutMs: milliseconds.default(120_000),
    /** Timeout between two parts of a started answer, in milliseconds; comments prolong it, too. */
    idleTimeoutMs: milliseconds.default(60_000),
    /** Maximum of characters in an answer; a longer one fails: a model may repeat itself forever. */
    maxAnswerChars: whole(1_000, 1_000_000_000, 'characters').default(4_000_000),
  },
  'an object such as { provider: "openai", id: "gpt-5-mini" }',
);

/** A model as a person configures it. */
export type ModelInput = z.input<typeof modelSchema>;
/** A {@link ModelInput} with its defaults. */
export type ModelSettings = z.output<typeof modelSchema>;
