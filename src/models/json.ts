/** Texts up to this length are read at once: whatever they hold, that takes some milliseconds. */
const FREE_LENGTH = 64 * 1024;
/** Values of a longer one, names included. */
const MAX_VALUES = 100_000;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const OPEN_BRACE = 123;

/**
 * `JSON.parse` for what comes from elsewhere.
 * @throws SyntaxError for what is no JSON, and as {@link requireFewValues} does
 */
export function parseForeignJson(text: string): unknown {
  requireFewValues(text);
  return JSON.parse(text) as unknown;
}

/**
 * A long text of JSON may hold long strings, but not very many values: they take a hundred times as long to be parsed.
 * @throws SyntaxError when it holds more than 100,000
 */
export function requireFewValues(text: string): void {
  if (text.length > FREE_LENGTH && valuesIn(text, MAX_VALUES) > MAX_VALUES) {
    throw new SyntaxError(`JSON of ${text.length} characters holds more than ${MAX_VALUES} values`);
  }
}

/** How many values a JSON text holds, at most one more than `limit`. What is no JSON is counted somehow. */
function valuesIn(text: string, limit: number): number {
  let values = 1;
  for (let i = 0; i < text.length && values <= limit; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === COMMA || code === COLON || code === OPEN_BRACKET || code === OPEN_BRACE) values += 1;
  }
  return values;
}

/** Where the string ends that begins at `start`: at its quote, or with the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH) i += 1;
  }
  return text.length;
}
