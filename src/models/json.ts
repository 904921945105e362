/** Length up to which texts are parsed unchecked: this takes some milliseconds at most. */
const FREE_LENGTH = 64 * 1024;
/** Maximum of values in a longer text, names included. */
const MAX_VALUES = 100_000;

const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const OPEN_BRACE = 123;

/**
 * `JSON.parse` for foreign text.
 * @throws SyntaxError for invalid JSON, and as {@link requireFewValues} does
 */
export function parseForeignJson(text: string): unknown {
  requireFewValues(text);
  return JSON.parse(text) as unknown;
}

/**
 * Refuses a long JSON text with very many values: they take a hundred times as long to parse as long strings.
 * @throws SyntaxError if the text holds more than 100,000 values
 */
export function requireFewValues(text: string): void {
  if (text.length > FREE_LENGTH && valuesIn(text, MAX_VALUES) > MAX_VALUES) {
    throw new SyntaxError(`JSON of ${text.length} characters holds more than ${MAX_VALUES} values`);
  }
}

/**
 * A JSON text whose integers that a double cannot hold are strings: ids of 64 bits would be other ones otherwise.
 * Unlike a reviver's source text (Node 21), it works in every supported version.
 */
export function quoteLargeIntegers(text: string): string {
  if (!/\d{16}/.test(text)) return text;
  let quoted = '';
  let done = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    if (code !== MINUS && !isDigit(code)) continue;
    NUMBER.lastIndex = i;
    const number = NUMBER.exec(text)?.[0] ?? '-';
    if (isRounded(number)) {
      quoted += `${text.slice(done, i)}"${number}"`;
      done = i + number.length;
    }
    i += number.length - 1;
  }
  return quoted + text.slice(done);
}

const NUMBER = /-?\d[\d.eE+-]*/y;
/** Digits of a number that is converted exactly, at most: of longer ones the conversion takes too long. */
const MAX_DIGITS = 400;

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

const isRounded = (number: string): boolean =>
  /^-?\d{16,}$/.test(number) && (number.length > MAX_DIGITS || BigInt(Number(number)) !== BigInt(number));

/** Number of values in a JSON text, at most `limit` + 1; of invalid JSON, an estimate. */
function valuesIn(text: string, limit: number): number {
  let values = 1;
  for (let i = 0; i < text.length && values <= limit; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === COMMA || code === COLON || code === OPEN_BRACKET || code === OPEN_BRACE) values += 1;
  }
  return values;
}

/** End of the string that begins at `start`: its closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH) i += 1;
  }
  return text.length;
}
