import { cutText } from '../common/text.js';
import { printable } from './printable.js';
import { isScript, namesVariable, shownVariable } from '../config/index.js';

/** Maximum of settings shown in a question. */
const MAX_LINES = 40;
const MAX_VALUE = 400;
const MAX_KEY = 60;
/** Depth of the deepest setting. */
const MAX_DEPTH = 8;

/** Settings that give power, the strongest first, with their meanings. Others follow in the file's order. */
const POWERS: readonly (readonly [setting: RegExp, meaning: string])[] = [
  [/^workspace$/, 'the agent reads and writes the files in it'],
  [/^files\.visible/, 'hidden files that the agent may use too'],
  [/^model\.baseURL$/, 'all conversations are sent there, with the key'],
  [/^model\.(provider|apiKey)$/, 'whom all conversations are sent to, with which key'],
  [/^server\.allowedOrigins/, 'web pages that may do all that you may'],
  [/^server\.(allowedHosts|trustProxy)/, 'by what names, and through whom, it is reached'],
  [/^server\.(host|insecureNoAuth|auth)/, 'who reaches this server, and what it asks of them'],
  [/^share\./, 'shared sessions are sent there'],
  [/^webui\.staticPath$/, 'a web page that may do all that you may'],
  [/^(dataDir$|server\.storage)/, 'sessions and tokens are kept there'],
  [/^instructions$/, 'told to the model before each conversation'],
  [/^server\.fetchImages$/, 'the server opens links that others name'],
  [/^server\.models\.\d+\.(baseURL|provider|apiKey)$/, 'conversations are sent there when it is chosen'],
];

interface Setting {
  readonly key: string;
  readonly value: unknown;
}

/**
 * The effects of a configuration file, for a user who decides about it: lines that are safe for a terminal, whatever
 * the file contains.
 * @param config the content of a data file; a script's is unknown before it runs
 */
export function summarize(file: string, config: unknown): string[] {
  if (isScript(file)) {
    return [
      'It is a program: it runs at every start, with all that you may do, and so does what it imports.',
    ];
  }
  const settings = settingsOf(config).sort((a, b) => rank(a) - rank(b));
  if (settings.length === 0) return ['It sets nothing.'];
  const shown = settings.slice(0, MAX_LINES);
  const width = Math.max(...shown.map(({ key }) => keyOf(key).length));
  const more = settings.length - shown.length;
  return [
    'It sets:',
    ...shown.map((setting) => lineOf(setting, width)),
    ...(more > 0 ? [`  and ${more} more: look into the file.`] : []),
  ];
}

/** @param within the ancestors of `value`: a YAML object can contain itself */
function settingsOf(value: unknown, path: readonly string[] = [], within: readonly object[] = []): Setting[] {
  if (!isBranch(value) || within.includes(value) || path.length === MAX_DEPTH) {
    return path.length > 0 ? [{ key: path.join('.'), value }] : [];
  }
  return Object.entries(value).flatMap(([key, each]) => settingsOf(each, [...path, key], [...within, value]));
}

/** Whether a value has settings of its own: a list of plain values is one setting. */
function isBranch(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) || value.some((each) => typeof each === 'object');
}

function rank({ key }: Setting): number {
  const found = POWERS.findIndex(([setting]) => setting.test(key));
  return found === -1 ? POWERS.length : found;
}

function lineOf({ key, value }: Setting, width: number): string {
  const [, meaning] = POWERS.find(([setting]) => setting.test(key)) ?? [];
  const remark = [hostOf(key, value), meaning].filter(Boolean).join(': ');
  return `  ${keyOf(key).padEnd(width)}  ${valueOf(key, value)}${remark && `  (${remark})`}`;
}

const cut = (text: string, length: number): string =>
  text.length > length ? `${cutText(text, length)}… (longer)` : text;

const keyOf = (key: string): string => printable(cut(key, MAX_KEY));

function valueOf(key: string, value: unknown): string {
  if (isBranch(value)) return '…'; // too deep to be a setting
  if (/key|token|secret|password/i.test(key)) {
    return typeof value === 'string' && namesVariable(value) ? `$${shownVariable(value)}` : '***';
  }
  return printable(cut(JSON.stringify(value) ?? typeof value, MAX_VALUE));
}

/** A URL's host as the network knows it: lookalike letters and user names in a URL deceive. */
function hostOf(key: string, value: unknown): string | undefined {
  const isUrl = /(baseURL|^share\.provider)$/.test(key) && typeof value === 'string' && URL.canParse(value);
  return isUrl ? printable(new URL(value).host) : undefined;
}
