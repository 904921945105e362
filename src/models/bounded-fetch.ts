import type { StreamDialect } from './stream-dialects.js';
import { AnswerBody } from './answer-body.js';
import { isNoStream, notAStream } from './not-a-stream.js';
import { MAX_LINE } from './line-buffer.js';

/** Maximum of characters in an answer that is no stream: a title, or an error. */
const MAX_BODY = 1_000_000;

/**
 * `fetch` for the clients of the AI SDK, which buffer an event of any length, parse any JSON in it, take an answer that
 * is no stream for an empty one, and wait for the end of a connection that stays open: this one gives them whole lines
 * of bounded events, up to the end of the answer, and bounded answers that are no stream. The body fails with a
 * SyntaxError if a bound is exceeded.
 * @throws APICallError for an answer that should be a stream and is none
 */
export function boundedFetch(dialect?: StreamDialect): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { status, statusText, headers } = response;
    if (!response.body) return response;
    const type = headers.get('content-type');
    const isStream = type?.toLowerCase().includes('text/event-stream') ?? false;
    const body = new AnswerBody(
      response.body,
      isStream ? MAX_LINE : MAX_BODY,
      isStream ? dialect : undefined,
    );
    const bounded = new Response(new ReadableStream(body), { status, statusText, headers });
    if (!response.ok || !isNoStream(type) || !asksForStream(input, init)) return bounded;
    throw notAStream(response.url, status, Object.fromEntries(headers), await bounded.text());
  };
}

/** The SDK names the stream in Google's URL, and in the others' body: in a text, its quotes would be escaped. */
function asksForStream(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): boolean {
  if (typeof input === 'string' && input.endsWith('?alt=sse')) return true;
  return typeof init?.body === 'string' && init.body.includes('"stream":true');
}
