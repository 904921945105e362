import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import type { Socket } from 'socket.io-client';
import { EventBus } from '../../src/index.js';
import { type AnyEvent, eventsOf, joinedDeltas, types } from '../support/client.js';
import { expectNoGap, plain, storedOf } from '../support/expect-events.js';
import { Gate, lastUserText } from '../support/model-stub.js';
import { Rng, SEED } from '../support/rng.js';
import { ask, type Ack, listen, next, settled } from '../support/sockets.js';
import { TestServer } from '../support/test-server.js';

const RUN = [
  'user_message',
  'agent_run_start',
  'assistant_streaming_message',
  'assistant_streaming_message',
  'assistant_streaming_message',
  'assistant_streaming_message',
  'assistant_message',
  'agent_run_end',
];

describe('a socket', () => {
  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ config: { server: { maxBodyBytes: 3_000_000 } } });
  });
  afterAll(() => app.stop());

  /** A socket that has joined, with what it is sent from then on. */
  async function joined(sessionId: string, cursor: object | undefined = undefined) {
    const socket = await app.socket();
    const heard = listen(socket);
    const ack = await ask(socket, 'join-session', cursor ? { sessionId, ...cursor } : sessionId);
    expect(ack).toEqual({ ok: true });
    return { socket, ...heard };
  }

  /** A session whose model waits in the middle of its answer until the gate is opened. */
  async function answering(
    ...deltas: string[]
  ): Promise<{ sessionId: string; gate: Gate; done: Promise<unknown> }> {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text(...deltas);
      await gate.opened;
      reply.text(' and the rest').end();
    });
    const reader = await app.stream(sessionId, 'go');
    await reader.until(() => [...joinedDeltas(reader.events).values()][0] === deltas.join(''));
    return { sessionId, gate, done: reader.ended };
  }

  describe('join-session', () => {
    it('is acknowledged, and sends the status, then the events of a query that came over REST', async () => {
      const sessionId = await app.createSession();
      const { events, statuses, errors } = await joined(sessionId);
      expect(statuses.events).toEqual([{ sessionId, isProcessing: false, state: 'idle' }]);
      await app.query(sessionId);
      await events.until('agent_run_end');
      expect(types(events.events)).toEqual(RUN);
      expect(errors).toEqual([]);
    });

    it('works without an acknowledgement', async () => {
      const sessionId = await app.createSession();
      const socket = await app.socket();
      const { events } = listen(socket);
      const status = next(socket, 'agent-status');
      socket.emit('join-session', sessionId);
      expect(await status).toEqual({ sessionId, isProcessing: false, state: 'idle' });
      await app.query(sessionId);
      await events.until('agent_run_end');
      expect(types(events.events)).toEqual(RUN);
    });

    it.each([{}, { after: null }])('takes { sessionId } too, with %j', async (more) => {
      const sessionId = await app.createSession();
      const { events } = await joined(sessionId, more);
      await app.query(sessionId);
      await events.until('agent_run_end');
      expect(types(events.events)).toEqual(RUN);
    });

    it.each(['websocket', 'polling'] as const)(
      'gives the same event objects as SSE, over %s',
      async (transport) => {
        const sessionId = await app.createSession();
        const socket = await app.socket([transport]);
        const { events } = listen(socket);
        await ask(socket, 'join-session', sessionId);
        app.model.next(
          (reply) =>
            reply.thinking('hm').text('I', ' look.').toolCall('read_file', { path: 'note.txt' }).end(),
          (reply) => reply.text('Grüße', ' 👋').end(),
        );
        const follower = await app.follow(sessionId);
        const own = await (await app.stream(sessionId, 'go')).ended;
        await events.until('agent_run_end');
        await follower.until('agent_run_end');
        follower.leave();
        expect(events.events).toEqual(own);
        expect(follower.events.filter(({ type }) => type !== 'replay_end').map(plain)).toEqual(own);
      },
    );

    it('is told each change of the status once', async () => {
      const sessionId = await app.createSession();
      const { events, statuses } = await joined(sessionId);
      await app.query(sessionId);
      app.model.next((reply) => reply.fail(400));
      await app.query(sessionId);
      const { gate, socket } = { gate: new Gate(), socket: await app.socket() };
      app.model.next(async (reply) => {
        reply.text('x');
        await gate.opened;
      });
      await ask(socket, 'send-query', { sessionId, query: 'to be stopped' });
      await ask(socket, 'abort-query', { sessionId });
      gate.open();
      await events.until(({ status }) => status === 'aborted');
      await statuses.until(({ state }) => state === 'aborted');
      expect(statuses.events).toEqual(
        ['idle', 'executing', 'idle', 'executing', 'error', 'executing', 'aborted'].map((state) => ({
          sessionId,
          isProcessing: state === 'executing',
          state,
        })),
      );
    });

    it('says that a run is under way to who joins in its middle', async () => {
      const { sessionId, gate, done } = await answering('one', ' two');
      const { statuses } = await joined(sessionId);
      expect(statuses.events).toEqual([{ sessionId, isProcessing: true, state: 'executing' }]);
      gate.open();
      await done;
      await statuses.until(({ state }) => state === 'idle');
      expect(statuses.events).toHaveLength(2);
    });

    it('gives who joins in the middle of an answer the text so far, once', async () => {
      const { sessionId, gate, done } = await answering('Once', ' upon', ' a time');
      const { socket, events } = await joined(sessionId);
      expect(await ask(socket, 'join-session', sessionId)).toEqual({ ok: true });
      await settled(socket);
      expect(events.events).toMatchObject([
        { type: 'assistant_streaming_message', content: 'Once upon a time' },
      ]);
      gate.open();
      await done;
      await events.until('agent_run_end');
      const final = events.events.find(({ type }) => type === 'assistant_message');
      expect(final?.['content']).toBe('Once upon a time and the rest');
      expect([...joinedDeltas(events.events)]).toEqual([[final?.['messageId'], final?.['content']]]);
    });

    it('doubles nothing when it is sent many times, at once or later', async () => {
      const sessionId = await app.createSession();
      const { socket, events, statuses } = await joined(sessionId);
      const again = Array.from({ length: 5 }, () => ask(socket, 'join-session', sessionId));
      expect(await Promise.all(again)).toEqual(Array.from({ length: 5 }, () => ({ ok: true })));
      await app.query(sessionId);
      await ask(socket, 'join-session', { sessionId });
      await app.query(sessionId);
      await events.until(({ seq, type }) => type === 'agent_run_end' && seq === 8);
      await settled(socket);
      expect(types(events.events)).toEqual([...RUN, ...RUN]);
      expect(statuses.events.slice(-4).map(({ state }) => state)).toEqual([
        'idle',
        'idle',
        'executing',
        'idle',
      ]);
    });

    it('follows several sessions over one socket', async () => {
      const [one, two] = [await app.createSession(), await app.createSession()];
      const { socket, events } = await joined(one);
      await ask(socket, 'join-session', two);
      await Promise.all([app.query(one), app.query(two)]);
      await events.until(({ type, sessionId }) => type === 'agent_run_end' && sessionId === one);
      await events.until(({ type, sessionId }) => type === 'agent_run_end' && sessionId === two);
      for (const id of [one, two]) {
        const own = events.events.filter(({ sessionId }) => sessionId === id);
        expect(types(own)).toEqual(RUN);
      }
      expect(events.events).toHaveLength(16);
    });
  });

  describe('join-session with a cursor', () => {
    it('sends exactly what was missed at every cursor, then replay_end, then what comes', async () => {
      const sessionId = await app.createSession();
      app.model.next(
        (reply) => reply.text('I look.').toolCall('read_file', { path: 'note.txt' }).end(),
        (reply) => reply.text('Done.').end(),
      );
      await app.query(sessionId);
      const stored = await app.events(sessionId);
      expect(stored).toHaveLength(7);
      for (let after = 0; after <= 7; after++) {
        const { events } = await joined(sessionId, { after });
        expect(events.events).toEqual([
          ...stored.slice(after),
          { type: 'replay_end', sessionId, lastSeq: 7 },
        ]);
      }
      const { events } = await joined(sessionId, { after: 7 });
      await app.query(sessionId);
      await events.until('agent_run_end');
      expect(types(events.events)).toEqual(['replay_end', ...RUN]);
    });

    it('refuses a cursor beyond the end and says where the end is', async () => {
      const sessionId = await app.createSession();
      const { socket, errors } = await joined(sessionId);
      expect(await ask(socket, 'join-session', { sessionId, after: 1 })).toEqual({
        ok: false,
        error: 'The cursor 1 is beyond the last event of this session (0). Begin again with after=0.',
        code: 'INVALID_INPUT',
        details: { lastSeq: 0 },
      });
      expect(errors).toHaveLength(1);
    });

    it('gives who joins in the middle of an answer the history, the text so far, then the deltas', async () => {
      const { sessionId, gate, done } = await answering('Once', ' upon');
      const { socket, events } = await joined(sessionId, { after: 0 });
      await settled(socket);
      expect(types(events.events)).toEqual([
        'user_message',
        'agent_run_start',
        'assistant_streaming_message',
        'replay_end',
      ]);
      expect(events.events[2]).toMatchObject({ content: 'Once upon', isComplete: false });
      gate.open();
      await done;
      await events.until('agent_run_end');
      expect([...joinedDeltas(events.events).values()]).toEqual(['Once upon and the rest']);
      expectNoGap(events.events);
    });

    it.each([1, 2, 3])('loses and repeats nothing while an answer streams (round %i)', async (round) => {
      const rng = new Rng(SEED + round);
      const sessionId = await app.createSession();
      const moments = Array.from({ length: 30 }, () => rng.below(300));
      const sockets = await Promise.all(moments.map(() => app.socket()));
      const lists = sockets.map((socket) => eventsOf(socket));
      const joining: Promise<Ack>[] = [];
      app.model.next(async (reply) => {
        for (let token = 0; token < 300; token++) {
          for (const [i, moment] of moments.entries()) {
            if (moment === token)
              joining.push(ask(sockets[i] as Socket, 'join-session', { sessionId, after: 0 }));
          }
          if (rng.chance(0.05)) await Promise.all(joining);
          reply.text(`t${token} `);
          await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(joining);
        reply.end();
      });
      const { body } = await app.query(sessionId, 'count');
      const stored = await app.events(sessionId);
      expect(await Promise.all(joining)).toEqual(moments.map(() => ({ ok: true })));
      for (const list of lists) {
        await list.until('agent_run_end');
        expect(storedOf(list.events)).toEqual(stored);
        expect(joinedDeltas(list.events)).toEqual(new Map([[body.result.messageId, body.result.content]]));
        expect(types(list.events).filter((type) => type === 'replay_end')).toHaveLength(1);
      }
      expect(body.result.content).toHaveLength(
        Array.from({ length: 300 }, (_, i) => `t${i} `).join('').length,
      );
    });

    it.each([4, 5, 6])('loses and repeats nothing while tools run (round %i)', async (round) => {
      const rng = new Rng(SEED + round);
      const sessionId = await app.createSession();
      const moments = Array.from({ length: 40 }, () => rng.below(40));
      const sockets = await Promise.all(moments.map(() => app.socket()));
      const lists = sockets.map((socket) => eventsOf(socket));
      const joining: Promise<Ack>[] = [];
      const original = app.model.answer;
      let step = 0;
      app.model.answer = (reply) => {
        for (const [i, moment] of moments.entries()) {
          if (moment === step)
            joining.push(ask(sockets[i] as Socket, 'join-session', { sessionId, after: 0 }));
        }
        if (++step < 40) reply.toolCall('no_such_tool', { step }).end();
        else reply.text('done').end();
      };
      await app.query(sessionId, 'work');
      app.model.answer = original;
      const stored = await app.events(sessionId);
      expect(stored).toHaveLength(2 + 39 * 3 + 2);
      expect(await Promise.all(joining)).toEqual(moments.map(() => ({ ok: true })));
      for (const list of lists) {
        await list.until('agent_run_end');
        expect(storedOf(list.events)).toEqual(stored);
      }
    });

    it('doubles nothing when it is sent twice at once', async () => {
      const sessionId = await app.createSession();
      for (let i = 0; i < 3; i++) await app.query(sessionId);
      const socket = await app.socket();
      const { events } = listen(socket);
      const acks = [1, 2].map(() => ask(socket, 'join-session', { sessionId, after: 0 }));
      expect(await Promise.all(acks)).toEqual([{ ok: true }, { ok: true }]);
      await app.query(sessionId);
      await events.until(({ seq }) => seq === 16);
      expect(storedOf(events.events)).toEqual(await app.events(sessionId));
    });

    it('sends what a socket that has joined already had missed, and nothing that it has', async () => {
      const sessionId = await app.createSession();
      await app.query(sessionId);
      const { socket, events } = await joined(sessionId);
      await app.query(sessionId);
      await events.until('agent_run_end');
      expect(await ask(socket, 'join-session', { sessionId, after: 0 })).toEqual({ ok: true });
      expect(await ask(socket, 'join-session', { sessionId, after: 2 })).toEqual({ ok: true });
      await app.query(sessionId);
      await events.until(({ seq }) => seq === 12);
      const seqs = storedOf(events.events).map(({ seq }) => seq as number);
      expect(seqs.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    });

    it('is not cut short by a second join without one', async () => {
      const sessionId = await app.createSession();
      for (let i = 0; i < 3; i++) await app.query(sessionId);
      const socket = await app.socket();
      const { events } = listen(socket);
      const acks = [{ sessionId, after: 0 }, sessionId].map((message) =>
        ask(socket, 'join-session', message),
      );
      expect(await Promise.all(acks)).toEqual([{ ok: true }, { ok: true }]);
      await app.query(sessionId);
      await events.until(({ seq }) => seq === 16);
      expect(storedOf(events.events)).toEqual(await app.events(sessionId));
    });

    it('after leaving begins anew', async () => {
      const sessionId = await app.createSession();
      await app.query(sessionId);
      const { socket, events } = await joined(sessionId, { after: 0 });
      await ask(socket, 'leave-session', sessionId);
      await ask(socket, 'join-session', { sessionId, after: 0 });
      expect(types(events.events)).toEqual([
        ...['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end', 'replay_end'],
        ...['user_message', 'agent_run_start', 'assistant_message', 'agent_run_end', 'replay_end'],
      ]);
    });
  });

  describe('leave-session', () => {
    it.each(['a string', 'an object'])('given as %s ends the events', async (form) => {
      const sessionId = await app.createSession();
      const { socket, events } = await joined(sessionId);
      const message = form === 'a string' ? sessionId : { sessionId };
      expect(await ask(socket, 'leave-session', message)).toEqual({ ok: true });
      await app.query(sessionId);
      await settled(socket);
      expect(events.events).toEqual([]);
    });

    it('leaves the others in the session, and whoever comes back', async () => {
      const sessionId = await app.createSession();
      const [one, two] = [await joined(sessionId), await joined(sessionId)];
      await ask(one.socket, 'leave-session', sessionId);
      await app.query(sessionId);
      await two.events.until('agent_run_end');
      await ask(two.socket, 'leave-session', sessionId);
      await ask(one.socket, 'join-session', sessionId);
      await app.query(sessionId);
      await one.events.until('agent_run_end');
      await settled(two.socket);
      expect(types(one.events.events)).toEqual(RUN);
      expect(types(two.events.events)).toEqual(RUN);
      expectNoGap(one.events.events, 4);
    });

    it('works without an acknowledgement', async () => {
      const sessionId = await app.createSession();
      const { socket, events } = await joined(sessionId);
      socket.emit('leave-session', sessionId);
      await settled(socket);
      await app.query(sessionId);
      await settled(socket);
      expect(events.events).toEqual([]);
    });

    it('stops what is still being replayed', async () => {
      const sessionId = await app.createSession();
      const socket = await app.socket();
      const { events } = listen(socket);
      const join = ask(socket, 'join-session', { sessionId, after: 0 });
      const leave = ask(socket, 'leave-session', sessionId);
      await Promise.all([join, leave]);
      const seen = events.events.length;
      await app.query(sessionId);
      await settled(socket);
      expect(events.events).toHaveLength(seen);
    });
  });

  describe('send-query', () => {
    it('is acknowledged with its run, and seen on every stream', async () => {
      const sessionId = await app.createSession();
      const follower = await app.follow(sessionId);
      await follower.until('replay_end');
      const { socket, events } = await joined(sessionId);
      const ack = await ask(socket, 'send-query', { sessionId, query: 'Hello, Agent TARS!' });
      expect(ack).toEqual({ ok: true, runId: expect.any(String) });
      await events.until('agent_run_end');
      await follower.until('agent_run_end');
      follower.leave();
      expect(follower.events.slice(1).map(plain)).toEqual(events.events);
      expect(types(events.events)).toEqual(RUN);
      expect(events.events[0]).toMatchObject({ content: 'Hello, Agent TARS!', runId: ack['runId'] });
    });

    it.each(['websocket', 'polling'] as const)(
      'may follow join-session at once, over %s',
      async (transport) => {
        const sessionId = await app.createSession();
        for (let i = 0; i < 5; i++) {
          const socket = await app.socket([transport]);
          const { events } = listen(socket);
          socket.emit('join-session', sessionId);
          socket.emit('send-query', { sessionId, query: 'Hello, Agent TARS!' });
          await events.until('agent_run_end');
          expect(types(events.events)).toEqual(RUN);
        }
      },
    );

    it('may be followed by abort-query at once, and that by the next', async () => {
      const sessionId = await app.createSession();
      const { socket, events } = await joined(sessionId);
      const gate = new Gate();
      const original = app.model.answer;
      app.model.answer = (reply, request) => {
        return lastUserText(request) === 'one' ? gate.opened : original(reply, request);
      };
      socket.emit('send-query', { sessionId, query: 'one' });
      socket.emit('abort-query', { sessionId });
      socket.emit('send-query', { sessionId, query: 'two' });
      await events.until(({ status }) => status === 'completed');
      const ends = events.events.filter(({ type }) => type === 'agent_run_end').map(({ status }) => status);
      expect(ends).toEqual(['aborted', 'completed']);
      app.model.answer = original;
      gate.open();
    });

    it('works without an acknowledgement and without having joined', async () => {
      const sessionId = await app.createSession();
      const follower = await app.follow(sessionId);
      const socket = await app.socket();
      const { events } = listen(socket);
      socket.emit('send-query', { sessionId, query: 'hello' });
      await follower.until('agent_run_end');
      follower.leave();
      await settled(socket);
      expect(events.events).toEqual([]);
    });

    it('carries images', async () => {
      const sessionId = await app.createSession();
      const { socket, events } = await joined(sessionId);
      const query = [
        { type: 'text', text: 'what is this?' },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(600_000)}` } },
      ];
      expect(await ask(socket, 'send-query', { sessionId, query })).toMatchObject({ ok: true });
      await events.until('agent_run_end');
      expect(events.events[0]).toMatchObject({ type: 'user_message', content: query });
    });

    it('on a busy session is refused, with and without an acknowledgement', async () => {
      const { sessionId, gate, done } = await answering('busy');
      const { socket, errors } = await joined(sessionId);
      const refused = await ask(socket, 'send-query', { sessionId, query: 'second' });
      expect(refused).toMatchObject({ ok: false, code: 'SESSION_BUSY' });
      const error = next<string>(socket, 'error');
      socket.emit('send-query', { sessionId, query: 'third' });
      expect(await error).toBe(refused.error);
      expect(errors).toEqual([refused.error, refused.error]);
      gate.open();
      await done;
      expect(JSON.stringify(await app.events(sessionId))).not.toMatch(/second|third/);
    });
  });

  describe('abort-query', () => {
    it('ends the run, and answers when it has ended', async () => {
      const { sessionId, gate, done } = await answering('half');
      const { socket, events, aborts } = await joined(sessionId);
      expect(await ask(socket, 'abort-query', { sessionId })).toEqual({ ok: true, success: true });
      expect(aborts.events).toEqual([{ sessionId, success: true }]);
      expect(events.events.at(-1)).toMatchObject({ type: 'agent_run_end', status: 'aborted' });
      gate.open();
      await done;
    });

    it('works without an acknowledgement', async () => {
      const { sessionId, gate, done } = await answering('half');
      const socket = await app.socket();
      const result = next(socket, 'abort-result');
      socket.emit('abort-query', { sessionId });
      expect(await result).toEqual({ sessionId, success: true });
      gate.open();
      await done;
    });

    it('of an idle session is no error', async () => {
      const sessionId = await app.createSession();
      const { socket, aborts, errors } = await joined(sessionId);
      expect(await ask(socket, 'abort-query', { sessionId })).toEqual({ ok: true, success: false });
      expect(aborts.events).toEqual([{ sessionId, success: false }]);
      expect(errors).toEqual([]);
    });
  });

  describe('a message that makes no sense', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`) as object;
    const messages: readonly [string, readonly unknown[]][] = [
      ['nothing at all', []],
      ['null', [null]],
      ['a number', [7]],
      ['true', [true]],
      ['an empty string', ['']],
      ['an empty object', [{}]],
      ['an empty list', [[]]],
      ['a list', [['a', 'b']]],
      ['a list of lists', [[[[[]]]]]],
      ['two arguments', ['a', 'b']],
      ['three arguments', [{ sessionId: 'a', query: 'b' }, null, 7]],
      ['a session id of the wrong type', [{ sessionId: 7, query: 'hello' }]],
      ['a session id that is an object', [{ sessionId: { toString: 'x' }, query: 'hello' }]],
      ['a session id that is a list', [{ sessionId: ['a'], query: 'hello' }]],
      ['a session that does not exist', [{ sessionId: 'nobody', query: 'hello' }]],
      ['a session id that is a property', [{ sessionId: '__proto__', query: 'hello' }]],
      ['a session id of 200 characters', [{ sessionId: 'x'.repeat(200), query: 'hello' }]],
      ['a session id of two megabytes', [{ sessionId: 'x'.repeat(2_000_000), query: 'hello' }]],
      ['an object of 2,000 levels', [{ ...deep, query: deep }]],
      ['bytes', [Buffer.from('hello')]],
      ['an object with bytes', [{ sessionId: Buffer.from('hello'), query: Buffer.from('hello') }]],
    ];

    it.each(['join-session', 'send-query', 'abort-query'])(
      'is refused by %s, and the connection lives on',
      async (name) => {
        const sessionId = await app.createSession();
        const { socket, events, errors } = await joined(sessionId);
        const acks: Ack[] = [];
        for (const [, args] of messages) acks.push(await ask(socket, name, ...args));
        for (const [i, ack] of acks.entries()) {
          const what = messages[i]?.[0];
          expect({ what, ...ack }).toEqual({
            what,
            ok: false,
            error: expect.stringMatching(/^["A-Z].*\.$/s),
            code: expect.stringMatching(/^(INVALID_INPUT|SESSION_NOT_FOUND)$/),
            ...('details' in ack && { details: expect.anything() }),
          });
          expect((ack.error as string).length).toBeLessThan(1_000);
        }
        expect(errors).toEqual(acks.map(({ error }) => error));
        for (const [, args] of messages) socket.emit(name, ...args);
        await ask(socket, 'join-session', 'nobody');
        await ask(socket, 'send-query', { sessionId, query: 'still there?' });
        await events.until('agent_run_end');
        expect(errors).toHaveLength(2 * messages.length + 1);
      },
    );

    it('is refused by send-query for its query', async () => {
      const sessionId = await app.createSession();
      const { socket } = await joined(sessionId);
      const queries = [undefined, null, '', '  ', 7, {}, [], [null], [{}], [{ type: 'video' }], [[]], true];
      for (const query of queries) {
        expect(await ask(socket, 'send-query', { sessionId, query })).toMatchObject({
          ok: false,
          code: 'INVALID_INPUT',
        });
      }
      const refused = await ask(socket, 'send-query', { sessionId, query: 'hello', whenBusy: 'explode' });
      expect(refused).toMatchObject({ ok: false, code: 'INVALID_INPUT' });
      expect(await app.events(sessionId)).toEqual([]);
      expect(await app.status(sessionId)).toEqual({ isProcessing: false, state: 'idle' });
    });

    it.each([-1, 1.5, 'x', [], {}, 1e300, true])(
      'is refused by join-session for the cursor %j',
      async (after) => {
        const sessionId = await app.createSession();
        const socket = await app.socket();
        const ack = await ask(socket, 'join-session', { sessionId, after });
        // null stands for "not given", as in a request's body
        if (after === null) expect(ack).toEqual({ ok: true });
        else expect(ack).toMatchObject({ ok: false, code: 'INVALID_INPUT' });
      },
    );

    it('that is larger than the server takes closes its own connection only', async () => {
      const sessionId = await app.createSession();
      const { events } = await joined(sessionId);
      const socket = await app.socket();
      const gone = next(socket, 'disconnect');
      socket.emit('send-query', { sessionId, query: 'x'.repeat(4_000_000) });
      await gone;
      await app.query(sessionId);
      await events.until('agent_run_end');
      expect(types(events.events)).toEqual(RUN);
    });

    it('of a name that does not exist is passed over', async () => {
      const sessionId = await app.createSession();
      const { socket, events } = await joined(sessionId);
      for (const name of ['launch-rocket', '__proto__', 'constructor', 'agent-event'])
        socket.emit(name, { sessionId });
      await app.query(sessionId);
      await events.until('agent_run_end');
      expect(types(events.events)).toEqual(RUN);
    });
  });

  it('that disconnects does not stop its run', async () => {
    const sessionId = await app.createSession();
    const gate = new Gate();
    app.model.next(async (reply) => {
      reply.text('before');
      await gate.opened;
      reply.text(' and after').end();
    });
    const { socket, events } = await joined(sessionId);
    const follower = await app.follow(sessionId);
    await ask(socket, 'send-query', { sessionId, query: 'go' });
    await events.until('assistant_streaming_message');
    socket.close();
    gate.open();
    await follower.until('agent_run_end');
    follower.leave();
    expect((await app.events(sessionId)).at(-2)).toMatchObject({
      content: 'before and after',
      finishReason: 'stop',
    });
  });

  it('gets the same list as 19 others in its session, over either transport', async () => {
    const sessionId = await app.createSession();
    const sockets = await Promise.all(
      Array.from({ length: 20 }, (_, i) => app.socket([i % 4 === 0 ? 'polling' : 'websocket'])),
    );
    const lists = sockets.map((socket) => eventsOf(socket));
    await Promise.all(sockets.map((socket) => ask(socket, 'join-session', sessionId)));
    app.model.next(
      (reply) => reply.thinking('hm').toolCall('list_directory', {}).end(),
      (reply) => reply.text(...Array.from({ length: 50 }, (_, i) => `w${i} `)).end(),
    );
    const own: AnyEvent[] = await (await app.stream(sessionId, 'go')).ended;
    for (const list of lists) {
      await list.until('agent_run_end');
      expect(list.events).toEqual(own);
    }
  });

  it('is told when the session that it follows is deleted, and can go on with another', async () => {
    const [gone, other] = [await app.createSession(), await app.createSession()];
    const { socket, events } = await joined(gone);
    await app.post('/api/sessions/delete', { sessionId: gone });
    expect(await ask(socket, 'join-session', gone)).toMatchObject({ ok: false, code: 'SESSION_NOT_FOUND' });
    expect(await ask(socket, 'join-session', other)).toEqual({ ok: true });
    await app.query(other);
    await events.until('agent_run_end');
    expect(types(events.events)).toEqual(RUN);
  });
});

describe('the sockets of a server that stops', () => {
  it.each(['websocket', 'polling'] as const)('are closed, over %s', async (transport) => {
    const app = await TestServer.start();
    const socket = await app.socket([transport]);
    const gone = next(socket, 'disconnect');
    await app.server.stop();
    await gone;
    expect(socket.connected).toBe(false);
    await app.stop();
  });
});

describe('a socket that joins while an event is stored and not told yet, as on a slow disk', () => {
  /** Holds back the stored events of a session until it is opened. */
  @Injectable()
  class SlowTeller {
    static gate: Gate | undefined;

    constructor(bus: EventBus) {
      const publish = bus.publish.bind(bus);
      let last = Promise.resolve();
      bus.publish = (sessionId, published) => {
        const { gate } = SlowTeller;
        if (!gate || published.seq === undefined) publish(sessionId, published);
        else last = last.then(() => gate.opened).then(() => publish(sessionId, published));
      };
    }
  }

  @Module({ providers: [SlowTeller] })
  class SlowModule {}

  let app: TestServer;

  beforeAll(async () => {
    app = await TestServer.start({ extensions: { imports: [SlowModule] } });
  });
  afterAll(() => app.stop());

  it.each([
    ['with a cursor', { after: 0 }],
    ['without one', {}],
  ])('%s is sent nothing twice, also when it joins again', async (_how, cursor) => {
    const sessionId = await app.createSession();
    const gate = (SlowTeller.gate = new Gate());
    await app.query(sessionId);
    const socket = await app.socket();
    const { events } = listen(socket);
    await ask(socket, 'join-session', { sessionId, ...cursor });
    SlowTeller.gate = undefined;
    gate.open();
    await app.query(sessionId);
    await events.until(({ seq }) => seq === 8);
    await ask(socket, 'join-session', { sessionId, after: 0 });
    const seqs = storedOf(events.events).map(({ seq }) => seq as number);
    expect(seqs.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
