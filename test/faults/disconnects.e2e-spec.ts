import { afterAll, describe, expect, it } from '@jest/globals';
import type { StoredAgentEvent } from '../../src/index.js';
import { SEED } from '../support/rng.js';
import { isStreaming } from '../support/expect-events.js';
import { Gate, lastUserText } from '../support/model-stub.js';
import { serverDeath } from '../support/server-death.js';
import { ServerSetup } from '../support/server-setup.js';
import { scaled, scaledLeast, scaledMs } from '../support/size.js';
import { SOCKET_CUTS, TRANSPORTS } from '../support/socket-line.js';
import { SSE_CUTS, SseReader } from '../support/sse-reader.js';
import { within } from '../support/waiting.js';
import { Scenario, TO_BE_INTERRUPTED } from '../support/scenario.js';
import { Cuts, PATIENCE_MS, ScenarioClients, type WhenBusy } from '../support/scenario-clients.js';
import type { Faults } from '../support/received-events.js';

/** One that answers reads at once, and one that answers them later: then events come in between. */
const DRIVERS = ['better-sqlite3', 'sqlite3'] as const;
/** Sessions with each of them, and how many at once. */
const SCENARIOS = scaled(2);
const AT_ONCE = 3;
/** Runs that one session sees. */
const RUNS = 7;

/** One server process, and the scenarios that run on it. */
class ScenarioServer {
  private readonly scenarios = new Map<string, Scenario>();
  readonly clients: ScenarioClients;

  private constructor(
    private readonly setup: ServerSetup,
    private readonly name: string,
    cuts: Cuts,
  ) {
    this.clients = new ScenarioClients(setup.server.url, cuts);
    setup.model.answer = (reply, asked) => {
      const query = lastUserText(asked);
      const scenario = this.scenarios.get(query.split(' ')[0] ?? '');
      if (!scenario) throw new Error(`No session asks "${query}".`);
      return scenario.answer(reply, asked);
    };
  }

  static async open(driver: (typeof DRIVERS)[number], cuts: Cuts): Promise<ScenarioServer> {
    const setup = await ServerSetup.start({ config: { server: { storage: { type: 'sqlite', driver } } } });
    return new ScenarioServer(setup, driver, cuts);
  }

  close(): Promise<void> {
    return this.setup.stop();
  }

  /** Runs all scenarios, some at once. */
  async runAll(): Promise<Scenario[]> {
    const ended: Scenario[] = [];
    const numbers = Array.from({ length: SCENARIOS }, (_, i) => i);
    const inTurn = async () => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        ended.push(await this.runOne(number));
      }
    };
    const death = serverDeath(this.setup.server);
    death.catch(() => undefined); // it ends with the test
    await Promise.race([Promise.all(Array.from({ length: AT_ONCE }, inTurn)), death]);
    return ended;
  }

  /** A session from its first query to its last end, with all who follow it. */
  private async runOne(number: number): Promise<Scenario> {
    const { clients, setup } = this;
    const scenario = new Scenario(`${this.name}-${number}`, await setup.createSession());
    this.scenarios.set(scenario.name, scenario);
    const ready = new Gate();
    const path = `/api/sessions/stream?sessionId=${scenario.sessionId}`;
    const line = new SseReader(setup.server.url, { path }, ({ event }) => {
      if (event.type === 'replay_end') ready.open();
      else scenario.witness.take(event);
    });
    await within(PATIENCE_MS, 'The witness', ready.opened);
    const asking = async () => {
      for (const round of scenario.rngOf('rounds').shuffled(this.rounds)) await round(scenario);
      scenario.over.open();
    };
    await Promise.all([
      asking(),
      clients.followBySse(scenario, 'one'),
      clients.followBySse(scenario, 'another'),
      clients.followBySocket(scenario, 'websocket'),
      clients.followBySocket(scenario, 'polling'),
      clients.followBySocket(scenario, 'upgrade'),
    ]);
    line.cut('destroyed');
    await line.closed;
    return scenario;
  }

  private readonly rounds: readonly ((scenario: Scenario) => Promise<unknown>)[] = [
    async (scenario) => {
      await this.ask(scenario, 'first');
      await this.ask(scenario, 'second');
    },
    (scenario) => {
      const all = ['one', 'two', 'three'].map((what) => this.ask(scenario, `${what} of a queue`, 'queue'));
      return Promise.all(all);
    },
    async (scenario) => {
      const { witness } = scenario;
      const { length } = witness.events;
      const first = this.ask(scenario, TO_BE_INTERRUPTED);
      const speaks = () => witness.events.slice(length).some(isStreaming);
      await within(PATIENCE_MS, 'The run to be interrupted', witness.when(speaks));
      await Promise.all([first, this.ask(scenario, 'instead', 'interrupt')]);
    },
  ];

  /** Asks by any door; resolves when the run has ended. */
  private async ask(scenario: Scenario, what: string, whenBusy: WhenBusy = 'reject'): Promise<void> {
    const query = `${scenario.name} ${what}`;
    scenario.endings.set(query, what === TO_BE_INTERRUPTED ? 'aborted' : 'completed');
    const doors = ['askByStream', 'askByStream', 'askByRest', 'askBySocket'] as const;
    await this.clients[scenario.rngOf(what).pick(doors)](scenario, query, whenBusy);
  }

  async eventsOf(sessionId: string): Promise<StoredAgentEvent[]> {
    const { body } = await this.setup.get<{ events: StoredAgentEvent[] }>(
      `sessions/events?sessionId=${sessionId}`,
    );
    return body.events;
  }

  /** Each query has one run, however often it was sent, and whoever left has ended none. */
  async expectEndings({ sessionId, endings }: Scenario): Promise<void> {
    const { body } = await this.setup.get<{ runs: { id: string; status: string }[] }>(
      `runs?sessionId=${sessionId}`,
    );
    const statuses = new Map(body.runs.map(({ id, status }) => [id, status]));
    const ended = (await this.eventsOf(sessionId)).flatMap((event) =>
      event.type === 'user_message' ? [[event.content, statuses.get(event.runId)]] : [],
    );
    expect(ended.sort()).toEqual([...endings].sort());
    expect(body.runs).toHaveLength(RUNS);
    const status = await this.setup.get(`sessions/status?sessionId=${sessionId}`);
    expect(status.body).toMatchObject({ status: { isProcessing: false } });
  }

  async expectModelAlone(): Promise<void> {
    const requests = this.setup.model.requests.map(({ closed }) => closed);
    await within(1_000, 'The end of the requests to the model', Promise.all(requests));
  }
}

const list = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort()
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

describe(`disconnects (SEED=${SEED})`, () => {
  const cuts = new Cuts();
  const faults: Record<keyof Faults, number> = {
    lost: 0,
    repeated: 0,
    outOfOrder: 0,
    unknown: 0,
    wrongText: 0,
  };
  /** Events in the logs, in what clients must have seen, and in what they have seen. */
  const sums = { acknowledged: 0, owed: 0, seen: 0, deltas: 0, joined: 0 };
  let server: ScenarioServer | undefined;

  afterAll(() => server?.close());

  it.each(DRIVERS)(
    'lose, repeat and mix up nothing, and end no run (%s)',
    async (driver) => {
      await server?.close();
      server = await ScenarioServer.open(driver, cuts);
      const ended = await server.runAll();
      expect(server.clients.problems).toEqual([]);
      for (const scenario of ended) {
        const { sessionId, witness, followers, readers } = scenario;
        const events = await server.eventsOf(sessionId);
        const log = events.map((event) => JSON.stringify(event));
        const ofRun = (id: string) => log.filter((_, i) => events[i]?.runId === id);
        const lists = [
          ...[witness.received, ...followers].map((received) => ({ received, owed: log })),
          ...readers.map(({ received, runId }) => ({ received, owed: ofRun(runId) })),
        ];
        for (const { received, owed } of lists) {
          for (const [fault, count] of Object.entries(received.compare(owed))) {
            faults[fault as keyof Faults] += count as number;
          }
          sums.owed += owed.length;
          sums.seen += received.stored.length;
          sums.deltas += received.deltas;
          sums.joined += received.compared;
        }
        sums.acknowledged += log.length;
        expect(faults).toEqual({ lost: 0, repeated: 0, outOfOrder: 0, unknown: 0, wrongText: 0 });
        for (const { received, owed } of lists) expect(received.stored).toEqual(owed);
        await server.expectEndings(scenario);
      }
      expect(ended).toHaveLength(SCENARIOS);
      await server.expectModelAlone();
    },
    scaledMs(60_000),
  );

  it('were enough, of every kind and at every moment', () => {
    const { kinds, moments, total } = cuts;
    process.stdout.write(
      `disconnects (SEED=${SEED}): ${total} (${list(kinds)}; ${list(moments)} a run); ` +
        `events acknowledged ${sums.acknowledged}, owed to clients ${sums.owed}, seen ${sums.seen}, ` +
        `deltas ${sums.deltas}, messages joined ${sums.joined}; ` +
        `lost ${faults.lost}, repeated ${faults.repeated}, out of order ${faults.outOfOrder}\n`,
    );
    expect(total).toBeGreaterThanOrEqual(scaledLeast(300));
    for (const how of SSE_CUTS) {
      expect(cuts.of(`stream ${how}`)).toBeGreaterThanOrEqual(scaledLeast(15));
      expect(cuts.of(`query ${how}`)).toBeGreaterThanOrEqual(scaledLeast(3));
    }
    const ofSockets = Object.keys(TRANSPORTS).flatMap((transport) =>
      SOCKET_CUTS.map((how) => cuts.of(`${transport} ${how}`)),
    );
    expect(Math.min(...ofSockets)).toBeGreaterThanOrEqual(scaledLeast(3));
    expect(cuts.of('query by REST destroyed')).toBeGreaterThanOrEqual(scaledLeast(3));
    expect(moments.get('before')).toBeGreaterThanOrEqual(scaledLeast(3));
    expect(moments.get('during')).toBeGreaterThanOrEqual(scaledLeast(150));
    expect(moments.get('after')).toBeGreaterThanOrEqual(scaledLeast(10));
    expect(sums.seen).toBeGreaterThanOrEqual(scaledLeast(2_500));
    expect(sums.deltas).toBeGreaterThanOrEqual(scaledLeast(2_500));
    expect(sums.joined).toBeGreaterThanOrEqual(scaledLeast(200));
  });
});
