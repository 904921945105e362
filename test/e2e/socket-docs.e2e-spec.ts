import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MetadataScanner } from '@nestjs/core';
import type { Socket } from 'socket.io-client';
import type { ClientToServerEvents, QueryAck, ServerToClientEvents } from '../../src/index.js';
import { SessionsGateway } from '../../src/gateway/sessions.gateway.js';
import { DocumentChecker, refsOf, resolve } from '../support/api-document.js';
import { eventsOf } from '../support/client.js';
import { Gate } from '../support/model-stub.js';
import { TestServer } from '../support/test-server.js';

interface SocketDocument {
  readonly asyncapi: string;
  readonly operations: Readonly<Record<string, { readonly action: string; readonly description?: string }>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** As a client in TypeScript has it: the compiler holds its use here against the types of the package. */
type TypedSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

describe('the document of the sockets', () => {
  let app: TestServer;
  let document: SocketDocument;

  beforeAll(async () => {
    app = await TestServer.start();
    ({ body: document } = await app.get<SocketDocument>('/api/docs/asyncapi.json'));
  });
  afterAll(() => app.stop());

  it('is AsyncAPI 3 in JSON, under both prefixes', async () => {
    const { status, headers, body } = await app.get('/api/v1/docs/asyncapi.json');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body).toEqual(document);
    expect(document.asyncapi).toMatch(/^3\.\d\.\d$/);
  });

  it('has every message that the gateway takes, and no other, each with what it does', () => {
    const prototype = SessionsGateway.prototype as unknown as Record<string, object>;
    const taken = new MetadataScanner()
      .getAllMethodNames(prototype)
      .map((name) => Reflect.getMetadata('message', prototype[name] ?? {}) as unknown)
      .filter((message) => message !== undefined);
    const received = Object.entries(document.operations).filter(([, { action }]) => action === 'receive');
    expect(received.map(([name]) => name).sort()).toEqual(taken.sort());
    for (const [name, { description }] of Object.entries(document.operations)) {
      expect([name, description]).toEqual([name, expect.stringMatching(/\w{3,}/)]);
    }
  });

  it('holds together, and has the same schemas as the document of the routes', async () => {
    for (const ref of refsOf(document))
      expect([ref, resolve(document, ref)]).toEqual([ref, expect.any(Object)]);
    const { body } = await app.get<SocketDocument>('/api/docs/openapi.json');
    expect(document.components.schemas['QueryDto']).toEqual(body.components.schemas['QueryDto']);
    const names = Object.keys(document.components.schemas);
    expect(names).toEqual(expect.arrayContaining(['AgentEvent', 'AgentStatus', 'JoinSessionDto']));
    expect(names).not.toContain('SessionDto');
  });

  it('describes exactly what sockets send and are sent', async () => {
    const checker = new DocumentChecker(document);
    const check = (message: string, value: unknown) =>
      checker.expect(value, `/components/messages/${message}/payload`);
    const socket: TypedSocket = await app.socket();
    const heard = (['agent-event', 'agent-status', 'abort-result'] as const).map(
      (name) => [name, eventsOf(socket, name)] as const,
    );
    const errors: string[] = [];
    socket.on('error', (message) => errors.push(message));
    const sessionId = await app.createSession();
    const join = { sessionId, after: 0 };
    check('join-session', join);
    check('join-session', sessionId);
    check('join-session-ack', await socket.emitWithAck('join-session', join));
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.thinking('hm').text('One moment.');
      await gate.opened;
    });
    const query = { sessionId, query: 'go' };
    check('send-query', query);
    const ack = (await socket.emitWithAck('send-query', query)) as QueryAck;
    check('send-query-ack', ack);
    const [, statuses] = heard[1] ?? [];
    await statuses?.until(({ state }) => state === 'executing');
    const waiting = await socket.emitWithAck('send-query', { ...query, whenBusy: 'queue' });
    check('send-query-ack', waiting);
    check('send-query-ack', await socket.emitWithAck('send-query', query));
    check('abort-query-ack', await socket.emitWithAck('abort-query', { sessionId, runId: waiting.runId }));
    check('abort-query-ack', await socket.emitWithAck('abort-query', { sessionId }));
    gate.open();
    await statuses?.until(({ state }) => state === 'aborted');
    check('leave-session-ack', await socket.emitWithAck('leave-session', sessionId));
    for (const [name, { events }] of heard) {
      expect([name, events.length]).not.toEqual([name, 0]);
      for (const event of events) check(name, event);
    }
    expect(errors).toHaveLength(1);
    for (const message of errors) check('error', message);
  });

  it('and the types for TypeScript clients refuse what the server would refuse', async () => {
    const socket: TypedSocket = await app.socket();
    const sessionId = await app.createSession();
    const answerOf = (send: (ack: (answer: unknown) => void) => void) => new Promise(send);
    const answers = await Promise.all([
      answerOf((ack) => {
        // @ts-expect-error -- a query is no number
        socket.emit('send-query', { sessionId, query: 7 }, ack);
      }),
      answerOf((ack) => {
        // @ts-expect-error -- the session has to be named
        socket.emit('abort-query', {}, ack);
      }),
      answerOf((ack) => {
        // @ts-expect-error -- the rule has another name
        socket.emit('send-query', { sessionId, query: 'x', whenBusy: 'wait' }, ack);
      }),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ ok: false, code: 'INVALID_INPUT' });
    socket.emit('join-session', sessionId, (answer) => {
      const told: string = answer.ok ? 'joined' : answer.error;
      expect(told).toBe('joined');
    });
  });
});
