import { withoutCredentials } from '../common/secret.js';
import { cutText } from '../common/text.js';
import type { ContentPart, StoredAgentEvent } from '../events/index.js';
import { type FetchImage, type FetchOptions, ImageUnavailable, MAX_IMAGE_BYTES } from './fetch-image.js';

/** Maximum of fetched images per message. */
const MAX_IMAGES = 20;
/** Maximum size of all images together, in bytes: if there are many, each has a smaller limit. */
const MAX_BYTES_TOGETHER = 4 * MAX_IMAGE_BYTES;
const MAX_SHOWN = 200;

/**
 * The events for a model without links to open: each http(s) image of the last user message, and of the events after
 * it, is inlined as data. Each URL is fetched once, all concurrently, up to 20 images and 40 MB. Unavailable images and
 * those of earlier messages become a text that says so: fetching earlier ones again would let a dead link delay every
 * later query.
 * @throws the signal's reason once it has aborted
 */
export async function withLinkedImages(
  events: readonly StoredAgentEvent[],
  signal: AbortSignal,
  fetchImage: FetchImage,
): Promise<StoredAgentEvent[]> {
  const current = Math.max(0, events.findLastIndex(isUserMessage));
  const urls = [...new Set(events.slice(current).flatMap(linksIn))];
  const maxBytes = Math.floor(
    Math.min(MAX_IMAGE_BYTES, MAX_BYTES_TOGETHER / Math.min(urls.length, MAX_IMAGES)),
  );
  const parts = await Promise.all(
    urls.map(async (url, i) =>
      i < MAX_IMAGES ? toPart(url, { signal, maxBytes }, fetchImage) : tooMany(url),
    ),
  );
  const found = new Map(parts.map((part, i) => [urls[i], part]));
  return events.map((event, i) =>
    withImages(event, (url) => (i < current ? undefined : found.get(url)) ?? earlier(url)),
  );
}

async function toPart(url: string, options: FetchOptions, fetchImage: FetchImage): Promise<ContentPart> {
  try {
    const { mediaType, bytes } = await fetchImage(url, options);
    const data = `data:${mediaType};base64,${bytes.toString('base64')}`;
    return { type: 'image_url', image_url: { url: data } };
  } catch (error) {
    if (!(error instanceof ImageUnavailable)) throw error;
    return unavailable(url, error.message);
  }
}

const tooMany = (url: string) =>
  unavailable(url, `only the first ${MAX_IMAGES} images of a message are fetched`);

const unavailable = (url: string, reason: string) =>
  note(`The image at ${shown(url)} could not be fetched: ${reason}.`);

const earlier = (url: string) =>
  note(`The image at ${shown(url)} was linked earlier and is not fetched again; the user can link it again.`);

const note = (text: string): ContentPart => ({ type: 'text', text: `[${text}]` });

function shown(url: string): string {
  const text = withoutCredentials(url);
  return text.length > MAX_SHOWN ? `${cutText(text, MAX_SHOWN)}…` : text;
}

const isUserMessage = ({ type }: StoredAgentEvent) => type === 'user_message';

const isLink = (part: ContentPart): part is Extract<ContentPart, { type: 'image_url' }> =>
  part.type === 'image_url' && !part.image_url.url.startsWith('data:');

function linksIn(event: StoredAgentEvent): string[] {
  return hasParts(event) ? event.content.filter(isLink).map((part) => part.image_url.url) : [];
}

/** The event with each linked image replaced. */
function withImages(event: StoredAgentEvent, replace: (url: string) => ContentPart): StoredAgentEvent {
  if (!hasParts(event)) return event;
  return {
    ...event,
    content: event.content.map((part) => (isLink(part) ? replace(part.image_url.url) : part)),
  };
}

type InputEvent = Extract<StoredAgentEvent, { type: 'user_message' | 'environment_input' }>;

function hasParts(event: StoredAgentEvent): event is InputEvent & { content: readonly ContentPart[] } {
  return (
    (event.type === 'user_message' || event.type === 'environment_input') && typeof event.content !== 'string'
  );
}
