import { describe, expect, it } from '@jest/globals';
import type { ContentPart, QueryContent, StoredAgentEvent } from '../events/index.js';
import { type FetchImage, ImageUnavailable } from './fetch-image.js';
import { withLinkedImages } from './linked-images.js';

const image = (url: string): ContentPart => ({ type: 'image_url', image_url: { url } });
const text = (words: string): ContentPart => ({ type: 'text', text: words });
const data = (words: string) => image(`data:image/png;base64,${Buffer.from(words).toString('base64')}`);

const event = (type: string, fields: object) => ({ type, ...fields }) as StoredAgentEvent;
const user = (content: QueryContent) => event('user_message', { content });
const environment = (content: QueryContent) => event('environment_input', { content });

/** A fake fetch that records its calls; each image holds its own URL. */
function fetcher() {
  const asked: { url: string; maxBytes: number | undefined }[] = [];
  const fetch: FetchImage = async (url, { maxBytes }) => {
    asked.push({ url, maxBytes });
    if (url.includes('missing')) throw new ImageUnavailable('its server answered 404');
    return { mediaType: 'image/png', bytes: Buffer.from(url) };
  };
  return { asked, fetch };
}

const { signal } = new AbortController();
const contents = (events: readonly StoredAgentEvent[]) =>
  events.map((each) => (each as { content?: QueryContent }).content);

describe('the linked images of a conversation', () => {
  it('are data in the last user message and beside it, and a text before', async () => {
    const { asked, fetch } = fetcher();
    const events = [
      user([text('one'), image('https://a.example/1.png'), data('own')]),
      environment([image('https://a.example/2.png')]),
      event('assistant_message', { content: 'I see.' }),
      user([text('two'), image('https://a.example/3.png'), data('own')]),
      environment([image('https://a.example/4.png')]),
      environment('a text'),
    ];
    const before = structuredClone(events);
    const earlier = (n: number) =>
      text(
        `[The image at https://a.example/${n}.png was linked earlier and is not fetched again; the user can link it again.]`,
      );
    expect(contents(await withLinkedImages(events, signal, fetch))).toEqual([
      [text('one'), earlier(1), data('own')],
      [earlier(2)],
      'I see.',
      [text('two'), data('https://a.example/3.png'), data('own')],
      [data('https://a.example/4.png')],
      'a text',
    ]);
    expect(asked.map(({ url }) => url)).toEqual(['https://a.example/3.png', 'https://a.example/4.png']);
    expect(events).toEqual(before);
  });

  it('are fetched once for each URL, and only where the last message names it', async () => {
    const { asked, fetch } = fetcher();
    const link = image('HTTP://a.example/x.png');
    const [first, last] = contents(
      await withLinkedImages([user([link]), user([link, text('and'), link])], signal, fetch),
    );
    expect(first).toEqual([expect.objectContaining({ type: 'text' })]);
    expect(last).toEqual([data('HTTP://a.example/x.png'), text('and'), data('HTTP://a.example/x.png')]);
    expect(asked).toHaveLength(1);
  });

  it('are a text where they cannot be had: without what a link may carry, and short', async () => {
    const { fetch } = fetcher();
    const links = [
      'https://user:pass@a.example/missing.png?token=x#y',
      `https://a.example/missing-${'x'.repeat(500)}`,
    ];
    const [parts] = contents(await withLinkedImages([user(links.map(image))], signal, fetch));
    expect(parts).toEqual([
      text('[The image at https://a.example/missing.png could not be fetched: its server answered 404.]'),
      text(
        `[The image at https://a.example/missing-${'x'.repeat(174)}… could not be fetched: its server answered 404.]`,
      ),
    ]);
  });

  it.each([
    [1, 10_485_760],
    [4, 10_485_760],
    [5, 8_388_608],
    [20, 2_097_152],
    [30, 2_097_152],
  ])('may, when there are %i, weigh %i bytes each', async (count, maxBytes) => {
    const { asked, fetch } = fetcher();
    const links = Array.from({ length: count }, (_, i) => image(`https://a.example/${i}.png`));
    const [parts] = contents(await withLinkedImages([user(links)], signal, fetch));
    expect(asked).toHaveLength(Math.min(count, 20));
    for (const each of asked) expect(each.maxBytes).toBe(maxBytes);
    expect((parts as ContentPart[]).slice(20)).toEqual(
      links
        .slice(20)
        .map((_, i) =>
          text(
            `[The image at https://a.example/${i + 20}.png could not be fetched: only the first 20 images of a message are fetched.]`,
          ),
        ),
    );
  });

  it('are none where nobody has linked one', async () => {
    const { asked, fetch } = fetcher();
    const events = [user('hi'), event('assistant_message', { content: 'Hello.' }), user([data('own')])];
    expect(await withLinkedImages(events, signal, fetch)).toEqual(events);
    expect(await withLinkedImages([], signal, fetch)).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('fail the whole when the run was aborted, or something is wrong with us', async () => {
    const why = new Error('aborted');
    const fetch: FetchImage = () => Promise.reject(why);
    await expect(withLinkedImages([user([image('https://a.example/')])], signal, fetch)).rejects.toBe(why);
  });
});
