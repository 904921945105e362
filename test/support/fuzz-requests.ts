import { deflateSync, gzipSync } from 'node:zlib';
import type { Operation } from './api-document.js';
import { filled } from './api-routes.js';
import { Dice } from './fuzz-values.js';
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
  const dice = new Dice(seed * 1_000_003 + number);
  const kind = dice.below(100);
  if (kind < 60) return single(dice, material);
  // Not when requests are pipelined: Node puts its "100 Continue" into the middle of an answer then.
  if (kind < 62) return single(dice, material, [['Expect', dice.of(['100-continue', 'x'])]]);
  if (kind < 72) return withBroken(dice, material);
  if (kind < 78) return chunked(dice, material);
  if (kind < 84) return packed(dice, material);
  if (kind < 90) return pipelined(dice, material);
  if (kind < 94) return unfinished(dice, material);
  return garbage(dice, material);
}

/** One request to a known or an unknown place, as well formed as HTTP wants it. */
function single(dice: Dice, material: Material, more: readonly Header[] = []): FuzzedRequest {
  const { method, target, fields } = place(dice, material);
  const hasBody = method !== 'GET' && method !== 'HEAD' && !dice.oneIn(10);
  const headers: Header[] = [...common(dice, material), ...(hasBody ? typed(dice) : []), ...more];
  const body = hasBody ? JSON.stringify(bodyOf(dice, fields, material)) : undefined;
  return {
    what: `${method} ${target.slice(0, 200)} ${body?.slice(0, 300) ?? ''}`,
    bytes: toBytes({ method, target, headers, ...(body !== undefined && { body }) }),
    answers: [method],
  };
}

function withBroken(dice: Dice, material: Material): FuzzedRequest {
  const { target, fields } = place(dice, material);
  const body = dice.broken(JSON.stringify(bodyOf(dice, fields, material)));
  const headers = [...common(dice, material), ...typed(dice)];
  return {
    what: `POST ${target.slice(0, 200)} broken`,
    bytes: toBytes({ method: 'POST', target, headers, body }),
    answers: ['POST'],
  };
}

function chunked(dice: Dice, material: Material): FuzzedRequest {
  const { target, fields } = place(dice, material);
  const body = JSON.stringify(bodyOf(dice, fields, material));
  const headers: Header[] = [...common(dice, material), ...typed(dice), ['Transfer-Encoding', 'chunked']];
  const head = toBytes({ method: 'POST', target, headers });
  const size = Buffer.byteLength(body);
  const whole = `${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const wrong = dice.of([
    `${(size + 5).toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `-1\r\n${body}\r\n0\r\n\r\n`,
    `${'f'.repeat(40)}\r\n${body}`,
    `${size.toString(16)};ext="${'x'.repeat(100)}"\r\n${body}\r\n0\r\nTrailer: x\r\n\r\n`,
    `zz\r\n${body}\r\n0\r\n\r\n`,
    dice.bytes(100).toString('latin1'),
  ]);
  if (dice.oneIn(3)) {
    return { what: `POST ${target.slice(0, 200)} chunked`, bytes: join(head, whole), answers: ['POST'] };
  }
  return {
    what: `POST ${target.slice(0, 200)} wrongly chunked`,
    bytes: join(head, wrong),
    answers: [],
    untilClosed: true,
  };
}

function packed(dice: Dice, material: Material): FuzzedRequest {
  const { target, fields } = place(dice, material);
  const json = JSON.stringify(bodyOf(dice, fields, material));
  const encoding = dice.of(['gzip', 'deflate', 'br', 'identity', 'x', 'gzip, gzip', '', 'zstd', 'GZIP']);
  const zipped = gzipSync(json);
  const body = dice.of([
    zipped,
    zipped.subarray(0, dice.below(zipped.length)),
    Buffer.concat([zipped, dice.bytes(20)]),
    dice.bytes(60),
    deflateSync(json),
    BOMB,
    Buffer.from(json),
  ]);
  const headers: Header[] = [...common(dice, material), ...typed(dice), ['Content-Encoding', encoding]];
  return {
    what: `POST ${target.slice(0, 200)} ${encoding}`,
    bytes: toBytes({ method: 'POST', target, headers, body }),
    answers: ['POST'],
  };
}

function pipelined(dice: Dice, material: Material): FuzzedRequest {
  const parts = Array.from({ length: 2 + dice.below(4) }, () => single(dice, material));
  return {
    what: parts.map(({ what }) => what).join(' | '),
    bytes: Buffer.concat(parts.map(({ bytes }) => bytes)),
    answers: parts.flatMap(({ answers }) => answers),
  };
}

/** The client goes away before it has sent what it promised. */
function unfinished(dice: Dice, material: Material): FuzzedRequest {
  const { bytes, what } = single(dice, material);
  return { what: `unfinished ${what}`, bytes: bytes.subarray(0, dice.below(bytes.length)), answers: [] };
}

function garbage(dice: Dice, { host }: Material): FuzzedRequest {
  const line = dice.of([
    'GET / HTTP/1.1',
    'POST /api/sessions/create HTTP/1.1',
    'GET /api/sessions HTTP/1.1',
  ]);
  const at = `Host: ${host}\r\n`;
  const bytes = dice.of<() => Buffer | string>([
    () => dice.bytes(1 + dice.below(500)),
    () => `${dice.text()} ${dice.text()} HTTP/${dice.below(9)}.${dice.below(9)}\r\n${at}\r\n`,
    () => `GET /${'a'.repeat(dice.below(40_000))} HTTP/1.1\r\n${at}\r\n`,
    () => `${line}\r\n${at}X-Long: ${'x'.repeat(dice.below(40_000))}\r\n\r\n`,
    () => `${line}\r\n${at}${'X-Many: x\r\n'.repeat(dice.below(3_000))}\r\n`,
    () => `${line}\r\n${at}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    () =>
      `${line}\r\n${at}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
    () => `${line}\r\n${at}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    () => `${line}\r\n${at}Content-Length: -1\r\n\r\n`,
    () => `${line}\r\n${at}Content-Length: 99999999999999999999\r\n\r\n`,
    () => `${line}\r\n${at}Connection: Upgrade\r\nUpgrade: ${dice.of(['h2c', 'websocket', 'x'])}\r\n\r\n`,
    () => `${line}\n${at}\n`,
    () => `${line}\r\n ${at}\r\n`,
    () => `${line}\r\n${at}Bad Name: x\r\n\r\n`,
    () => `${line}\r\n${at}Bad\u0000: x\r\n\r\n`,
    () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    () => `CONNECT ${host} HTTP/1.1\r\n${at}\r\n`,
    () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
    () =>
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n${at}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: ${dice.below(20)}\r\nSec-WebSocket-Key: ${dice.of(['dGhlIHNhbXBsZSBub25jZQ==', 'x', ''])}\r\n\r\n` +
      dice.bytes(50).toString('latin1'),
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

function place(dice: Dice, { operations, sessionIds }: Material): Place {
  if (dice.oneIn(8)) {
    const target = dice.oneIn(2) ? dice.of(OTHER_PATHS) : `/${encoded(dice, dice.text())}`;
    return { method: dice.of(METHODS), target: noSpace(target), fields: FIELDS };
  }
  const operation = dice.of(operations);
  const method = dice.oneIn(8) ? dice.of(METHODS) : operation.method.toUpperCase();
  const value = () => (dice.oneIn(2) ? dice.of(sessionIds) : dice.text());
  let path = filled(operation.path, encoded(dice, value()));
  if (dice.oneIn(12)) path = mutated(dice, path);
  const query = operation.parameters
    .filter((parameter) => parameter.in === 'query' && !dice.oneIn(6))
    .map(({ name }) => `${name}=${encoded(dice, name === 'sessionId' ? value() : dice.text())}`);
  if (dice.oneIn(6)) query.push(`${encoded(dice, dice.text())}=${encoded(dice, dice.text())}`);
  // Lists of everything, while the sessions become many, would be most of the work.
  if (operation.path === '/api/sessions' && !dice.oneIn(10)) query.push('limit=20');
  const target = query.length > 0 ? `${path}?${query.join('&')}` : path;
  return { method, target: noSpace(target).slice(0, 10_000), fields: FIELDS };
}

function mutated(dice: Dice, path: string): string {
  const at = dice.below(path.length);
  return dice.of([
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
function encoded(dice: Dice, text: string): string {
  if (dice.oneIn(4)) return text;
  if (dice.oneIn(6)) return `${text.slice(0, 20)}%${dice.of(['', 'z', '1', 'ff', 'c0%af', 'u0041'])}`;
  return encodeURIComponent(Buffer.from(text).toString());
}

/** Without what would end the request line, and make another request of the rest. */
const noSpace = (target: string): string => printable(target).replaceAll(' ', '+');

/** As one line of bytes that HTTP allows: what it does not allow is refused before any of our code sees it. */
function printable(text: string): string {
  const bytes = Buffer.from(text, 'latin1').map((byte) => (byte < 0x20 || byte === 0x7f ? 0x20 : byte));
  return Buffer.from(bytes).toString('latin1');
}

function bodyOf(dice: Dice, fields: readonly string[], { sessionIds }: Material): unknown {
  if (dice.oneIn(12)) return dice.value();
  const body: Record<string, unknown> = {};
  if (!dice.oneIn(6)) body['sessionId'] = dice.oneIn(5) ? dice.value() : dice.of(sessionIds);
  if (!dice.oneIn(4)) body['query'] = dice.oneIn(2) ? dice.text() : content(dice);
  for (let i = dice.oneIn(2) ? dice.below(5) : 0; i > 0; i--) body[dice.of(fields)] = dice.value();
  if (dice.oneIn(3)) body['whenBusy'] = dice.of(['reject', 'queue', 'interrupt', 'queue', 'x']);
  if (dice.oneIn(10)) body[dice.text()] = dice.value();
  return body;
}

function content(dice: Dice): unknown {
  const part = () =>
    dice.of<unknown>([
      { type: 'text', text: dice.text() },
      { type: 'image_url', image_url: { url: dice.of(['data:image/png;base64,AAAA', dice.text()]) } },
      { type: dice.text(), text: dice.value(1) },
      dice.value(2),
    ]);
  return Array.from({ length: dice.below(4) }, part);
}

function common(dice: Dice, { host }: Material): Header[] {
  const headers: Header[] = [['Host', dice.oneIn(30) ? headerValue(dice.text()) : host]];
  const more: readonly (() => Header)[] = [
    () => ['Accept', headerValue(dice.text())],
    () => ['Accept-Encoding', dice.of(['gzip', 'br;q=1.0, *;q=0', headerValue(dice.text())])],
    () => ['Range', dice.of(['bytes=0-', 'bytes=-1', 'bytes=9-1', headerValue(dice.text())])],
    () => ['If-None-Match', dice.of(['*', 'W/"x"', headerValue(dice.text())])],
    () => ['If-Modified-Since', headerValue(dice.text())],
    () => ['Last-Event-ID', dice.of(['0', '-1', '1e9', '99999999999999999999', headerValue(dice.text())])],
    () => ['Idempotency-Key', headerValue(dice.text())],
    () => ['Authorization', dice.of(['Bearer x', 'Basic eA==', headerValue(dice.text())])],
    () => ['Cookie', headerValue(dice.text())],
    () => ['Origin', dice.of([`http://${host}`, 'http://evil.test', 'null', headerValue(dice.text())])],
    () => ['Sec-Fetch-Site', dice.of(['same-origin', 'cross-site', headerValue(dice.text())])],
    () => ['X-Forwarded-For', headerValue(dice.text())],
    () => ['X-HTTP-Method-Override', 'DELETE'],
    () => ['Connection', dice.of(['close', 'keep-alive', 'x'])],
    () => [`X-${dice.below(1_000)}`, headerValue(dice.text())],
  ];
  while (dice.oneIn(2)) headers.push(dice.of(more)());
  return headers;
}

function typed(dice: Dice): Header[] {
  if (dice.oneIn(15)) return [];
  return [['Content-Type', dice.oneIn(6) ? dice.of(TYPES) : 'application/json']];
}

const headerValue = (text: string): string => printable(text).slice(0, 3_000);

const join = (head: Buffer, body: string): Buffer => Buffer.concat([head, Buffer.from(body)]);
