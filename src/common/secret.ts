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

/** A value that is shorter is a placeholder ("none", "x"): masking it would only garble ordinary text. */
const SHORTEST = 6;

const valuesOf = (secrets: readonly Secret[]): string[] =>
  secrets.map((secret) => secret.reveal()).filter((value) => value.length >= SHORTEST);

/** Replaces every secret that stands in `text`, as it is, by `***`. */
export function maskSecrets(text: string, secrets: readonly Secret[]): string {
  return valuesOf(secrets).reduce((masked, value) => masked.replaceAll(value, MASK), text);
}

/** The same for JSON text, where a secret may stand escaped. */
export function maskSecretsInJson(json: string, secrets: readonly Secret[]): string {
  return valuesOf(secrets).reduce(
    (masked, value) => masked.replaceAll(JSON.stringify(value).slice(1, -1), MASK),
    json,
  );
}

/** `value`, which is JSON, with the secrets in its texts masked. */
export function maskSecretsIn<T>(value: T, secrets: readonly Secret[]): T {
  const json = JSON.stringify(value);
  const masked = maskSecretsInJson(json, secrets);
  return masked === json ? value : (JSON.parse(masked) as T);
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
    this.values = valuesOf(secrets);
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
