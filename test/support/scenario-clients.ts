import type { AnyEvent } from './client.js';
import type { Rng } from './rng.js';
import { ticks, within } from './waiting.js';
import { Gate } from './model-stub.js';
import { rawJson } from './raw.js';
import { SocketLine, SOCKET_CUTS, type Transport } from './socket-line.js';
import { type Frame, SseReader, type SseRequest, SSE_CUTS } from './sse-reader.js';
import type { Scenario } from './scenario.js';
import { ReceivedEvents } from './received-events.js';

/** How often each of those who follow a session is cut off. */
const CUTS = 5;
/** Nothing here takes nearly as long; a wait that does is a hang, and says whose. */
export const PATIENCE_MS = 15_000;

export type WhenBusy = 'reject' | 'queue' | 'interrupt';

/** How many disconnects there were: by who was cut off and how, and by what the session was doing. */
export class Cuts {
  readonly kinds = new Map<string, number>();
  readonly moments = new Map<string, number>();
  total = 0;

  add(kind: string, { witness: { moment } }: Scenario): void {
    this.total += 1;
    this.kinds.set(kind, this.of(kind) + 1);
    this.moments.set(moment, (this.moments.get(moment) ?? 0) + 1);
  }

  of(kind: string): number {
    return this.kinds.get(kind) ?? 0;
  }
}

/** Where a reader is cut off: before the answer, in its first frames, or deep in it. */
const someBytes = (rng: Rng): number => rng.pick([0, rng.below(400), rng.below(6_000), rng.below(20_000)]);

/** Clients that are cut off again and again, and come back with their cursor or their idempotency key. */
export class ScenarioClients {
  /** What went otherwise than it must, told here where nobody could catch it. */
  readonly problems: string[] = [];

  constructor(
    private readonly url: string,
    private readonly cuts: Cuts,
  ) {}

  /** Follows the session with GET /sessions/stream until it is over. */
  async followBySse(scenario: Scenario, who: string): Promise<void> {
    const received = new ReceivedEvents();
    scenario.followers.push(received);
    const rng = scenario.rngOf(who);
    for (let i = 0; i < CUTS; i++) {
      const how = rng.pick(SSE_CUTS);
      const caughtUp = new Gate();
      const line = this.follow(scenario, rng, received, caughtUp, { bytes: someBytes(rng), how });
      void Promise.all([caughtUp.opened, scenario.over.opened]).then(() => line.cut(how)); // no more will come
      await within(PATIENCE_MS, `The end of a reader that was ${how}`, line.closed);
      this.expectAnswered(line, 'A reader');
      this.cuts.add(`stream ${how}`, scenario);
      await this.aMomentLater(scenario, rng);
    }
    await scenario.over.opened;
    const caughtUp = new Gate();
    const line = this.follow(scenario, rng, received, caughtUp);
    await within(PATIENCE_MS, 'The last replay of a reader', caughtUp.opened);
    line.cut('left');
    await line.closed;
  }

  /** Follows the session over Socket.IO until it is over. */
  async followBySocket(scenario: Scenario, transport: Transport): Promise<void> {
    const received = new ReceivedEvents();
    scenario.followers.push(received);
    const { sessionId } = scenario;
    const rng = scenario.rngOf(transport);
    let socket: SocketLine | undefined;
    let take: (event: AnyEvent) => void = () => undefined;
    const connect = () => (socket ??= new SocketLine(this.url, transport, (event) => take(event)));
    const joinFromCursor = async (line: SocketLine) => {
      const ack = await line.ask('join-session', { sessionId, after: received.cursor });
      if (!ack.ok) this.problems.push(`join-session was answered ${JSON.stringify(ack)}.`);
    };
    for (let i = 0; i < CUTS; i++) {
      const how = rng.pick(SOCKET_CUTS);
      let left = rng.pick([0, 0, rng.below(5), rng.below(40), rng.below(40)]);
      const enough = new Gate();
      if (left === 0) enough.open();
      take = (event) => {
        received.take(event);
        if (--left <= 0) enough.open();
      };
      received.reconnect();
      const line = connect();
      // Some are cut off while they connect.
      if (left > 0 || how === 'left' || rng.chance(0.5)) {
        await within(PATIENCE_MS, `A connection by ${transport}`, line.connected);
        const joined = joinFromCursor(line);
        joined.catch(() => undefined); // it may be cut off before it is answered
        const noMoreToCome = Promise.all([joined, scenario.over.opened]);
        await within(PATIENCE_MS, `An event over ${transport}`, Promise.race([enough.opened, noMoreToCome]));
      }
      if (how === 'left') {
        const { ok } = await line.ask('leave-session', sessionId);
        if (!ok) this.problems.push('leave-session was refused.');
        take = ({ type }) => this.problems.push(`A socket that had left was sent ${type}.`);
      } else {
        await within(PATIENCE_MS, `The end of a socket that was ${how} by ${transport}`, line.cut(how));
        socket = undefined;
      }
      this.cuts.add(`${transport} ${how}`, scenario);
      await this.aMomentLater(scenario, rng);
    }
    await scenario.over.opened;
    take = (event) => received.take(event);
    received.reconnect();
    const line = connect();
    await within(PATIENCE_MS, 'The last connection of a socket', line.connected);
    await within(PATIENCE_MS, 'The last replay of a socket', joinFromCursor(line));
    await line.cut('disconnected');
  }

  /** Asks with POST /sessions/query/stream and reads its own run to the end. */
  async askByStream(scenario: Scenario, query: string, whenBusy: WhenBusy): Promise<void> {
    const { sessionId } = scenario;
    const rng = scenario.rngOf(query);
    const received = new ReceivedEvents();
    const ended = new Gate();
    let isEnded = false;
    let runId: unknown;
    const take = ({ event }: Frame) => {
      runId ??= event['runId'];
      if (event['runId'] !== runId) return; // of another run, after it has come back
      received.take(event);
      if (event.type !== 'agent_run_end') return;
      isEnded = true;
      ended.open();
    };
    const body = { sessionId, query, whenBusy, idempotencyKey: query };
    const asking = { method: 'POST', path: '/api/sessions/query/stream', body } as const;
    for (let cuts = rng.between(1, 3); !isEnded; cuts--) {
      const how = rng.pick(SSE_CUTS);
      const cut = cuts > 0 ? { bytes: someBytes(rng), how } : undefined;
      // With nothing in its hands it asks again: the key attaches it to its run.
      const comesBack = received.cursor > 0;
      received.reconnect();
      const line = new SseReader(
        this.url,
        comesBack ? following(scenario, received.cursor, rng) : asking,
        take,
        cut,
      );
      if (comesBack) void ended.opened.then(() => line.cut('destroyed'));
      await within(PATIENCE_MS, `The stream of "${query}"`, line.closed);
      this.expectAnswered(line, `"${query}"`);
      if (isEnded) break;
      if (!cut) this.problems.push(`The stream of "${query}" ended before its run.`);
      this.cuts.add(`query ${how}`, scenario);
      await this.aMomentLater(scenario, rng, true);
    }
    scenario.readers.push({ runId: String(runId), received });
  }

  /** Asks with POST /sessions/query, goes away before the answer, and asks again. */
  async askByRest(scenario: Scenario, query: string, whenBusy: WhenBusy): Promise<void> {
    const { sessionId, witness } = scenario;
    const rng = scenario.rngOf(query);
    const url = `${this.url}/api/sessions/query`;
    const headers = { 'idempotency-key': query };
    const ask = (signal?: AbortSignal) =>
      rawJson<{ result?: object; runId?: string }>(
        'POST',
        url,
        { sessionId, query, whenBusy },
        { headers, ...(signal && { signal }) },
      );
    for (let cuts = rng.between(1, 2); cuts > 0; cuts--) {
      const controller = new AbortController();
      const answered = ask(controller.signal).then(() => true);
      answered.catch(() => undefined); // it is ended here
      const enough = witness.events.length + rng.below(30);
      const later = rng.chance(0.5)
        ? ticks(rng.below(30))
        : witness.when(() => witness.events.length >= enough);
      const was = await within(PATIENCE_MS, `"${query}"`, Promise.race([answered, later.then(() => false)]));
      if (was) break;
      controller.abort();
      this.cuts.add('query by REST destroyed', scenario);
    }
    const { status, body } = await within(PATIENCE_MS, `The answer to "${query}"`, ask());
    const { result, runId } = body;
    if (status !== 200) {
      this.problems.push(`"${query}" was answered ${status}.`);
      return;
    }
    await within(PATIENCE_MS, `The end of "${query}"`, witness.ended(runId));
    if (!witness.received.stored.includes(JSON.stringify(result))) {
      this.problems.push(`The answer to "${query}" is not in the log.`);
    }
  }

  /** Asks over a socket that goes away before or after it is told that the query was taken. */
  async askBySocket(scenario: Scenario, query: string, whenBusy: WhenBusy): Promise<void> {
    const { sessionId, witness } = scenario;
    const rng = scenario.rngOf(query);
    for (let cuts = rng.between(1, 2); ; cuts--) {
      const transport = rng.pick(['websocket', 'polling', 'upgrade'] as const);
      const how = rng.pick(['disconnected', 'closed', 'cut'] as const);
      const line = new SocketLine(this.url, transport, () => undefined);
      await within(PATIENCE_MS, `A connection by ${transport}`, line.connected);
      const ack = line.ask('send-query', { sessionId, query, whenBusy, idempotencyKey: query });
      ack.catch(() => undefined); // it may be cut off before it is answered
      if (cuts > 0) {
        await Promise.race([ack, ticks(rng.below(20))]);
        await line.cut(how);
        this.cuts.add(`query by ${transport} ${how}`, scenario);
        continue;
      }
      const { ok, runId } = await ack;
      if (!ok) this.problems.push(`"${query}" was refused.`);
      await line.cut(how);
      return within(PATIENCE_MS, `The end of "${query}"`, witness.ended(runId));
    }
  }

  private async aMomentLater(scenario: Scenario, rng: Rng, asks = false): Promise<void> {
    await within(PATIENCE_MS, 'The moment to come back', scenario.aMomentLater(rng, asks));
  }

  private follow(
    scenario: Scenario,
    rng: Rng,
    received: ReceivedEvents,
    caughtUp: Gate,
    cutAt?: ConstructorParameters<typeof SseReader>[3],
  ): SseReader {
    received.reconnect();
    const take = ({ event, id }: Frame) => {
      const { type, seq } = event;
      if (id !== (seq as number | undefined)?.toString()) {
        this.problems.push(`The frame of event ${String(seq)} has the id ${String(id)}.`);
      }
      received.take(event);
      if (type !== 'replay_end') return;
      caughtUp.open();
      if (event['lastSeq'] === received.cursor) return;
      this.problems.push(`A replay ended at ${String(event['lastSeq'])}, its reader at ${received.cursor}.`);
    };
    return new SseReader(this.url, following(scenario, received.cursor, rng), take, cutAt);
  }

  private expectAnswered({ status }: SseReader, who: string): void {
    if (status !== undefined && status !== 200) this.problems.push(`${who} was answered ${status}.`);
  }
}

/** The request of a reader that has everything up to the cursor. */
function following({ sessionId }: Scenario, cursor: number, rng: Rng): SseRequest {
  const path = `/api/sessions/stream?sessionId=${sessionId}`;
  if (cursor > 0 && rng.chance(0.5)) return { path, headers: { 'last-event-id': String(cursor) } };
  return { path: `${path}&after=${cursor}` };
}
