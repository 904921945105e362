import { parseDocument, reasonOf, requireObject } from './config-document.js';
import { InvalidConfig } from './invalid-config.js';
import { namesVariable } from './resolve-secret.js';

const IS_URL = /^[a-z][a-z0-9+.-]*:\/\//i;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const MAX_BYTES = 1_000_000;
const TIMEOUT_MS = 10_000;
const MAX_REDIRECTS = 5;
const ACCEPT = 'application/json, application/yaml, text/yaml, text/plain';
/** Media types that servers use for JSON, YAML, and unknown files. */
const DATA_TYPE =
  /^(application\/([\w.-]+\+)?(json|yaml|x-yaml|octet-stream)|text\/(plain|yaml|x-yaml|json))$/;
const SCRIPT = /\.[cm]?[jt]sx?$/;

/** Keys that a fetched document must not set, each with the reason. */
const REFUSED: readonly (readonly [key: RegExp, reason: string])[] = [
  [/^tools$/, 'tools are code'],
  [/^webui\.staticPath$/, 'the page would come from a directory of this machine that the document chooses'],
  [/^hooks$/, 'hooks are commands'],
  [/^mcpServers\.[^.]+\.command$/, 'it is a command'],
];

/** Whether a configuration is named by a URL instead of a path. */
export function isRemote(name: string): boolean {
  return IS_URL.test(name);
}

/** A URL without user, password, query and fragment, which may be secret. Paths stay unchanged. */
export function shownSource(name: string): string {
  if (!isRemote(name)) return name;
  if (!URL.canParse(name)) return name.replace(/[?#].*/, '');
  const { protocol, host, pathname } = new URL(name);
  return `${protocol}//${host}${pathname}`;
}

/**
 * Fetches a configuration: JSON or YAML, at most 1 MB, within 10 s, over https or from this machine. A fetched document
 * is data: it must not name code that runs here, nor environment variables.
 * @throws InvalidConfig with one line
 */
export async function fetchConfig(url: string, timeoutMs = TIMEOUT_MS): Promise<object> {
  try {
    const { text, isJson } = await download(checkedUrl(url), AbortSignal.timeout(timeoutMs));
    const config = requireObject(await parseDocument(text, isJson));
    refusePower(config, [], new Set());
    return config;
  } catch (error) {
    throw new InvalidConfig([
      `The configuration ${shownSource(url)} cannot be used: ${whyNotFetched(error)}.`,
    ]);
  }
}

function checkedUrl(text: string): URL {
  if (!URL.canParse(text)) throw new Error('it is no URL');
  const url = new URL(text);
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
  if (!isSafe) throw new Error('it must be an https URL, or an http one of this machine');
  if (url.username || url.password) throw new Error('a URL with a user or password is not fetched');
  if (SCRIPT.test(url.pathname)) throw new Error('it is a script, and code is run from files alone');
  return url;
}

interface Download {
  readonly text: string;
  readonly isJson: boolean;
}

/** @param signal ends the download at any point */
async function download(url: URL, signal: AbortSignal): Promise<Download> {
  let at = url;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await fetch(at, { redirect: 'manual', signal, headers: { accept: ACCEPT } });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) {
      return { text: await textOf(response), isJson: /json/.test(typeOf(response) || at.pathname) };
    }
    await response.body?.cancel();
    at = checkedUrl(new URL(location, at).href);
    if (at.origin !== url.origin) throw new Error(`it redirects to another origin (${at.origin})`);
  }
  throw new Error(`it redirects more than ${MAX_REDIRECTS} times`);
}

const typeOf = (response: Response): string =>
  (response.headers.get('content-type') ?? '').split(';', 1).join().trim().toLowerCase();

async function textOf(response: Response): Promise<string> {
  const type = typeOf(response);
  const isData = type === '' || DATA_TYPE.test(type);
  if (response.status === 200 && isData) return new TextDecoder().decode(await bytesOf(response));
  await response.body?.cancel();
  throw new Error(
    response.status === 200 ? `it is ${type}, not JSON or YAML` : `the answer was ${response.status}`,
  );
}

/** Reads a body of at most 1 MB. */
async function bytesOf(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the body.
  for await (const chunk of response.body ?? []) {
    length += (chunk as Uint8Array).length;
    if (length > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}

/** @param seen the visited objects: a YAML object can contain itself */
function refusePower(value: unknown, path: readonly string[], seen: Set<unknown>): void {
  const key = path.join('.');
  const reason = REFUSED.find(([refused]) => refused.test(key))?.[1];
  if (reason && value !== undefined) throw new Error(`${key} may not come from a URL: ${reason}`);
  if (typeof value === 'string' && /(^|\.)(apiKey|token)$/.test(key) && namesVariable(value)) {
    throw new Error(`${key} may not come from a URL: it names a variable of your environment`);
  }
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  for (const [name, each] of Object.entries(value)) refusePower(each, [...path, name], seen);
}

function whyNotFetched(error: unknown): string {
  const { name, message, cause } = error as Error;
  if (name === 'TimeoutError') return 'it did not come in time';
  if (message !== 'fetch failed') return reasonOf(error);
  return `it cannot be reached (${(cause as NodeJS.ErrnoException).code ?? reasonOf(cause)})`;
}
