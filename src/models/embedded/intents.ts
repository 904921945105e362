import { evaluate } from './arithmetic.js';

/** The embedded model's reaction to a request: a text, or a tool call. */
export type Intent =
  { readonly say: string } | { readonly call: string; readonly args: Readonly<Record<string, unknown>> };

export interface Image {
  readonly mediaType: string;
  /** The image in base64, or undefined for a link. */
  readonly data: string | undefined;
}

const CONFIGURE =
  'To talk to a real model, set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, or start with --model.provider, --model.id and --model.apiKey.';

const ABILITIES = [
  'I am the built-in demo, not a language model. I understand:',
  '- "list the files", or "list the files in src"',
  '- "read README.md"',
  '- "search for TODO"',
  '- arithmetic, such as "12 * (3 + 4)"',
  '- an attached image: its type and size',
  CONFIGURE,
].join('\n');

const UNKNOWN = `I am only the built-in demo and understand few things (ask "what can you do"). ${CONFIGURE}`;

/** Maximum of characters in an understood request: matching takes time that grows with the length. */
const MAX_REQUEST = 300;

const NAME = `["'\`]?([^"'\`\\n]+?)["'\`]?[.!?]*$`;

/** Users' words for the workspace itself. */
const HERE = /^(this|my|our|current|whole)?\s*(workspace|project)?$/i;

/** Matches a request against the documented ones, in order. */
export function understand(text: string, images: readonly Image[]): Intent {
  if (images.length > 0) return { say: images.map(describeImage).join('\n') };
  const trimmed = text.trim();
  if (trimmed.length > MAX_REQUEST) return { say: UNKNOWN };
  const request = trimmed.replace(/@(file|dir):/g, '');
  if (/^(help|what can you do)\b/i.test(request)) return { say: ABILITIES };

  const list = /\b(?:list|show)\b.*?\b(?:files|directory|folder)\b(?:\s+here)?/i.exec(request);
  if (list) {
    const where = new RegExp(`\\b(?:in|of|under)\\s+(?:the\\s+)?${NAME}`, 'i').exec(request);
    const name = where?.[1]?.replace(/(^|\s+)(directory|folder)$/i, '') ?? '';
    return { call: 'list_directory', args: { path: HERE.test(name) ? '.' : name } };
  }
  const search = new RegExp(
    `^(?:please\\s+)?(?:search|look)(?:\\s+the\\s+(?:files|workspace))?\\s+for\\s+${NAME}`,
    'i',
  ).exec(request);
  if (search?.[1]) return { call: 'search_files', args: { query: search[1] } };

  const read = new RegExp(
    `^(?:please\\s+)?(?:read|open|show(?:\\s+me)?|cat)\\s+(?:the\\s+)?(?:file\\s+)?${NAME}`,
    'i',
  ).exec(request);
  if (read?.[1]) return { call: 'read_file', args: { path: read[1] } };

  const sum = request
    .replace(/^(please\s+)?(what\s+is|what's|calculate|compute|how\s+much\s+is)\s+/i, '')
    .replace(/[=?.!\s]+$/, '');
  const value = evaluate(sum);
  if (value !== undefined) return { say: `${sum} = ${withoutNoise(value)}` };

  return { say: UNKNOWN };
}

/** A number without rounding noise: 0.1 + 0.2 is 0.3. */
function withoutNoise(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(12));
}

/** The answer to a tool's result. */
export function report(toolName: string, result: string, failed: boolean): string {
  if (failed) return `That did not work: ${result}`;
  switch (toolName) {
    case 'list_directory':
      return `Here is what is there:\n\n${result}`;
    case 'search_files':
      return `Here is what I found:\n\n${result}`;
    default:
      return result;
  }
}

function describeImage({ mediaType, data }: Image): string {
  if (data === undefined) return 'The image is a link, and the built-in demo opens no links.';
  const bytes = Buffer.from(data, 'base64');
  const size = pngSize(bytes);
  const pixels = size ? `, ${size.width} × ${size.height} pixels` : '';
  return `The image is of type ${mediaType} and has ${bytes.length} bytes${pixels}. I am the built-in demo and cannot see what it shows.`;
}

/** PNG specification, section 5: the signature is followed by the IHDR chunk, width and height first. */
function pngSize(bytes: Buffer): { width: number; height: number } | undefined {
  if (bytes.length < 24 || bytes.toString('latin1', 1, 4) !== 'PNG') return undefined;
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}
