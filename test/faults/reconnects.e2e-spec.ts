import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AnyEvent } from '../support/client.js';
import { Rng, SEED, seedOf } from '../support/rng.js';
import { Gate, type Script } from '../support/model-stub.js';
import { ServerSetup } from '../support/server-setup.js';
import { SocketLine, SOCKET_CUTS, type Transport } from '../support/socket-line.js';
import { SSE_CUTS, SseReader } from '../support/sse-reader.js';
import { Witness } from '../support/scenario.js';
import { scaled, scaledMs } from '../support/size.js';
import { within } from '../support/waiting.js';
import { ReceivedEvents } from '../support/received-events.js';

const RECONNECTS = scaled(25);
const MESSAGES = 20;
const TOKENS = MESSAGES * scaled(25);
const PATIENCE_MS = 15_000;

/** A client that can leave at any moment and come back with its cursor. */
abstract class ReconnectingClient {
  readonly received = new ReceivedEvents();
  readonly ended = new Gate();
  /** The tokens before which it leaves, in order. */
  readonly moments: readonly number[];
  protected readonly rng: Rng;
  reconnects = 0;
  /** Opened when its newest connection has been sent what it missed. */
  protected caughtUp = new Gate();

  constructor(
    readonly name: string,
    protected readonly url: string,
    protected readonly sessionId: string,
  ) {
    this.rng = new Rng(seedOf(name));
    const all = this.rng.shuffled(Array.from({ length: TOKENS }, (_, token) => token));
    this.moments = all.slice(0, RECONNECTS).sort((a, b) => a - b);
  }

  abstract connect(): void;
  protected abstract leave(): Promise<void>;
  /** Ends its last connection. */
  abstract end(): Promise<void>;

  get connected(): Promise<void> {
    return this.caughtUp.opened;
  }

  /**
   * Leaves and comes back. Resolves when it is on its way back, or, sometimes, when it is there: so the next time it
   * leaves in the midst of connecting, of its replay, or of the answer.
   */
  async reconnect(): Promise<void> {
    await this.leave();
    this.received.reconnect();
    this.caughtUp = new Gate();
    this.connect();
    this.reconnects += 1;
    if (this.rng.chance(0.3)) await this.connected;
  }

  protected take(event: AnyEvent): void {
    this.received.take(event);
    if (event.type === 'replay_end') this.caughtUp.open();
    if (event.type === 'agent_run_end') this.ended.open();
  }
}

class ReconnectingSse extends ReconnectingClient {
  private line: SseReader | undefined;

  connect(): void {
    const after = this.received.cursor;
    const path = `/api/sessions/stream?sessionId=${this.sessionId}`;
    this.line = new SseReader(
      this.url,
      this.rng.chance(0.5)
        ? { path: `${path}&after=${after}` }
        : { path, headers: { 'last-event-id': String(after) } },
      ({ event }) => this.take(event),
    );
  }

  protected async leave(): Promise<void> {
    this.line?.cut(this.rng.pick(SSE_CUTS));
    await this.line?.closed;
  }

  end(): Promise<void> {
    return this.leave();
  }
}

class ReconnectingSocket extends ReconnectingClient {
  private line: SocketLine | undefined;

  constructor(
    private readonly transport: Transport,
    url: string,
    sessionId: string,
  ) {
    super(transport, url, sessionId);
  }

  connect(): void {
    const line = (this.line ??= new SocketLine(this.url, this.transport, (event) => this.take(event)));
    const join = () => line.ask('join-session', { sessionId: this.sessionId, after: this.received.cursor });
    line.connected.then(join).catch(() => undefined); // it may be gone before it is answered
  }

  protected async leave(): Promise<void> {
    const { line } = this;
    const how = this.rng.pick(SOCKET_CUTS);
    if (!line) return;
    if (how === 'left') {
      await line.connected;
      await line.ask('leave-session', this.sessionId);
      return;
    }
    await line.cut(how);
    this.line = undefined;
  }

  async end(): Promise<void> {
    await this.line?.cut('disconnected');
  }
}

describe(`a client that reconnects ${RECONNECTS} times during an answer of ${TOKENS} tokens (SEED=${SEED})`, () => {
  let setup: ServerSetup;

  beforeAll(async () => {
    setup = await ServerSetup.start();
  });
  afterAll(() => setup.stop());

  /** All in one message, its first tokens thoughts. */
  const oneMessage: Script[] = [
    async (reply) => {
      for (let token = 0; token < TOKENS; token++) {
        await turn(token, () =>
          token < TOKENS / 10 ? reply.thinking(` t${token}`) : reply.text(` t${token}`),
        );
      }
      reply.end();
    },
  ];
  /** In twenty messages, each but the last with the call of a tool. */
  const twentyMessages: Script[] = Array.from({ length: MESSAGES }, (_, message): Script => async (reply) => {
    for (let i = 0; i < TOKENS / MESSAGES; i++) {
      const token = (message * TOKENS) / MESSAGES + i;
      await turn(token, () => (i < 5 ? reply.thinking(` t${token}`) : reply.text(` t${token}`)));
    }
    if (message < MESSAGES - 1) reply.toolCall('read_file', { path: 'note.txt' });
    reply.end();
  });

  /** What the model does for each token, before it says the next. */
  let turn: (token: number, say: () => void) => Promise<void>;

  it.each([
    ['one message', oneMessage, 1, 'upgrade'],
    ['twenty messages', twentyMessages, MESSAGES, 'polling'], // a new request for each event or two takes its time
  ] as const)(
    'has in the end exactly what one has that stayed: %s',
    async (_what, scripts, messages, transport) => {
      const { server, model } = setup;
      const sessionId = await setup.createSession();
      const witness = new Witness();
      const path = `/api/sessions/stream?sessionId=${sessionId}`;
      const line = new SseReader(server.url, { path }, ({ event }) => witness.take(event));
      const clients = [
        new ReconnectingSse('sse', server.url, sessionId),
        new ReconnectingSocket('websocket', server.url, sessionId),
        new ReconnectingSocket(transport, server.url, sessionId),
      ];
      for (const client of clients) client.connect();
      await within(PATIENCE_MS, 'The first connections', Promise.all(clients.map((each) => each.connected)));
      await within(
        PATIENCE_MS,
        'The one that stays',
        witness.when(() => witness.events.length > 0),
      );

      turn = async (token, say) => {
        const leaving = clients.filter(({ moments }) => moments.includes(token));
        const back = Promise.all(leaving.map((client) => client.reconnect()));
        await within(PATIENCE_MS, `A reconnection before token ${token}`, back);
        if (token === TOKENS - 1) await Promise.all(clients.map(({ connected }) => connected));
        const { length } = witness.events;
        say();
        await within(
          PATIENCE_MS,
          `Token ${token}`,
          witness.when(() => witness.events.length > length),
        );
      };
      model.next(...scripts);
      const asked = await setup.post<{ result: { content: string } }>('sessions/query', {
        sessionId,
        query: 'count',
      });
      expect(asked.status).toBe(200);
      for (const { name, ended } of clients) await within(PATIENCE_MS, `The end by ${name}`, ended.opened);

      const { body } = await setup.get<{ events: object[] }>(`sessions/events?sessionId=${sessionId}`);
      const log = body.events.map((event) => JSON.stringify(event));
      expect(log).toHaveLength(3 + messages * 4 - 2);
      expect(witness.received.stored).toEqual(log);
      expect(witness.received.deltas).toBeGreaterThan(TOKENS);
      for (const { name, received, reconnects } of clients) {
        expect([name, reconnects]).toEqual([name, RECONNECTS]);
        expect([name, received.stored]).toEqual([name, log]);
        expect([name, received.compare(log)]).toEqual([
          name,
          { lost: 0, repeated: 0, outOfOrder: 0, unknown: 0, wrongText: 0 },
        ]);
        expect(received.compared).toBeGreaterThan(0);
      }
      const text = body.events
        .flatMap((event) => ('content' in event ? [String(event.content)] : []))
        .join('');
      for (let token = 0; token < TOKENS; token++) expect(text).toContain(` t${token}`);
      line.cut('destroyed');
      await Promise.all(clients.map((client) => client.end()));
    },
    scaledMs(60_000),
  );
});
