import { registerDecorator } from 'class-validator';

const MAX_PARTS = 1_000;
/** Characters of an image's URL that is no data. */
const MAX_URL = 8_192;

/**
 * What is wrong with the content of a query, or undefined. A part that slipped through would be stored, and
 * every later request of its session would fail on it.
 */
export function contentProblem(query: unknown): string | undefined {
  if (typeof query === 'string') return query.trim() === '' ? 'query is empty: say something' : undefined;
  if (!Array.isArray(query)) return 'query must be a text or a list of content parts';
  if (query.length === 0) return 'query is an empty list: give at least one content part';
  if (query.length > MAX_PARTS) return `query has more than ${MAX_PARTS} parts`;
  for (const [i, part] of query.entries()) {
    const problem = partProblem(part);
    if (problem) return `query[${i}] ${problem}`;
  }
  const hasContent = query.some(
    (part: { type: string; text?: string }) => part.type !== 'text' || part.text?.trim(),
  );
  return hasContent ? undefined : 'query holds empty texts only: say something';
}

function partProblem(part: unknown): string | undefined {
  if (typeof part !== 'object' || part === null) return 'must be an object with a type';
  const { type, text, image_url: image } = part as Record<string, unknown>;
  switch (type) {
    case 'text':
      return typeof text === 'string' ? undefined : 'is of type "text" and must have a text';
    case 'image_url':
      return imageProblem(image);
    default:
      return 'has an unknown type: use "text" or "image_url"';
  }
}

function imageProblem(image: unknown): string | undefined {
  const url = (image as { url?: unknown } | null | undefined)?.url;
  if (typeof url !== 'string') return 'is of type "image_url" and must have image_url.url';
  if (url.startsWith('data:')) {
    return /^data:image\/[\w.+-]+;base64,[A-Za-z0-9+/]+={0,2}$/.test(url)
      ? undefined
      : 'must hold a base64 image: "data:image/png;base64,…"';
  }
  if (url.length > MAX_URL) return `must have a URL of at most ${MAX_URL} characters`;
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return undefined;
  return 'must have a URL that starts with data:, http:// or https://';
}

/** A text, or a list of text and image parts. */
export function IsQueryContent(): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'isQueryContent',
      target: target.constructor,
      propertyName: property as string,
      validator: {
        validate: (value) => contentProblem(value) === undefined,
        defaultMessage: (args) => contentProblem(args?.value) ?? '',
      },
    });
  };
}
