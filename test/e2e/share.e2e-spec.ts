import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ShareStub } from '../support/share-stub.js';
import { TestServer } from '../support/test-server.js';

const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

describe('a shared page', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start();
  });
  afterAll(() => app.stop());

  const pageOf = async (sessionId: string): Promise<string> => {
    const { status, body } = await app.post('/api/sessions/share', { sessionId, upload: false });
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['success', 'sessionId', 'html']);
    expect(body).toMatchObject({ success: true, sessionId });
    return body.html;
  };

  it('holds the conversation: what was asked, what tools did, what was answered', async () => {
    const sessionId = await app.createSession({ name: 'A fine talk' });
    app.model.next(
      (reply) =>
        reply.thinking('let me think').text('I will look.').toolCall('read_file', { path: 'note.txt' }).end(),
      (reply) => reply.text('It says ', 'so.').end(),
    );
    await app.query(sessionId, 'What does the note say?');
    const page = await pageOf(sessionId);
    expect(page).toContain('<title>A fine talk</title>');
    const inOrder = [
      'What does the note say?',
      'let me think',
      'I will look.',
      'read_file',
      '&quot;path&quot;: &quot;note.txt&quot;',
      'the note says sentinel-7391',
      'It says so.',
    ];
    const places = inOrder.map((text) => page.indexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('shows a tool that failed and an error of the model', async () => {
    const sessionId = await app.createSession();
    app.model.next(
      (reply) => reply.toolCall('read_file', { path: 'missing.txt' }).end(),
      (reply) => reply.fail(400, 'the model is unwell'),
    );
    await app.query(sessionId, 'try');
    const page = await pageOf(sessionId);
    expect(page).toMatch(/Error \(\d+ ms\)/);
    expect(page).toContain('missing.txt');
    expect(page).toContain('the model is unwell');
  });

  it('holds whole messages once, and no streaming events', async () => {
    const sessionId = await app.createSession();
    app.model.next((reply) => reply.text('piece one, ', 'piece two').end());
    await app.query(sessionId, 'go');
    const page = await pageOf(sessionId);
    expect(page.split('piece one, piece two')).toHaveLength(2);
    expect(page.split('piece one')).toHaveLength(2);
    expect(page).not.toMatch(/streaming|isComplete|agent_run/);
  });

  it('loads nothing and runs nothing, whatever stands in it', async () => {
    const sessionId = await app.createSession({ name: '</title><script>name()</script>' });
    app.model.next(
      (reply) =>
        reply
          .text('<script src="https://evil.example/a.js"></script>')
          .toolCall('read_file', { path: '<img src=https://evil.example/b.png>' })
          .end(),
      (reply) =>
        reply.text('![x](https://evil.example/c.png) <link rel=stylesheet href=//evil.example/d.css>').end(),
    );
    await app.query(sessionId, [
      {
        type: 'text',
        text: '<iframe src="https://evil.example"></iframe><style>@import "https://evil.example/e.css";</style>',
      },
      { type: 'image_url', image_url: { url: 'https://evil.example/f.png?"><script>url()</script>' } },
    ]);
    const page = await pageOf(sessionId);
    const tags = [...page.matchAll(/<([a-z]+)/gi)].map(([, name]) => name?.toLowerCase());
    for (const tag of ['script', 'iframe', 'link', 'img', 'object', 'embed', 'base', 'form', 'svg']) {
      expect(tags).not.toContain(tag);
    }
    expect(tags.filter((tag) => tag === 'style')).toHaveLength(1); // its own
    const attributes = [...page.matchAll(/<[a-z][^>]*\s(src|href|action|on\w+)="([^"]*)"/gi)];
    expect(attributes.map(([, name, value]) => [name, value?.slice(0, 26)])).toEqual([
      ['href', 'https://evil.example/f.png'],
    ]);
    const style = /<style>(.*?)<\/style>/s.exec(page)?.[1];
    expect(style).not.toMatch(/url\(|@import/);
    expect(page).toContain(
      '<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; img-src data:; style-src &#39;unsafe-inline&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;">',
    );
  });

  it.each([
    ['a closing script tag', '</script><script>alert(1)</script>'],
    ['replacement patterns', "$& $1 $$ $` $'"],
    ['quotes', `" ' \` &quot; \\"`],
    ['markup', '<b onclick="x">bold</b> & <!-- no --> <![CDATA[x]]>'],
    ['a closing tag of its own', '</div></article></main></body></html>'],
    ['other scripts', 'héllo 你好 👩‍👩‍👧 \u202e \u0000'],
  ])('escapes %s wherever it can stand', async (_what, text) => {
    const sessionId = await app.createSession({ name: text });
    app.model.next(
      (reply) => reply.text(`model: ${text}`).toolCall('read_file', { path: text }).end(),
      (reply) => reply.text('done').end(),
    );
    await app.query(sessionId, `user: ${text}`);
    const page = await pageOf(sessionId);
    const escaped = escape(text);
    expect(page).toContain(`<h1>${escaped}</h1>`);
    expect(page).toContain(`user: ${escaped}`);
    expect(page).toContain(`model: ${escaped}`);
    expect(page).toContain(escape(JSON.stringify({ path: text }, null, 2)));
    expect(page.match(/<\/html>/g)).toHaveLength(1);
    expect(page.match(/<\/title>/g)).toHaveLength(1);
    expect(page).not.toMatch(/<script|<b /);
  });

  it('escapes what a tool has read', async () => {
    const sessionId = await app.createSession();
    app.model.next(
      (reply) =>
        reply.toolCall('write_file', { path: 'x.html', content: '</pre><script>read()</script>' }).end(),
      (reply) => reply.toolCall('read_file', { path: 'x.html' }).end(),
      (reply) => reply.text('done').end(),
    );
    await app.query(sessionId, 'go');
    const page = await pageOf(sessionId);
    expect(page.split('&lt;/pre&gt;&lt;script&gt;read()&lt;/script&gt;').length).toBeGreaterThan(2);
    expect(page).not.toContain('<script');
  });

  it('shows images from data URLs, and links to others without loading them', async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId, [
      { type: 'text', text: 'two images' },
      { type: 'image_url', image_url: { url: PIXEL } },
      { type: 'image_url', image_url: { url: 'https://images.example/one.png' } },
    ]);
    const page = await pageOf(sessionId);
    expect(page).toContain(`<img alt="An image the user sent" src="${PIXEL}">`);
    expect(page).toContain('<a rel="noreferrer nofollow" href="https://images.example/one.png">');
    expect(page.match(/<img/g)).toHaveLength(1);
  });

  it('has the first question for a title when the session has no name', async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId, 'What is a session?');
    expect(await pageOf(sessionId)).toContain('<title>What is a session?</title>');
  });

  it('can be made of a session without events', async () => {
    expect(await pageOf(await app.createSession())).toContain('<title>A session</title>');
  });

  it('is what comes without upload too', async () => {
    const sessionId = await app.createSession();
    const { status, body } = await app.post('/api/v1/sessions/share', { sessionId });
    expect(status).toBe(200);
    expect(body.html).toMatch(/^<!doctype html>/);
  });

  it('cannot be uploaded where there is no provider', async () => {
    expect((await app.get('/api/share/config')).body).toEqual({
      hasShareProvider: false,
      shareProvider: null,
    });
    const sessionId = await app.createSession();
    const { status, body } = await app.post('/api/sessions/share', { sessionId, upload: true });
    expect(status).toBe(400);
    expect(body).toEqual({ code: 'INVALID_INPUT', error: expect.stringContaining('set share.provider') });
  });

  it('of a session that does not exist is a 404', async () => {
    for (const upload of [true, false]) {
      const { status, body } = await app.post('/api/sessions/share', { sessionId: 'nope', upload });
      expect([status, body.code]).toEqual([404, 'SESSION_NOT_FOUND']);
    }
  });
});

describe('a secret in a long text', () => {
  it('is masked in the page also when it became one later, wherever it stands', async () => {
    const app = await TestServer.start();
    const apiKey = 'sk-"later"-sentinel';
    const sessionId = await app.createSession();
    const text = Array.from({ length: 6_000 }, (_, i) => `${'.'.repeat(i % 97)}${apiKey}`).join('');
    app.model.next(
      (reply) => reply.toolCall('read_file', { path: text }).end(),
      (reply) => reply.text('done').end(),
    );
    await app.query(sessionId, `${text}${'x'.repeat(300_000)}`);
    const keyed = await app.restart({ model: { ...app.model.config, apiKey } });
    try {
      const { html } = (await keyed.post('/api/sessions/share', { sessionId })).body;
      expect(html.includes('sentinel')).toBe(false);
      expect(html.split('***').length).toBeGreaterThan(12_000);
    } finally {
      await keyed.stop();
    }
  });
});

describe('a secret that the model echoes', () => {
  it.each([
    ['a plain key', 'sk-test-sentinel'],
    ['a key that reads otherwise in HTML', `sk-<te"st>&'sentinel`],
  ])('is masked in the page and in all that is uploaded with it: %s', async (_what, apiKey) => {
    const provider = await ShareStub.start();
    const app = await TestServer.start();
    const keyed = await app.restart({
      model: { ...app.model.config, apiKey },
      share: { provider: provider.url },
    });
    try {
      const sessionId = await keyed.createSession({ name: `name ${apiKey}`, tags: [`tag ${apiKey}`] });
      keyed.model.next(
        (reply) =>
          reply
            .thinking(`think ${apiKey}`)
            .text(`say ${apiKey}`)
            .toolCall('read_file', { path: apiKey })
            .end(),
        (reply) => reply.text(`again ${apiKey}`).end(),
      );
      await keyed.query(sessionId, `my key is ${apiKey}`);
      const { html } = (await keyed.post('/api/sessions/share', { sessionId })).body;
      await keyed.post('/api/sessions/share', { sessionId, upload: true });
      const fields = [...provider.lastUpload.form]
        .filter(([name]) => name !== 'file')
        .map(([, value]) => value as string);
      const uploaded = await (provider.lastUpload.form.get('file') as File).text();
      for (const text of [html, uploaded, ...fields]) {
        expect(text).not.toContain(apiKey);
        expect(text).not.toContain(escape(apiKey));
        expect(text).not.toContain('sentinel');
      }
      for (const text of ['think ***', 'say ***', 'again ***', 'my key is ***', 'name ***'])
        expect(html).toContain(text);
      expect(provider.lastUpload.form.get('query')).toBe('my key is ***');
      expect(provider.lastUpload.form.get('tags')).toBe('["tag ***"]');
    } finally {
      await keyed.stop();
      await provider.stop();
    }
  });
});

describe('an upload', () => {
  let app: TestServer;
  let provider: ShareStub;

  beforeAll(async () => {
    provider = await ShareStub.start();
    app = await TestServer.start({ config: { share: { provider: `${provider.url}?token=sentinel-token` } } });
  });
  afterAll(async () => {
    await app.stop();
    await provider.stop();
  });

  const share = (sessionId: string) => app.post('/api/sessions/share', { sessionId, upload: true });

  it('is announced, without what is secret in the address', async () => {
    const { status, body } = await app.get('/api/share/config');
    expect(status).toBe(200);
    expect(body).toEqual({ hasShareProvider: true, shareProvider: provider.url });
  });

  it('sends the page and what belongs to it as a form, and answers with its address', async () => {
    const sessionId = await app.createSession({ name: 'A fine talk!', tags: ['one', 'ünï'] });
    await app.query(sessionId, [{ type: 'text', text: 'first question' }]);
    await app.query(sessionId, 'second question');
    const { status, body } = await share(sessionId);
    expect(status).toBe(200);
    expect(body).toEqual({ success: true, sessionId, url: 'https://share.example/page' });
    const { method, path, headers, form } = provider.lastUpload;
    expect([method, path]).toEqual(['POST', '/upload?token=sentinel-token']);
    expect(headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    const file = form.get('file') as File;
    expect(file.type).toBe('text/html');
    expect(file.name).toMatch(/^a-fine-talk-[a-z0-9]+\.html$/);
    const { html } = (await app.post('/api/sessions/share', { sessionId })).body;
    expect(await file.text()).toBe(html);
    const { slug, ...fields } = Object.fromEntries([...form].filter(([name]) => name !== 'file'));
    expect(slug).toBe(file.name.replace('.html', ''));
    expect(fields).toEqual({
      sessionId,
      type: 'html',
      query: 'first question',
      name: 'A fine talk!',
      tags: '["one","ünï"]',
    });
  });

  it('sends a page with a large image and a long text whole', async () => {
    const sessionId = await app.createSession();
    const url = `data:image/png;base64,${'A'.repeat(3_000_000)}`;
    const text = 'ä"<€😀'.repeat(100_000);
    const content = [
      { type: 'text', text },
      { type: 'image_url', image_url: { url } },
    ];
    expect((await app.query(sessionId, content)).status).toBe(200);
    expect((await share(sessionId)).body.url).toBe('https://share.example/page');
    const page = await (provider.lastUpload.form.get('file') as File).text();
    const { html } = (await app.post('/api/sessions/share', { sessionId })).body;
    expect(page === html).toBe(true); // not compared by jest: it would print both
    const both = `<div class="text">${escape(text)}</div><img alt="An image the user sent" src="${url}">`;
    expect(page.includes(both)).toBe(true);
    expect(provider.lastUpload.form.get('query') === text.slice(0, 100_000)).toBe(true);
  });

  it('leaves out the name and the tags of a session that has none', async () => {
    const sessionId = await app.createSession();
    await app.query(sessionId, 'no name 你好');
    await share(sessionId);
    const fields = [...provider.lastUpload.form.keys()].sort();
    expect(fields).toEqual(['file', 'query', 'sessionId', 'slug', 'type']);
    expect(provider.lastUpload.form.get('slug')).toMatch(/^no-name-[a-z0-9]+$/);
  });

  it('has the same slug each time, another for every session, and no part of the id in it', async () => {
    const slugs: unknown[] = [];
    const [one, two] = [await app.createSession({ name: 'same' }), await app.createSession({ name: 'same' })];
    for (const sessionId of [one, one, two]) {
      await share(sessionId);
      slugs.push(provider.lastUpload.form.get('slug'));
    }
    expect(slugs[0]).toBe(slugs[1]);
    expect(slugs[0]).not.toBe(slugs[2]);
    const unique = String(slugs[0]).replace('same-', '');
    expect(unique).toMatch(/^[a-z0-9]{8,}$/);
    for (let at = 0; at + 6 <= unique.length; at++)
      expect(one.slice(9)).not.toContain(unique.slice(at, at + 6));
  });

  it('works when nothing has been asked yet', async () => {
    const { body } = await share(await app.createSession());
    expect(body.success).toBe(true);
    expect(provider.lastUpload.form.get('query')).toBe('');
  });

  it.each<[string, ShareStub['answer'], RegExp]>([
    ['fails', (res) => ShareStub.json(res, 500, { url: 'https://share.example/page' }), /answered 500/],
    ['refuses it', (res) => ShareStub.json(res, 403, { error: 'no' }), /answered 403/],
    ['answers no JSON', (res) => res.end('<html>done</html>'), /did not answer with \{ "url"/],
    ['answers nothing', (res) => res.end(), /did not answer with \{ "url"/],
    ['answers null', (res) => ShareStub.json(res, 200, null), /did not answer with \{ "url"/],
    [
      'answers without a URL',
      (res) => ShareStub.json(res, 200, { link: 'x' }),
      /did not answer with \{ "url"/,
    ],
    [
      'answers a script for a URL',
      (res) => ShareStub.json(res, 200, { url: 'javascript:alert(1)' }),
      /"url"/,
    ],
    ['breaks the connection', (res) => void res.destroy(), /cannot be reached/],
  ])('is a 502 that says so when the provider %s', async (_what, answer, says) => {
    const sessionId = await app.createSession();
    const usual = provider.answer;
    provider.answer = answer;
    const { status, body } = await share(sessionId);
    provider.answer = usual;
    expect(status).toBe(502);
    expect(body).toEqual({ code: 'SHARE_FAILED', error: expect.stringMatching(says) });
    expect(body.error).toContain('share.provider');
    expect(body.error).not.toContain('sentinel-token');
    expect((await share(sessionId)).status).toBe(200);
  });

  it('is a 502 that says so when the provider cannot be reached', async () => {
    const gone = await ShareStub.start();
    const { url } = gone;
    await gone.stop();
    const unreachable = await TestServer.start({ config: { share: { provider: url } } });
    try {
      const sessionId = await unreachable.createSession();
      const { status, body } = await unreachable.post('/api/sessions/share', { sessionId, upload: true });
      expect(status).toBe(502);
      expect(body).toEqual({ code: 'SHARE_FAILED', error: expect.stringContaining('cannot be reached') });
    } finally {
      await unreachable.stop();
    }
  });
});

/** Text as it stands in HTML. */
function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
