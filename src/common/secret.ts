import { inspect } from 'node:util';

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

/** A shorter value is no key, and masking it would garble ordinary text. */
const SHORTEST = 8;

/** What people and programs put where a key is asked for and none is needed: ordinary words. In lower case. */
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
]);

const isPlaceholder = (value: string): boolean =>
  value.length < SHORTEST || PLACEHOLDERS.has(value.toLowerCase()) || /^(.)\1*$/s.test(value);

interface Needle {
  readonly value: string;
  /** The value as it stands in JSON text. */
  readonly json: string;
}

const needlesOf = new WeakMap<readonly Secret[], readonly Needle[]>();

/** What is looked for: the longest first, for one secret may be a part of another. */
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

/** Replaces every secret that stands in `text`, as it is, by `***`. */
export function maskSecrets(text: string, secrets: readonly Secret[]): string {
  return needles(secrets).reduce((masked, { value }) => masked.replaceAll(value, MASK), text);
}

/**
 * Whether `json`, which JSON.stringify has made, may hold a secret: one pass for each, and never a false no. A yes may
 * be a key of an object, or a match across an escape.
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
 * A text that is JSON, with the secrets in its texts masked: it stays JSON, also where a secret is escaped in it, or
 * seems to stand across an escape. What is no JSON is masked as it stands.
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

/** Where the text can stay as it was written but for its secrets, it does: it has been streamed that way. */
function isJsonOf(text: string, value: unknown): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(value);
  } catch {
    return false;
  }
}

const isBefore = (a: number | undefined, b: number | undefined): boolean =>
  a !== undefined && (b === undefined || a < b);

/** What may be the beginning of a secret is held back from here on; less of one says nothing. */
const TELLING = 4;

/**
 * Masks secrets in a text that comes in pieces, of which one secret may take several: what may become one is held
 * back until it has, or has not.
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

  /** @returns what can be shown now; it may be empty */
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

  /** What is still held back: no more comes. */
  end(): string {
    const rest = this.window.slice(this.given);
    this.window = '';
    this.given = 0;
    return rest;
  }

  /** Gives out all up to the last whole secret, with a mask for each. */
  private maskWhole(): string {
    let out = '';
    // Each is looked for again only once it has been passed: a text may hold one very often, and another not at all.
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

  /** Where a secret stands next; its first characters may have been given out already. */
  private find(value: string): number | undefined {
    const at = this.window.indexOf(value, Math.max(0, this.given - TELLING));
    return at === -1 ? undefined : at;
  }

  /** How much of the end may be the beginning of a secret. */
  private heldBack(): number {
    const { window } = this;
    for (const value of this.values) {
      const head = value.slice(0, TELLING);
      let at = window.indexOf(head, Math.max(0, window.length - value.length + 1));
      for (; at !== -1; at = window.indexOf(head, at + 1)) {
        if (value.startsWith(window.slice(at)))
          return Math.min(window.length - at, window.length - this.given);
      }
    }
    return 0;
  }
}

/** A URL as it may be shown: without the user, the password and the query that it may carry. */
export function withoutCredentials(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
