import { cutText } from '../common/text.js';
import { parseForeignJson } from './json.js';

/** A provider's error, as its body or its event tells it. */
export interface ProviderError {
  /** The provider's own sentence; undefined when there is none. */
  readonly reason: string | undefined;
  /** The HTTP status that the error itself names: within a stream, there is no other. */
  readonly status: number | undefined;
  /** Its codes, types and statuses, in lower case. */
  readonly codes: readonly string[];
  /** How long to wait before asking again, in milliseconds (Google's RetryInfo). */
  readonly retryAfterMs: number | undefined;
}

/** Characters of a text that are read as a reason. */
const MAX_TEXT = 10_000;
/** Levels of a body that are looked through; real errors have four. */
const MAX_DEPTH = 6;
/** Entries of a list that are looked at. */
const MAX_ENTRIES = 5;

/** Fields that hold the sentence, the best first. An object or a list in them is looked through. */
const REASONS = [
  'error_description', // OAuth, whose `error` is a code
  'error',
  'errors', // Cloudflare
  'message',
  'Message', // AWS
  'msg', // FastAPI's entries
  'detail', // FastAPI, RFC 9457
  'status_msg', // MiniMax
  'base_resp',
  'error_message',
  'error_msg', // Baidu
  'response', // the `response.failed` of OpenAI's Responses API
  'title',
] as const;

const CODES: ReadonlySet<string> = new Set([
  ...['code', 'type', 'status', 'reason', 'error_type', 'error_code', 'err_type', 'err_code', '__type'],
  ...['statusCode', 'status_code', 'quotaId', 'error'],
]);

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads an error in the form of any provider: the body of an answer as text, or the value of an event. Known are the
 * documented forms of OpenAI, Azure, Anthropic, Google (also as a list), OpenRouter, vLLM, FastAPI, Cohere, Mistral,
 * Ollama, TGI, xAI, MiniMax, Cloudflare and AWS, problem details, HTML pages by their title, and plain text.
 */
export function readError(given: unknown): ProviderError {
  const value = typeof given === 'string' ? parsed(given) : given;
  const found: Found = { codes: [], retryAfterMs: undefined };
  collect(value, found, 0);
  return {
    reason: reasonIn(value, 0),
    status: found.codes.map(Number).find((code) => code >= 400 && code < 600),
    codes: found.codes,
    retryAfterMs: found.retryAfterMs,
  };
}

/** Whether the body of an answer with status 200, or a value that is no event of an answer, reports an error. */
export function isErrorReport(given: unknown): boolean {
  const value = typeof given === 'string' ? parsed(given) : given;
  const fields = fieldsOf(Array.isArray(value) ? value[0] : value);
  if (!fields) return false;
  const { error, detail, message, base_resp: base } = fields;
  if (error || (Array.isArray(fields['errors']) && fields['errors'].length > 0)) return true;
  return typeof message === 'string' || detail !== undefined || fieldsOf(base) !== undefined;
}

/** A body as the value that it holds, or as its text. */
function parsed(body: string): unknown {
  const text = body.trim();
  // Some send the error as an event, whatever the status of the answer is.
  const json = /^(?:event:.*\n)?data:(.*)$/m.exec(cutText(text, MAX_TEXT))?.[1]?.trim() ?? text;
  if (!/^[{["]/.test(json)) return json;
  try {
    return parseForeignJson(json);
  } catch {
    return json;
  }
}

function reasonIn(value: unknown, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return undefined;
  if (typeof value === 'string') return textReason(cutText(value, MAX_TEXT).trim());
  if (Array.isArray(value)) {
    const reasons = value.slice(0, MAX_ENTRIES).map((each) => reasonIn(each, depth + 1));
    return reasons.filter((reason) => reason !== undefined).join('; ') || undefined;
  }
  const fields = fieldsOf(value);
  if (!fields) return undefined;
  const reason = REASONS.map((name) => reasonIn(fields[name], depth + 1)).find(Boolean);
  return reason && placed(fields, withOrigin(fields, reason, depth));
}

function textReason(text: string): string | undefined {
  if (!text.startsWith('<')) return text || undefined;
  const title = /<(?:title|h1)[^>]*>([^<]+)/i.exec(text)?.[1]?.replace(/\s+/g, ' ').trim();
  return title ? `an HTML page, "${title}"` : 'an HTML page';
}

/** FastAPI names the field that is wrong in a list of its own. */
function placed({ loc }: Fields, reason: string): string {
  return Array.isArray(loc) ? `${loc.slice(0, MAX_DEPTH).map(String).join('.')}: ${reason}` : reason;
}

/** OpenRouter passes on the error of the provider behind it, as text, beside a sentence that says nothing. */
function withOrigin({ metadata }: Fields, reason: string, depth: number): string {
  const { raw, provider_name: provider } = fieldsOf(metadata) ?? {};
  const own =
    raw === undefined ? undefined : reasonIn(typeof raw === 'string' ? parsed(raw) : raw, depth + 1);
  const name = typeof provider === 'string' ? ` (${provider})` : '';
  return own && own !== reason ? `${reason}${name}: ${own}` : reason;
}

interface Found {
  readonly codes: string[];
  retryAfterMs: number | undefined;
}

function collect(value: unknown, found: Found, depth: number): void {
  if (depth > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    for (const each of value.slice(0, MAX_ENTRIES)) collect(each, found, depth + 1);
    return;
  }
  for (const [name, each] of Object.entries(fieldsOf(value) ?? {})) {
    if (typeof each === 'object') collect(each, found, depth + 1);
    else if (name === 'raw' && typeof each === 'string') collect(parsed(each), found, depth + 1);
    else if (name === 'retryDelay') found.retryAfterMs = durationMs(each);
    else if (CODES.has(name) && isCode(each)) found.codes.push(String(each).toLowerCase());
  }
}

/** A code is one word; a longer text in the same field is a sentence. */
const isCode = (value: unknown): value is string | number =>
  typeof value === 'number' || (typeof value === 'string' && /^[^\s]{1,100}$/.test(value));

/** A duration as protobuf writes it in JSON: `34.07s`. */
function durationMs(text: unknown): number | undefined {
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(String(text))?.[1];
  return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1_000);
}

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
