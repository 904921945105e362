/** Length up to which texts are parsed unchecked: this takes some milliseconds at most. */
const FREE_LENGTH = 64 * 1024;
/** Maximum of values in a longer text, names included. */
const MAX_VALUES = 100_000;

const QUOTE = 34;
const COMMA = 44;
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
