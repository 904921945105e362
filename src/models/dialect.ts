import { createHash } from 'node:crypto';
import { cutText } from '../common/text.js';
import type { ModelConfig } from '../config/index.js';

/** Names and ids of calls as a model's provider takes them, and the identity of the model. */
export interface Dialect {
  /** Identity of the model: what it has signed is sent to no other. */
  readonly model: string;
  /** A name that the provider takes; the same for the same name. */
  readonly toolName: (name: string) => string;
  /**
   * An id that the provider takes; the same for the same id, and another one for another.
   * @param own whether this very model was given or wrote the id
   */
  readonly callId: (id: string, own: boolean) => string;
}

const NAME = /^[a-zA-Z0-9_-]{1,64}$/; // OpenAI's; Anthropic takes 128 characters
const GOOGLE_NAME = /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/; // as in Google's FunctionDeclaration
const UNNAMED = 'unknown_tool';

/** Taken by every provider but Mistral: OpenAI allows 40 characters, Anthropic these alone. */
const ID = /^[a-zA-Z0-9_-]{1,40}$/;
const MISTRAL_ID = /^[a-zA-Z0-9]{9}$/;
const MISTRAL = /mistral|mixtral|ministral|magistral|codestral|devstral|pixtral/i;

export function dialectOf(config: ModelConfig): Dialect {
  const { provider, id, baseURL } = config;
  const host = baseURL === undefined ? '' : new URL(baseURL).host;
  const isGoogle = provider === 'google';
  const isMistral = MISTRAL.test(id) || MISTRAL.test(host);
  // A provider takes what it wrote itself, but the ids that this server has given in the place of repeated ones.
  const isStrict = provider === 'anthropic' || isMistral;
  return {
    model: `${provider}/${id}@${host}`,
    toolName: (name) => (isGoogle && GOOGLE_NAME.test(name) ? name : fitName(name, isGoogle)),
    callId: (given, own) => {
      if (own && !isStrict) return given;
      return isMistral ? fitMistralId(given) : fitId(given);
    },
  };
}

function fitName(name: string, isGoogle: boolean): string {
  if (NAME.test(name) && !isGoogle) return name;
  const fitted = name.replace(/[^a-zA-Z0-9_-]+/g, '_');
  if (/^_*$/.test(fitted)) return UNNAMED;
  return cutText(isGoogle && !/^[a-zA-Z_]/.test(fitted) ? `_${fitted}` : fitted, 64);
}

function fitId(id: string): string {
  if (ID.test(id)) return id;
  const readable = cutText(id.replace(/[^a-zA-Z0-9_-]+/g, '_'), 30);
  return `${readable}_${digestOf(id)}`;
}

const fitMistralId = (id: string): string => (MISTRAL_ID.test(id) ? id : digestOf(id));

/** Nine letters and digits that stand for an id. */
const digestOf = (id: string): string =>
  createHash('sha256').update(id).digest('base64').replace(/[+/=]/g, '').slice(0, 9);
