import { parseForeignJson } from '../json.js';

/** Maximum of characters kept of an answer that is no stream: an error, or a title. */
const MAX_BODY = 1_000_000;

/** An answer that is read as a whole. What exceeds 1,000,000 characters is dropped. */
export class WholeBody {
  text = '';

  push(text: string): void {
    if (this.text.length < MAX_BODY) this.text += text;
  }

  /** The body as JSON; undefined if it is none. */
  get json(): unknown {
    try {
      return parseForeignJson(this.text.replace(/^\ufeff/, ''));
    } catch {
      return undefined; // the caller reports the missing content
    }
  }
}

/** Characters of the longest field name, and its colon. */
const LONGEST_FIELD = 6;

/**
 * Whether an answer is a stream of events, by its media type and how it begins: some servers send no type, or another
 * one, and some answer with a whole object although a stream was asked for. Undefined while it cannot be told.
 */
export function isEventStream(mediaType: string, start: string): boolean | undefined {
  if (/^\s*text\/event-stream\b/i.test(mediaType)) return true;
  const first = start.replace(/^\ufeff/, '').trimStart();
  if (/^(?::|data:|event:|id:|retry:|error:)/.test(first)) return true;
  return /^[{[<]/.test(first) || first.length > LONGEST_FIELD ? false : undefined;
}
