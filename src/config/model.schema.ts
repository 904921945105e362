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
    /** Who runs the model. With a `baseURL` alone it is `openai-compatible`. */
    provider: oneOf(MODEL_PROVIDERS).optional(),
    /** The provider's own name of the model, such as `gpt-5-mini`. */
    id: text.optional(),
    /**
     * The key itself, or in ALL_CAPS the name of the environment variable that holds it; in a file that was found in the
     * working directory, one that ends in `_API_KEY`.
     */
    apiKey: text.meta({ default: "the provider's variable" }).optional(),
    /** The endpoint's URL. */
    baseURL: httpUrl.meta({ default: "the provider's own" }).optional(),
    /** What people are shown. */
    displayName: text.meta({ default: '`id`' }).optional(),
    /** How long the first token may take, in milliseconds. */
    firstTokenTimeoutMs: milliseconds.default(120_000),
    /** How long a started answer may be silent, in milliseconds. */
    idleTimeoutMs: milliseconds.default(60_000),
    /** An answer that grows beyond so many characters is ended as a failure: a model that repeats itself for ever. */
    maxAnswerChars: whole(1_000, 1_000_000_000, 'characters').default(4_000_000),
  },
  'an object such as { provider: "openai", id: "gpt-5-mini" }',
);

/** A model as a person configures it. */
export type ModelInput = z.input<typeof modelSchema>;
/** The same with its defaults. */
export type ModelSettings = z.output<typeof modelSchema>;
