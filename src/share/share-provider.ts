import { ShareFailed } from './share.errors.js';

const TIMEOUT_MS = 30_000;

/** A page on its way to where it will be public. */
export interface SharedPage {
  readonly sessionId: string;
  /** Part of the page's address, as a wish. */
  readonly slug: string;
  readonly html: Blob;
  /** The first thing that the user said. */
  readonly query: string;
  readonly name: string;
  readonly tags: readonly string[];
}

/**
 * Uploads a page to the configured provider.
 * @returns the page's public address
 * @throws ShareFailed when the provider cannot be reached or does not answer with a URL
 */
export async function uploadPage(provider: string, page: SharedPage): Promise<string> {
  const form = new FormData();
  form.set('file', page.html, `${page.slug}.html`);
  form.set('sessionId', page.sessionId);
  form.set('type', 'html');
  form.set('slug', page.slug);
  form.set('query', page.query);
  if (page.name) form.set('name', page.name);
  if (page.tags.length > 0) form.set('tags', JSON.stringify(page.tags));

  let response: Response;
  try {
    response = await fetch(provider, { method: 'POST', body: form, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const late = (error as Error).name === 'TimeoutError';
    throw new ShareFailed(
      late
        ? `the share provider did not answer within ${TIMEOUT_MS} ms`
        : 'the share provider cannot be reached',
    );
  }
  if (!response.ok) throw new ShareFailed(`the share provider answered ${response.status}`);
  const answer: unknown = await response.json().catch(() => undefined); // no JSON: no URL
  const url = (answer as { url?: unknown } | undefined)?.url;
  if (typeof url !== 'string' || !/^https?:\/\//.test(url)) {
    throw new ShareFailed('the share provider did not answer with { "url": "https://…" }');
  }
  return url;
}
