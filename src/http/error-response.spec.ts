import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { DomainError, type ErrorBody } from '../common/errors.js';
import { ErrorFilter } from './error.filter.js';
import { refusedAck, rejectSocket, writeError } from './error-response.js';

/** An error as one door tells it. */
interface Told {
  readonly status: number | undefined;
  readonly retryAfter: string | undefined;
  readonly body: ErrorBody;
}

describe('an error', () => {
  let server: Server;
  let error: DomainError;
  const filter = new ErrorFilter();

  beforeAll(async () => {
    server = createServer((req, res) => {
      if (req.url === '/begun') res.write('so far', () => writeError(res, error));
      else if (req.url === '/filter') filter.catch(error, new ExecutionContextHost([req, res]));
      else writeError(res, error);
    });
    server.on('upgrade', (_req, socket) => rejectSocket(socket, error, { Vary: 'Origin' }));
    server.on('clientError', (_error, socket) => rejectSocket(socket, error));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => void server.close());

  async function ask(path: string, headers = {}): Promise<IncomingMessage> {
    const { port } = server.address() as AddressInfo;
    const asked = request({ port, path, headers, agent: false }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return answer;
  }

  async function tell(path: string, headers = {}): Promise<Told> {
    const answer = await ask(path, headers);
    const body = JSON.parse(await text(answer)) as ErrorBody;
    return { status: answer.statusCode, retryAfter: answer.headers['retry-after'], body };
  }

  const DOORS: Readonly<Record<string, () => Promise<Told>>> = {
    'a response': () => tell('/'),
    'a route': () => tell('/filter'),
    'an upgrade': () => tell('/', { connection: 'Upgrade', upgrade: 'websocket' }),
    'a request that cannot be read': () => tell('/', { 'x-long': 'x'.repeat(20_000) }),
  };

  it.each([
    [
      'a full queue',
      new DomainError('QUEUE_FULL', 'Full.', { limit: 3 }),
      5,
      { limit: 3, retryAfterMs: 5_000 },
    ],
    ['a limit', new DomainError('RATE_LIMITED', 'Slow.'), 5, { retryAfterMs: 5_000 }],
    ['a server that stops', new DomainError('DRAINING', 'Going.'), 5, { retryAfterMs: 5_000 }],
    ['a locked database', new DomainError('DATABASE_UNAVAILABLE', 'No.'), 5, { retryAfterMs: 5_000 }],
    [
      'a short time',
      new DomainError('RATE_LIMITED', 'Slow.', {}, { retryAfterMs: 1 }),
      1,
      { retryAfterMs: 1 },
    ],
    [
      'a part of a second',
      new DomainError('FORBIDDEN', 'No.', {}, { retryAfterMs: 9_001 }),
      10,
      { retryAfterMs: 9_001 },
    ],
    [
      'a time in the details',
      new DomainError('FORBIDDEN', 'No.', { retryAfterMs: 2_000 }),
      2,
      { retryAfterMs: 2_000 },
    ],
    ['details that are no object', new DomainError('RATE_LIMITED', 'Slow.', 'a text'), 5, 'a text'],
    [
      'no time, with details',
      new DomainError('FORBIDDEN', 'No.', { scope: 'admin' }),
      undefined,
      { scope: 'admin' },
    ],
    ['no time', new DomainError('FORBIDDEN', 'No.'), undefined, undefined],
  ])('tells at every door when to come again: %s', async (_, thrown, seconds, details) => {
    const retryAfter = seconds?.toString();
    error = thrown;
    const body = { error: thrown.message, code: thrown.code, ...(details !== undefined && { details }) };
    for (const [door, told] of Object.entries(DOORS)) {
      expect([door, await told()]).toEqual([door, { status: thrown.status, retryAfter, body }]);
    }
    expect(refusedAck(thrown)).toEqual({ ok: false, ...body });
  });

  it('brings its own headers', async () => {
    error = new DomainError('UNAUTHORIZED', 'No.', undefined, { headers: { 'WWW-Authenticate': 'Bearer' } });
    for (const [path, headers] of [
      ['/'],
      ['/filter'],
      ['/', { connection: 'Upgrade', upgrade: 'x' }],
    ] as const) {
      expect((await ask(path, headers)).headers['www-authenticate']).toBe('Bearer');
    }
  });

  it('cuts off an answer that has begun', async () => {
    const answer = await ask('/begun');
    await expect(text(answer)).rejects.toThrow('aborted');
  });
});
