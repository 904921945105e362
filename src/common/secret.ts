import { inspect } from 'node:util';
import { cutText } from './text.js';

const MASK = '***';

/** A value that prints, serialises and inspects as `***`. Only {@link Secret.reveal} gives it away. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/** Least characters of a secret: a shorter value is no key, and masking it would garble ordinary text. */
const SHORTEST = 8;

/** Placeholders used where a key is asked for and none is needed: ordinary words, in lower case. */
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  'ollama',
  'lm-studio',
  'lmstudio',
  'llama.cpp',
  'localhost',
  'not-needed',
  'not_needed',
  'notneeded',
  'not-required',
  'not-used',
  'unused',
  'none',
  'null',
  'undefined',
  'empty',
  'dummy',
  'dummy-key',
  'dummy_key',
  'placeholder',
  'anything',
  'whatever',
  'change-me',
  'changeme',
  'no-key',
  'no-key-needed',
  'no-key-required',
  'sk-no-key',
  'sk-no-key-required',
  'sk-not-needed',
  'api-key',
  'api_key',
  'your-api-key',
  'your_api_key',
  'no-api-key',
  'no_api_key',
  'noapikey',
  'fake-key',
  'test-key',
  'sk-dummy',
  'sk-placeholder',
  'password',
  'anthropic',
  'deepseek',
  'assistant',
  'llama-cpp',
  'llamacpp',
  'default_key',
]);

const isPlaceholder = (value: string): boolean =>
  value.length < SHORTEST || PLACEHOLDERS.has(value.toLowerCase()) || /^(.)\1*$/s.test(value);

interface Needle {
  readonly value: string;
  /** The value as it is escaped in JSON text. */
  readonly json: string;
}

const needlesOf = new WeakMap<readonly Secret[], readonly Needle[]>();

/** Search terms, the longest first: one secret may be a part of another. */
function needles(secrets: readonly Secret[]): readonly Needle[] {
  let found = needlesOf.get(secrets);
  if (!found) {
    const values = secrets.map((secret) => secret.reveal()).filter((value) => !isPlaceholder(value));
    found = [...new Set(values)]
      .sort((a, b) => b.length - a.length)
      .map((value) => ({ value, json: JSON.stringify(value).slice(1, -1) }));
    needlesOf.set(secrets, found);
  }
  return found;
}

/** Replaces every secret in `text` by `***`. */
export function maskSecrets(text: string, secrets: readonly Secret[]): string {
  return needles(secrets).reduce((masked, { value }) => masked.replaceAll(value, MASK), text);
}

/**
 * Whether `json`, which JSON.stringify has made, may hold a secret: one pass per secret, no false negatives. A match
 * may be in the key of an object, or across an escape.
 */
export function mayHoldSecret(json: string, secrets: readonly Secret[]): boolean {
  return needles(secrets).some((needle) => json.includes(needle.json));
}

/** `value`, which is JSON, with the secrets in its texts masked: keys stay, and so do the types of content parts. */
export function maskSecretsIn<T>(value: T, secrets: readonly Secret[]): T {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined || !mayHoldSecret(json, secrets)) return value;
  let changed = false;
  const masked = JSON.parse(json, (key, each: unknown) => {
    if (typeof each !== 'string' || (key === 'type' && each === 'image_url')) return each;
    const text = maskSecrets(each, secrets);
    changed ||= text !== each;
    return text;
  }) as T;
  return changed ? masked : value;
}

/**
 * Masks secrets in a JSON text, which stays JSON, even where a secret is escaped or seems to stand across an escape.
 * Text that is no JSON is masked as it stands.
 */
export function maskSecretsInJson(text: string, secrets: readonly Secret[]): string {
  const plain = maskSecrets(text, secrets);
  if (plain === text && !text.includes('\\')) return text;
  try {
    const value: unknown = JSON.parse(text);
    const masked = maskSecretsIn(value, secrets);
    if (masked === value) return text;
    return isJsonOf(plain, masked) ? plain : JSON.stringify(masked);
  } catch {
    return plain;
  }
}

/** Whether `text` is JSON of `value`: then the text, as it was streamed, need not be written anew. */
function isJsonOf(text: string, value: unknown): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(value);
  } catch {
    return false;
  }
}

const isBefore = (a: number | undefined, b: number | undefined): boolean =>
  a !== undefined && (b === undefined || a < b);

/** Characters of a secret's beginning that are held back; fewer reveal nothing. */
const TELLING = 4;

/**
 * Masks secrets in a streamed text, where one secret may span several pieces: the possible beginning of a secret is
 * held back until it is one or is not.
 */
export class SecretMask {
  private readonly values: readonly string[];
  private readonly longest: number;
  /** The end of the text so far, of which the first `given` characters have been given out. */
  private window = '';
  private given = 0;

  constructor(secrets: readonly Secret[]) {
    this.values = needles(secrets).map(({ value }) => value);
    this.longest = Math.max(0, ...this.values.map(({ length }) => length));
  }

  /** @returns text that can be shown now; may be empty */
  push(piece: string): string {
    if (this.longest === 0) return piece;
    this.window += piece;
    const masked = this.maskWhole();
    const upTo = this.window.length - this.heldBack();
    const shown = masked + this.window.slice(this.given, upTo);
    this.given = Math.max(this.given, upTo);
    const cut = Math.max(0, Math.min(this.given, this.window.length - this.longest));
    this.window = this.window.slice(cut);
    this.given -= cut;
    return shown;
  }

  /** Ends the text. @returns the characters still held back */
  end(): string {
    const rest = this.window.slice(this.given);
    this.window = '';
    this.given = 0;
    return rest;
  }

  /** Gives out all up to the last whole secret, with a mask for each. */
  private maskWhole(): string {
    let out = '';
    // Each secret is searched again only past its last match: a text may hold one very often, and another not at all.
    const places = this.values.map((value) => this.find(value));
    for (;;) {
      let first = -1;
      for (let i = 0; i < places.length; i++) {
        if (isBefore(places[i], places[first])) first = i;
      }
      const [at, value] = [places[first], this.values[first]];
      if (at === undefined || value === undefined) return out;
      out += this.window.slice(this.given, Math.max(this.given, at)) + MASK;
      this.given = at + value.length;
      for (let i = 0; i < places.length; i++) {
        if (isBefore(places[i], this.given - TELLING)) places[i] = this.find(this.values[i] ?? '');
      }
    }
  }

  /** Next place of a secret, whose first characters may have been given out already. */
  private find(value: string): number | undefined {
    const at = this.window.indexOf(value, Math.max(0, this.given - TELLING));
    return at === -1 ? undefined : at;
  }

  /** Characters at the end that may begin a secret. */
  private heldBack(): number {
    const { window } = this;
    for (const value of this.values) {
      const head = cutText(value, TELLING);
      let at = window.indexOf(head, Math.max(0, window.length - value.length + 1));
      for (; at !== -1; at = window.indexOf(head, at + 1)) {
        if (value.startsWith(window.slice(at)))
          return Math.min(window.length - at, window.length - this.given);
      }
    }
    return 0;
  }
}

/** A URL for display: without user, password and query. */
export function withoutCredentials(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
