import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { fetchImage, type FetchOptions } from '../../src/images/fetch-image.js';
import { IMAGES, ImageStub, PNG } from '../support/image-stub.js';

const LOCAL: LookupAddress = { address: '127.0.0.1', family: 4 };
const LOCAL_6: LookupAddress = { address: '::1', family: 6 };

const NO_IMAGE = 'it is no PNG, JPEG, GIF or WebP image';
const NOT_PUBLIC = 'its host has no public address';
const UNREACHABLE = 'its server could not be reached, or broke off';

let stub: ImageStub;

beforeAll(async () => {
  stub = await ImageStub.start();
});
afterEach(() => stub.reset());
afterAll(() => stub.stop());

/** With the rule opened for 127.0.0.1, and for nothing else. */
const fetchLocal = (url: string, more: Partial<FetchOptions> = {}) =>
  fetchImage(url, {
    signal: new AbortController().signal,
    isAllowed: (address) => address === '127.0.0.1',
    ...more,
  });

/** Why an image is not had. */
async function reason(fetching: Promise<unknown>): Promise<string> {
  const error = await fetching.then(
    () => new Error('It was fetched.'),
    (thrown: Error) => thrown,
  );
  expect(error.name).toBe('ImageUnavailable');
  return error.message;
}

/** Answers with these, one list for each time that it is asked, and keeps what it was asked for. */
function names(...answers: (readonly LookupAddress[])[]) {
  const asked: string[] = [];
  return {
    asked,
    lookup: async (host: string): Promise<readonly LookupAddress[]> => {
      asked.push(host);
      const answer = answers.shift();
      if (!answer) throw new Error(`${host} was looked up once too often`);
      return answer;
    },
  };
}

describe('an image', () => {
  it.each(Object.entries(IMAGES))('%s is fetched, its type told by its bytes', async (mediaType, bytes) => {
    for (const claimed of [mediaType, 'image/x-anything', 'IMAGE/PNG; charset=binary']) {
      stub.answer = (res) => ImageStub.send(res, bytes, { 'content-type': claimed });
      expect(await fetchLocal(stub.url())).toEqual({ mediaType, bytes });
    }
  });

  it('is asked for by its whole path, of the host as it is named, with nothing that tells of us', async () => {
    const { lookup } = names([LOCAL]);
    await fetchLocal(stub.url('/a/b.png?size=2&x=%20#part', 'images.example'), { lookup });
    expect(stub.requests).toMatchObject([{ path: '/a/b.png?size=2&x=%20', address: '::ffff:127.0.0.1' }]);
    expect(stub.requests[0]?.headers).toEqual({
      host: `images.example:${stub.port}`,
      accept: 'image/png, image/jpeg, image/gif, image/webp',
      'accept-encoding': 'identity',
      'user-agent': 'agent-tars',
      connection: 'close',
    });
  });

  it.each<[string, string, Buffer]>([
    ['SVG', 'image/svg+xml', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['SVG that calls itself PNG', 'image/png', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['a page', 'text/html', Buffer.from('<!doctype html>')],
    ['a page that calls itself PNG', 'image/png', Buffer.from('<!doctype html>')],
    ['JSON', 'application/json', Buffer.from('{"token":"internal"}')],
    ['PNG that calls itself text', 'text/plain', PNG],
    ['PNG that says nothing of itself', '', PNG],
    ['PNG after a space', 'image/png', Buffer.concat([Buffer.from(' '), PNG])],
    ['a signature cut short', 'image/png', PNG.subarray(0, 7)],
    ['RIFF that is a sound', 'image/webp', Buffer.from('RIFF\x10\0\0\0WAVEfmt ')],
    ['BMP', 'image/bmp', Buffer.from('BM6\0\0\0')],
    ['nothing', 'image/png', Buffer.alloc(0)],
    ['PNG that is packed, though nobody asked', 'image/png', gzipSync(PNG)],
  ])('is not %s', async (_what, type, bytes) => {
    stub.answer = (res) => ImageStub.send(res, bytes, { 'content-type': type });
    expect(await reason(fetchLocal(stub.url()))).toBe(NO_IMAGE);
    expect(stub.requests).toHaveLength(1);
  });

  it.each([201, 204, 206, 300, 304, 400, 404, 500])('is not in an answer %i', async (status) => {
    stub.answer = (res) => res.writeHead(status, { 'content-type': 'image/png' }).end();
    expect(await reason(fetchLocal(stub.url()))).toBe(`its server answered ${status}`);
  });

  it.each<[string, (socket: net.Socket) => void]>([
    [
      'breaks off',
      (socket) =>
        socket.end(`HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\n\x89PNG`),
    ],
    ['says nothing', (socket) => socket.end()],
    ['resets', (socket) => socket.resetAndDestroy()],
    ['speaks something else', (socket) => socket.end('220 mail.example ESMTP\r\n')],
    ['has endless headers', (socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`)],
    [
      'switches protocols',
      (socket) => socket.end('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
  ])('is not had of a server that %s', async (_what, answer) => {
    stub.answer = (res) => {
      if (res.socket) answer(res.socket);
    };
    expect(await reason(fetchLocal(stub.url()))).toBe(UNREACHABLE);
  });

  it('is not had where nobody listens, and not over TLS of a server that has none', async () => {
    const gone = await ImageStub.start();
    const url = gone.url();
    await gone.stop();
    expect(await reason(fetchLocal(url))).toBe(UNREACHABLE);
    expect(await reason(fetchLocal(stub.url().replace('http:', 'https:')))).toBe(UNREACHABLE);
    expect(stub.requests).toEqual([]);
  });

  it('is asked for over TLS by the name of its host', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const hello = new Promise<Buffer>((resolve) => {
      server.once('connection', (socket) => {
        socket.on('error', () => undefined);
        socket.once('data', (data) => {
          resolve(data);
          socket.destroy();
        });
      });
    });
    const { port } = server.address() as AddressInfo;
    const { lookup } = names([LOCAL]);
    expect(await reason(fetchLocal(`https://images.example:${port}/x.png`, { lookup }))).toBe(UNREACHABLE);
    expect((await hello)[0]).toBe(22); // a TLS handshake
    expect((await hello).includes('images.example')).toBe(true);
    server.close();
  });
});

describe('the size of an image', () => {
  const sized = (size: number) => Buffer.concat([PNG, Buffer.alloc(size - PNG.length)]);

  it.each([true, false])('may be the limit, and no more (told before: %s)', async (told) => {
    const answer = (size: number) => {
      stub.answer = (res) => {
        if (told) return ImageStub.send(res, sized(size));
        res.writeHead(200, { 'content-type': 'image/png' }).write(PNG);
        res.end(Buffer.alloc(size - PNG.length));
      };
      return fetchLocal(stub.url(), { maxBytes: 100_000 });
    };
    expect((await answer(100_000)).bytes).toHaveLength(100_000);
    expect(await reason(answer(100_001))).toBe('it is larger than 100000 bytes');
  });

  it('is 10 MB unless told otherwise', async () => {
    stub.answer = (res) => ImageStub.send(res, sized(10_485_760));
    expect((await fetchLocal(stub.url())).bytes).toHaveLength(10_485_760);
    stub.answer = (res) => ImageStub.send(res, PNG, { 'content-length': 10_485_761 });
    expect(await reason(fetchLocal(stub.url()))).toBe('it is larger than 10485760 bytes');
  });

  it('ends one that does not end, with its connection', async () => {
    let sent = 0;
    stub.answer = (res) => {
      res.writeHead(200, { 'content-type': 'image/png' });
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(10_000))) sent += 10_000;
      };
      res.on('drain', more);
      more();
    };
    const request = stub.request();
    expect(await reason(fetchLocal(stub.url(), { maxBytes: 100_000 }))).toBe(
      'it is larger than 100000 bytes',
    );
    await (
      await request
    ).closed;
    expect(sent).toBeGreaterThan(100_000);
  });

  it('is not waited for when it was told to be too large', async () => {
    stub.answer = (res) =>
      res.writeHead(200, { 'content-type': 'image/png', 'content-length': 1e12 }).write(PNG);
    const request = stub.request();
    expect(await reason(fetchLocal(stub.url()))).toBe('it is larger than 10485760 bytes');
    await (
      await request
    ).closed;
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('%i is followed', async (status) => {
    stub.answer = (res, path) =>
      path === '/x.png' ? ImageStub.redirect(res, 'img/y.png?z', status) : ImageStub.send(res, PNG);
    expect((await fetchLocal(stub.url())).bytes).toEqual(PNG);
    expect(stub.requests.map(({ path }) => path)).toEqual(['/x.png', '/img/y.png?z']);
  });

  it('is followed three times, and not a fourth', async () => {
    const until = (last: number) => {
      stub.reset();
      stub.answer = (res, path) =>
        Number(path.slice(1)) < last
          ? ImageStub.redirect(res, `/${Number(path.slice(1)) + 1}`)
          : ImageStub.send(res, PNG);
      return fetchLocal(stub.url('/0'));
    };
    expect((await until(3)).mediaType).toBe('image/png');
    expect(await reason(until(4))).toBe('it was redirected more than 3 times');
    expect(stub.requests).toHaveLength(4);
  });

  it('that says nowhere is no image', async () => {
    stub.answer = (res) => res.writeHead(302).end();
    expect(await reason(fetchLocal(stub.url()))).toBe('its server answered 302');
  });

  it.each<[string, string]>([
    ['http://[::1]:PORT/', NOT_PUBLIC],
    ['http://[::ffff:127.0.0.2]:PORT/', NOT_PUBLIC],
    ['http://127.0.0.2:PORT/', NOT_PUBLIC],
    ['http://10.0.0.1:PORT/', NOT_PUBLIC],
    ['//[::1]:PORT/', NOT_PUBLIC],
    ['http://2130706434:PORT/', NOT_PUBLIC],
    ['http://169.254.169.254/latest/meta-data/', NOT_PUBLIC],
    ['file:///etc/passwd', 'only http: and https: links are fetched'],
    ['ftp://127.0.0.1:PORT/x.png', 'only http: and https: links are fetched'],
    ['data:image/png;base64,iVBORw0KGgo=', 'only http: and https: links are fetched'],
    ['gopher://127.0.0.1:PORT/_GET', 'only http: and https: links are fetched'],
    ['http://user:pass@127.0.0.1:PORT/', 'a link that holds a user or a password is not fetched'],
    ['http://127.0.0.1:22/', 'images are fetched from ports 80, 443 and those from 1024 on'],
    ['http://', 'its link is no URL'],
  ])('to %s is checked like a link of its own', async (location, why) => {
    stub.answer = (res) => ImageStub.redirect(res, location.replace('PORT', String(stub.port)));
    expect(await reason(fetchLocal(stub.url()))).toBe(why);
    expect(stub.connections).toBe(1);
  });

  it('to the same name is looked up again, and refused when that is not allowed any more', async () => {
    const { lookup, asked } = names([LOCAL], [LOCAL_6]);
    stub.answer = (res) => ImageStub.redirect(res, '/y.png');
    expect(await reason(fetchLocal(stub.url('/x.png', 'images.example'), { lookup }))).toBe(NOT_PUBLIC);
    expect(asked).toEqual(['images.example', 'images.example']);
    expect(stub.connections).toBe(1);
  });
});

describe('the address of an image', () => {
  it('is looked up once: a name that points elsewhere a moment later leads nowhere else', async () => {
    const { lookup, asked } = names([LOCAL], [LOCAL_6]);
    await fetchLocal(stub.url('/x.png', 'images.example'), { lookup });
    expect(asked).toEqual(['images.example']);
    expect(stub.requests).toMatchObject([{ address: '::ffff:127.0.0.1' }]);
  });

  it('is any of those that were checked: the next one when the first does not answer', async () => {
    const gone = await ImageStub.start();
    const { port } = gone;
    await gone.stop();
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      const head = `HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: ${PNG.length}\r\n\r\n`;
      socket.end(Buffer.concat([Buffer.from(head), PNG]));
    });
    server.listen(port, '127.0.0.1'); // and not on ::1
    await once(server, 'listening');
    const { lookup, asked } = names([LOCAL_6, LOCAL]);
    const { bytes } = await fetchLocal(`http://images.example:${port}/`, { lookup, isAllowed: () => true });
    expect(bytes).toEqual(PNG);
    expect(asked).toHaveLength(1);
    server.close();
  });

  it.each<[string, readonly LookupAddress[]]>([
    ['the second of two', [LOCAL, LOCAL_6]],
    ['the first of two', [LOCAL_6, LOCAL]],
    ['the only one', [LOCAL_6]],
    ['there is none', []],
  ])('is refused when %s is not allowed', async (_which, addresses) => {
    const { lookup } = names(addresses);
    expect(await reason(fetchLocal(stub.url('/x.png', 'images.example'), { lookup }))).toBe(NOT_PUBLIC);
    expect(stub.connections).toBe(0);
  });

  it('is refused in the same words when the name is unknown', async () => {
    const { lookup } = names();
    expect(await reason(fetchLocal(stub.url('/x.png', 'images.example'), { lookup }))).toBe(NOT_PUBLIC);
  });

  it.each([
    '127.0.0.1',
    'localhost',
    'LOCALHOST.',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:0:0:1]',
    '2130706433',
    '0x7f000001',
    '0X7F.1',
    '017700000001',
    '0177.0.0.1',
    '127.1',
    '127.0.1',
    '127.127.127.127',
    '0',
    '0.0.0.0',
    '①②⑦.⓪.⓪.①',
    '127。0。0。1',
    '%31%32%37.0.0.1',
    '127.0.0.1.',
  ])('is refused by the rule that everybody has: %s', async (host) => {
    const { signal } = new AbortController();
    expect(await reason(fetchImage(stub.url('/x.png', host), { signal }))).toBe(NOT_PUBLIC);
    expect(stub.connections).toBe(0);
  });
});

describe('a link', () => {
  it.each([
    ['file:///etc/passwd', 'only http: and https: links are fetched'],
    ['ftp://images.example/x.png', 'only http: and https: links are fetched'],
    ['ws://images.example/x.png', 'only http: and https: links are fetched'],
    ['javascript:alert(1)', 'only http: and https: links are fetched'],
    ['http://user@images.example/x.png', 'a link that holds a user or a password is not fetched'],
    ['http://:pass@images.example/x.png', 'a link that holds a user or a password is not fetched'],
    ...[0, 1, 22, 25, 79, 81, 442, 444, 1023].map((port) => [
      `http://images.example:${port}/x.png`,
      'images are fetched from ports 80, 443 and those from 1024 on',
    ]),
    ['images/x.png', 'its link is no URL'],
    ['http://', 'its link is no URL'],
    ['http://[::1/x.png', 'its link is no URL'],
  ])('%s is not even looked up', async (url, why) => {
    const { lookup, asked } = names([LOCAL]);
    expect(await reason(fetchLocal(url, { lookup }))).toBe(why);
    expect(asked).toEqual([]);
  });

  it.each([
    'http://images.example',
    'https://images.example:443',
    'http://images.example:443',
    'https://images.example:80',
    'http://images.example:1024',
    'https://images.example:65535',
  ])('%s is', async (origin) => {
    const { lookup, asked } = names([]);
    expect(await reason(fetchLocal(`${origin}/x.png`, { lookup }))).toBe(NOT_PUBLIC);
    expect(asked).toEqual(['images.example']);
  });
});

describe('the time that an image may take', () => {
  const LATE = 'it did not arrive within 0.2 seconds';
  const inTime = { timeoutMs: 200 };
  const never = () => new Promise<never>(() => undefined);

  it.each<[string, (stub: ImageStub) => void]>([
    ['before the answer', () => (stub.answer = () => undefined)],
    [
      'within it',
      () => (stub.answer = (res) => res.writeHead(200, { 'content-type': 'image/png' }).write(PNG)),
    ],
  ])('holds for a server that falls silent %s, and its connection is closed', async (_when, prepare) => {
    prepare(stub);
    const request = stub.request();
    expect(await reason(fetchLocal(stub.url(), inTime))).toBe(LATE);
    await (
      await request
    ).closed;
  });

  it('holds for one that sends a byte again and again', async () => {
    let timer: NodeJS.Timeout | undefined;
    stub.answer = (res) => {
      res.writeHead(200, { 'content-type': 'image/png' }).write(PNG);
      timer = setInterval(() => res.write('x'), 20);
    };
    const request = stub.request();
    expect(await reason(fetchLocal(stub.url(), inTime))).toBe(LATE);
    await (
      await request
    ).closed;
    clearInterval(timer);
  });

  it('holds for a name that is never resolved', async () => {
    expect(await reason(fetchLocal(stub.url('/', 'images.example'), { ...inTime, lookup: never }))).toBe(
      LATE,
    );
    expect(stub.connections).toBe(0);
  });

  it('is one for all: a redirect gives no more of it', async () => {
    stub.answer = (res, path) => {
      if (path === '/x.png') setTimeout(() => ImageStub.redirect(res, '/y.png'), 150);
      else setTimeout(() => ImageStub.send(res, PNG), 150);
    };
    expect(await reason(fetchLocal(stub.url(), inTime))).toBe(LATE);
    expect(stub.requests).toHaveLength(2);
  });
});

describe('an abort', () => {
  const why = new Error('the run was aborted');

  it.each<[string, () => void]>([
    ['before the answer', () => (stub.answer = () => undefined)],
    [
      'within it',
      () => (stub.answer = (res) => res.writeHead(200, { 'content-type': 'image/png' }).write(PNG)),
    ],
  ])('ends the fetch %s, and its connection', async (_when, prepare) => {
    prepare();
    const controller = new AbortController();
    const request = stub.request();
    const fetching = fetchLocal(stub.url(), { signal: controller.signal });
    const { closed } = await request;
    controller.abort(why);
    await expect(fetching).rejects.toBe(why);
    await closed;
  });

  it('ends it while the name is looked up', async () => {
    const controller = new AbortController();
    const lookup = () => {
      controller.abort(why);
      return new Promise<never>(() => undefined);
    };
    await expect(fetchLocal('http://images.example/', { signal: controller.signal, lookup })).rejects.toBe(
      why,
    );
  });

  it('before the start lets nothing start', async () => {
    await expect(fetchLocal(stub.url(), { signal: AbortSignal.abort(why) })).rejects.toBe(why);
    expect(stub.connections).toBe(0);
  });
});
