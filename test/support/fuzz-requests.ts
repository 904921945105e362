import { deflateSync, gzipSync } from 'node:zlib';
import type { Operation } from './api-document.js';
import { filled } from './api-routes.js';
import { FuzzRng } from './fuzz-values.js';
import { toBytes } from './raw-http.js';

/** What is sent in one go. */
export interface FuzzedRequest {
  readonly what: string;
  readonly bytes: Buffer;
  /** The methods that answers are waited for, in order. None: the connection is left after the bytes are sent. */
  readonly answers: readonly string[];
  /** Nothing is known of what comes back: the connection is closed by this side, and read to its end. */
  readonly untilClosed?: boolean;
}

/** What requests are made of: the API's own routes, and ids of sessions that there are. */
export interface Material {
  readonly operations: readonly Operation[];
  readonly sessionIds: readonly string[];
  readonly host: string;
}

type Header = readonly [string, string];

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'];
const OTHER_PATHS = [
  '/',
  '/favicon.ico',
  '/.env',
  '/.git/config',
  '/socket.io/?EIO=4&transport=polling',
  '/socket.io/?EIO=3&transport=polling',
  '/socket.io/?EIO=4&transport=x',
  '/socket.io/?EIO=4&transport=polling&sid=x',
  '/socket.io/socket.io.js',
  '/socket.io/../api/sessions',
  '/api',
  '/api/',
  '/api/v1',
  '/api/v1/v1/health',
  '//api//sessions',
  '/api/docs/..%2f..%2fpackage.json',
  '/api/docs/%00',
  '/auth/link?code=x',
  '/auth/logout',
  '/api/runs/%E0%A4%A',
  '*',
];
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=utf-7',
  'application/json; charset=koi8-r',
  'application/json; charset="',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'multipart/form-data',
  '/',
  ';',
];

/** Little that becomes much. */
const BOMB = gzipSync(Buffer.alloc(3_000_000, '['));

/** The request of this number: always the same for the same seed, whatever came before it. */
export function fuzzedRequest(seed: number, number: number, material: Material): FuzzedRequest {
  const rng = new FuzzRng(seed * 1_000_003 + number);
  const kind = rng.below(100);
  if (kind < 60) return single(rng, material);
  // Not when requests are pipelined: Node puts its "100 Continue" into the middle of an answer then.
  if (kind < 62) return single(rng, material, [['Expect', rng.pick(['100-continue', 'x'])]]);
  if (kind < 72) return withBroken(rng, material);
  if (kind < 78) return chunked(rng, material);
  if (kind < 84) return packed(rng, material);
  if (kind < 90) return pipelined(rng, material);
  if (kind < 94) return unfinished(rng, material);
  return garbage(rng, material);
}

/** One request to a known or an unknown place, as well formed as HTTP wants it. */
function single(rng: FuzzRng, material: Material, more: readonly Header[] = []): FuzzedRequest {
  const { method, target, fields } = place(rng, material);
  const hasBody = method !== 'GET' && method !== 'HEAD' && !rng.oneIn(10);
  const headers: Header[] = [...common(rng, material), ...(hasBody ? typed(rng) : []), ...more];
  const body = hasBody ? JSON.stringify(bodyOf(rng, fields, material)) : undefined;
  return {
    what: `${method} ${target.slice(0, 200)} ${body?.slice(0, 300) ?? ''}`,
    bytes: toBytes({ method, target, headers, ...(body !== undefined && { body }) }),
    answers: [method],
  };
}

function withBroken(rng: FuzzRng, material: Material): FuzzedRequest {
  const { target, fields } = place(rng, material);
  const body = rng.broken(JSON.stringify(bodyOf(rng, fields, material)));
  const headers = [...common(rng, material), ...typed(rng)];
  return {
    what: `POST ${target.slice(0, 200)} broken`,
    bytes: toBytes({ method: 'POST', target, headers, body }),
    answers: ['POST'],
  };
}

function chunked(rng: FuzzRng, material: Material): FuzzedRequest {
  const { target, fields } = place(rng, material);
  const body = JSON.stringify(bodyOf(rng, fields, material));
  const headers: Header[] = [...common(rng, material), ...typed(rng), ['Transfer-Encoding', 'chunked']];
  const head = toBytes({ method: 'POST', target, headers });
  const size = Buffer.byteLength(body);
  const whole = `${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const wrong = rng.pick([
    `${(size + 5).toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `-1\r\n${body}\r\n0\r\n\r\n`,
    `${'f'.repeat(40)}\r\n${body}`,
    `${size.toString(16)};ext="${'x'.repeat(100)}"\r\n${body}\r\n0\r\nTrailer: x\r\n\r\n`,
    `zz\r\n${body}\r\n0\r\n\r\n`,
    rng.bytes(100).toString('latin1'),
  ]);
  if (rng.oneIn(3)) {
    return { what: `POST ${target.slice(0, 200)} chunked`, bytes: join(head, whole), answers: ['POST'] };
  }
  return {
    what: `POST ${target.slice(0, 200)} wrongly chunked`,
    bytes: join(head, wrong),
    answers: [],
    untilClosed: true,
  };
}

function packed(rng: FuzzRng, material: Material): FuzzedRequest {
  const { target, fields } = place(rng, material);
  const json = JSON.stringify(bodyOf(rng, fields, material));
  const encoding = rng.pick(['gzip', 'deflate', 'br', 'identity', 'x', 'gzip, gzip', '', 'zstd', 'GZIP']);
  const zipped = gzipSync(json);
  const body = rng.pick([
    zipped,
    zipped.subarray(0, rng.below(zipped.length)),
    Buffer.concat([zipped, rng.bytes(20)]),
    rng.bytes(60),
    deflateSync(json),
    BOMB,
    Buffer.from(json),
  ]);
  const headers: Header[] = [...common(rng, material), ...typed(rng), ['Content-Encoding', encoding]];
  return {
    what: `POST ${target.slice(0, 200)} ${encoding}`,
    bytes: toBytes({ method: 'POST', target, headers, body }),
    answers: ['POST'],
  };
}

function pipelined(rng: FuzzRng, material: Material): FuzzedRequest {
  const parts = Array.from({ length: 2 + rng.below(4) }, () => single(rng, material));
  return {
    what: parts.map(({ what }) => what).join(' | '),
    bytes: Buffer.concat(parts.map(({ bytes }) => bytes)),
    answers: parts.flatMap(({ answers }) => answers),
  };
}

/** The client goes away before it has sent what it promised. */
function unfinished(rng: FuzzRng, material: Material): FuzzedRequest {
  const { bytes, what } = single(rng, material);
  return { what: `unfinished ${what}`, bytes: bytes.subarray(0, rng.below(bytes.length)), answers: [] };
}

function garbage(rng: FuzzRng, { host }: Material): FuzzedRequest {
  const line = rng.pick([
    'GET / HTTP/1.1',
    'POST /api/sessions/create HTTP/1.1',
    'GET /api/sessions HTTP/1.1',
  ]);
  const at = `Host: ${host}\r\n`;
  const bytes = rng.pick<() => Buffer | string>([
    () => rng.bytes(1 + rng.below(500)),
    () => `${rng.text()} ${rng.text()} HTTP/${rng.below(9)}.${rng.below(9)}\r\n${at}\r\n`,
    () => `GET /${'a'.repeat(rng.below(40_000))} HTTP/1.1\r\n${at}\r\n`,
    () => `${line}\r\n${at}X-Long: ${'x'.repeat(rng.below(40_000))}\r\n\r\n`,
    () => `${line}\r\n${at}${'X-Many: x\r\n'.repeat(rng.below(3_000))}\r\n`,
    () => `${line}\r\n${at}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    () =>
      `${line}\r\n${at}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
    () => `${line}\r\n${at}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    () => `${line}\r\n${at}Content-Length: -1\r\n\r\n`,
    () => `${line}\r\n${at}Content-Length: 99999999999999999999\r\n\r\n`,
    () => `${line}\r\n${at}Connection: Upgrade\r\nUpgrade: ${rng.pick(['h2c', 'websocket', 'x'])}\r\n\r\n`,
    () => `${line}\n${at}\n`,
    () => `${line}\r\n ${at}\r\n`,
    () => `${line}\r\n${at}Bad Name: x\r\n\r\n`,
    () => `${line}\r\n${at}Bad\u0000: x\r\n\r\n`,
    () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    () => `CONNECT ${host} HTTP/1.1\r\n${at}\r\n`,
    () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
    () =>
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n${at}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: ${rng.below(20)}\r\nSec-WebSocket-Key: ${rng.pick(['dGhlIHNhbXBsZSBub25jZQ==', 'x', ''])}\r\n\r\n` +
      rng.bytes(50).toString('latin1'),
  ])();
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1');
  const what = `garbage ${JSON.stringify(buffer.toString('latin1', 0, 150))}`;
  return { what, bytes: buffer, answers: [], untilClosed: true };
}

interface Place {
  readonly method: string;
  readonly target: string;
  /** The fields that the route's body is known to have, and others. */
  readonly fields: readonly string[];
}

const FIELDS = [
  'sessionId',
  'query',
  'name',
  'tags',
  'metadata',
  'agentOptions',
  'runtimeSettings',
  'messages',
  'model',
  'provider',
  'upload',
  'whenBusy',
  'idempotencyKey',
  'runId',
  'sessionName',
  'sessionTags',
  'paths',
];

function place(rng: FuzzRng, { operations, sessionIds }: Material): Place {
  if (rng.oneIn(8)) {
    const target = rng.oneIn(2) ? rng.pick(OTHER_PATHS) : `/${encoded(rng, rng.text())}`;
    return { method: rng.pick(METHODS), target: noSpace(target), fields: FIELDS };
  }
  const operation = rng.pick(operations);
  const method = rng.oneIn(8) ? rng.pick(METHODS) : operation.method.toUpperCase();
  const value = () => (rng.oneIn(2) ? rng.pick(sessionIds) : rng.text());
  let path = filled(operation.path, encoded(rng, value()));
  if (rng.oneIn(12)) path = mutated(rng, path);
  const query = operation.parameters
    .filter((parameter) => parameter.in === 'query' && !rng.oneIn(6))
    .map(({ name }) => `${name}=${encoded(rng, name === 'sessionId' ? value() : rng.text())}`);
  if (rng.oneIn(6)) query.push(`${encoded(rng, rng.text())}=${encoded(rng, rng.text())}`);
  // Lists of everything, while the sessions become many, would be most of the work.
  if (operation.path === '/api/sessions' && !rng.oneIn(10)) query.push('limit=20');
  const target = query.length > 0 ? `${path}?${query.join('&')}` : path;
  return { method, target: noSpace(target).slice(0, 10_000), fields: FIELDS };
}

function mutated(rng: FuzzRng, path: string): string {
  const at = rng.below(path.length);
  return rng.pick([
    path.toUpperCase(),
    `${path}/`,
    `${path}/..`,
    path.replaceAll('/', '//'),
    path.replace('/api', '/api/v1'),
    path.replaceAll('/', '%2f'),
    `${path.slice(0, at)}%${path.slice(at)}`,
    `${path.slice(0, at)}/../${path.slice(at)}`,
    `${path.slice(0, at)}\u00ff${path.slice(at)}`,
    `${path}${'/x'.repeat(500)}`,
    `/${path}`,
  ]);
}

/** As a part of an address: properly, only a little, or wrongly. */
function encoded(rng: FuzzRng, text: string): string {
  if (rng.oneIn(4)) return text;
  if (rng.oneIn(6)) return `${text.slice(0, 20)}%${rng.pick(['', 'z', '1', 'ff', 'c0%af', 'u0041'])}`;
  return encodeURIComponent(Buffer.from(text).toString());
}

/** Without what would end the request line, and make another request of the rest. */
const noSpace = (target: string): string => printable(target).replaceAll(' ', '+');

/** As one line of bytes that HTTP allows: what it does not allow is refused before any of our code sees it. */
function printable(text: string): string {
  const bytes = Buffer.from(text, 'latin1').map((byte) => (byte < 0x20 || byte === 0x7f ? 0x20 : byte));
  return Buffer.from(bytes).toString('latin1');
}

function bodyOf(rng: FuzzRng, fields: readonly string[], { sessionIds }: Material): unknown {
  if (rng.oneIn(12)) return rng.value();
  const body: Record<string, unknown> = {};
  if (!rng.oneIn(6)) body['sessionId'] = rng.oneIn(5) ? rng.value() : rng.pick(sessionIds);
  if (!rng.oneIn(4)) body['query'] = rng.oneIn(2) ? rng.text() : content(rng);
  for (let i = rng.oneIn(2) ? rng.below(5) : 0; i > 0; i--) body[rng.pick(fields)] = rng.value();
  if (rng.oneIn(3)) body['whenBusy'] = rng.pick(['reject', 'queue', 'interrupt', 'queue', 'x']);
  if (rng.oneIn(10)) body[rng.text()] = rng.value();
  return body;
}

function content(rng: FuzzRng): unknown {
  const part = () =>
    rng.pick<unknown>([
      { type: 'text', text: rng.text() },
      { type: 'image_url', image_url: { url: rng.pick(['data:image/png;base64,AAAA', rng.text()]) } },
      { type: rng.text(), text: rng.value(1) },
      rng.value(2),
    ]);
  return Array.from({ length: rng.below(4) }, part);
}

function common(rng: FuzzRng, { host }: Material): Header[] {
  const headers: Header[] = [['Host', rng.oneIn(30) ? headerValue(rng.text()) : host]];
  const more: readonly (() => Header)[] = [
    () => ['Accept', headerValue(rng.text())],
    () => ['Accept-Encoding', rng.pick(['gzip', 'br;q=1.0, *;q=0', headerValue(rng.text())])],
    () => ['Range', rng.pick(['bytes=0-', 'bytes=-1', 'bytes=9-1', headerValue(rng.text())])],
    () => ['If-None-Match', rng.pick(['*', 'W/"x"', headerValue(rng.text())])],
    () => ['If-Modified-Since', headerValue(rng.text())],
    () => ['Last-Event-ID', rng.pick(['0', '-1', '1e9', '99999999999999999999', headerValue(rng.text())])],
    () => ['Idempotency-Key', headerValue(rng.text())],
    () => ['Authorization', rng.pick(['Bearer x', 'Basic eA==', headerValue(rng.text())])],
    () => ['Cookie', headerValue(rng.text())],
    () => ['Origin', rng.pick([`http://${host}`, 'http://evil.test', 'null', headerValue(rng.text())])],
    () => ['Sec-Fetch-Site', rng.pick(['same-origin', 'cross-site', headerValue(rng.text())])],
    () => ['X-Forwarded-For', headerValue(rng.text())],
    () => ['X-HTTP-Method-Override', 'DELETE'],
    () => ['Connection', rng.pick(['close', 'keep-alive', 'x'])],
    () => [`X-${rng.below(1_000)}`, headerValue(rng.text())],
  ];
  while (rng.oneIn(2)) headers.push(rng.pick(more)());
  return headers;
}

function typed(rng: FuzzRng): Header[] {
  if (rng.oneIn(15)) return [];
  return [['Content-Type', rng.oneIn(6) ? rng.pick(TYPES) : 'application/json']];
}

const headerValue = (text: string): string => printable(text).slice(0, 3_000);

const join = (head: Buffer, body: string): Buffer => Buffer.concat([head, Buffer.from(body)]);
