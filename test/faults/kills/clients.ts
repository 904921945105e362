import type { Socket } from 'socket.io-client';
import { type AnyEvent, Client, type Wire } from '../../support/client.js';
import { SseReader } from '../../support/sse-reader.js';
import { ask } from '../../support/sockets.js';
import { HttpClient, type Reply } from './http-client.js';
import { type ExpectedHistory, type KnownKey, KnownSession } from './expected-history.js';
import { ServerGone, type ServerLife } from './server-life.js';
import { ObservedSession } from './observed-session.js';
import { isOpen, type Stored } from './stored.js';
import type { Problems } from './counts.js';

/** What a request is for, as plans and phases name it. */
export type Purpose =
  'create' | 'rename' | 'query' | 'queue' | 'interrupt' | 'key' | 'abort' | 'delete' | 'read';

export interface QueryOptions {
  readonly whenBusy?: 'queue' | 'interrupt';
  readonly key?: KnownKey;
  /** The key's run may have been ended by a kill: it has no answer to give. */
  readonly afterKill?: boolean;
}

/** What may be answered to a query beside 200: its session was busy, or it was aborted. */
const EXPECTED = new Set(['SESSION_BUSY', 'RUN_ABORTED', 'QUEUE_FULL']);

/**
 * All clients of one server: REST, Server-Sent Events and two sockets. Whatever one of them is told or sent
 * goes to the expected history.
 */
export class Clients {
  /** Requests under way, by purpose. */
  readonly open = new Map<Purpose, number>();
  private readonly http: HttpClient;
  private readonly joined = new Map<string, ObservedSession>();
  private readonly followed = new Map<string, ObservedSession>();
  private readonly asides: Promise<unknown>[] = [];
  private readonly observedSessions: ObservedSession[] = [];

  private constructor(
    readonly life: ServerLife,
    readonly expectedHistory: ExpectedHistory,
    private readonly problems: Problems,
    private readonly client: Client,
    /** Listens. */
    private readonly listener: Socket,
    /** Asks. */
    private readonly speaker: Socket,
  ) {
    this.http = new HttpClient(client.url);
    listener.on('agent-event', (event: AnyEvent) => {
      this.joined.get(event['sessionId'] as string)?.take(event, JSON.stringify(event));
    });
    listener.on('disconnect', () => this.joined.forEach((observed) => observed.close()));
  }

  /** Connects as soon as the server is ready. */
  static async at(life: ServerLife, expectedHistory: ExpectedHistory, problems: Problems): Promise<Clients> {
    const client = new Client(await life.ready());
    const [listener, speaker] = await Promise.all([client.socket(), client.socket()]);
    return new Clients(life, expectedHistory, problems, client, listener, speaker);
  }

  async create(name: string): Promise<KnownSession> {
    const { status, body } = await this.post('create', '/api/sessions/create', { name });
    if (status !== 201) throw new Error(`create was answered ${status}`);
    const session = this.expectedHistory.session(body.sessionId as string);
    this.expectedHistory.acknowledged(session, `session ${session.id}`, ({ sessions }) =>
      sessions.has(session.id),
    );
    return session;
  }

  async rename(session: KnownSession, name: string): Promise<void> {
    const { status } = await this.post('rename', '/api/sessions/update', { sessionId: session.id, name });
    if (status !== 200) throw new Error(`update was answered ${status}`);
    this.expectedHistory.acknowledged(session, `the name of ${session.id}`, ({ sessions }) => {
      return sessions.get(session.id)?.name === name;
    });
  }

  async remove(session: KnownSession): Promise<void> {
    session.deleting = true;
    const { status } = await this.post('delete', '/api/sessions/delete', { sessionId: session.id });
    if (status !== 200) throw new Error(`delete was answered ${status}`);
    const claimed = new KnownSession(session.id); // one that may not be gone: the claim is about just that
    this.expectedHistory.acknowledged(
      claimed,
      `the deletion of ${session.id}`,
      ({ sessions, runs, events }) => {
        const left = [...runs.values()].some((run) => run.sessionId === session.id);
        return !left && !sessions.has(session.id) && !events.has(session.id);
      },
    );
  }

  /** Ends a run, over either transport. */
  async abort(session: KnownSession, runId: string, by: 'rest' | 'socket'): Promise<void> {
    const message = { sessionId: session.id, runId };
    if (by === 'rest') {
      const { status } = await this.post('abort', '/api/sessions/abort', message);
      if (status !== 200) throw new Error(`abort was answered ${status}`);
    } else {
      const ack = await this.during('abort', () => ask(this.speaker, 'abort-query', message));
      if (!ack.ok) throw new Error(`abort-query was answered ${ack.error}`);
    }
    this.expectedHistory.acknowledged(session, `the end of run ${runId}`, (stored) =>
      hasEnded(stored, runId),
    );
  }

  /** Asks and waits for the answer. */
  async ask(session: KnownSession, text: string, options: QueryOptions = {}): Promise<Reply> {
    this.expectedHistory.unheard.add(text);
    const reply = await this.post(purposeOf(options), '/api/sessions/query', bodyOf(session, text, options));
    const { status, body } = reply;
    this.expectedHistory.unheard.delete(text);
    if (status === 200) {
      const { runId, result } = body as { runId: string; result: AnyEvent };
      this.expectedHistory.taken(session, runId, text, options.key);
      this.expectedHistory.saw(session, result['seq'] as number, JSON.stringify(result));
      this.expectedHistory.acknowledged(session, `the end of run ${runId}`, (stored) =>
        hasEnded(stored, runId),
      );
    } else this.expected(session, status, body, options);
    return reply;
  }

  /** Asks and is sent the events of the run. Resolves with the first of them, or the place in the queue. */
  async stream(
    session: KnownSession,
    text: string,
    options: QueryOptions = {},
  ): Promise<{ observed: ObservedSession; runId: string } | undefined> {
    this.expectedHistory.unheard.add(text);
    const body = bodyOf(session, text, options);
    return this.during(purposeOf(options), async () => {
      const observed = this.observe(session, undefined);
      const refused = await this.read('POST', '/api/sessions/query/stream', body, observed);
      if (refused) {
        this.expectedHistory.unheard.delete(text);
        this.expected(session, refused.status, refused.body, options);
        return undefined;
      }
      const first = await observed
        .until(() => true)
        .catch((error: unknown) => {
          if (!options.key || this.life.over) throw error;
        });
      if (!first) return undefined; // the key's run had left the queue: it has no event
      const runId = first['runId'] as string;
      this.expectedHistory.taken(session, runId, text, options.key);
      return { observed, runId };
    });
  }

  /** Asks over a socket. Resolves with the run as soon as it is taken, or undefined when it was refused. */
  async send(session: KnownSession, text: string, options: QueryOptions = {}): Promise<string | undefined> {
    this.expectedHistory.unheard.add(text);
    const message = bodyOf(session, text, options);
    const ack = await this.during(purposeOf(options), () => ask(this.speaker, 'send-query', message));
    this.expectedHistory.unheard.delete(text);
    if (!ack.ok) {
      this.expected(session, 0, ack, options);
      return undefined;
    }
    const runId = ack['runId'] as string;
    this.expectedHistory.taken(session, runId, text, options.key);
    return runId;
  }

  /** Follows a session over SSE from a cursor, and over the socket if asked to. The same again if it does already. */
  async follow(session: KnownSession, after: number, alsoJoin: boolean): Promise<ObservedSession> {
    const { id: sessionId } = session;
    const known = this.followed.get(sessionId);
    if (known) return known;
    const path = `/api/sessions/stream?sessionId=${sessionId}&after=${after}`;
    const observed = this.observe(session, after);
    this.followed.set(sessionId, observed);
    const refused = await this.read('GET', path, undefined, observed);
    if (refused) throw new Error(`the stream after ${after} was refused: ${refused.text}`);
    if (alsoJoin) await this.join(session, after);
    return observed;
  }

  private async join(session: KnownSession, after: number): Promise<void> {
    const { id: sessionId } = session;
    const observed = this.observe(session, after);
    this.joined.set(sessionId, observed);
    try {
      const ack = await this.during('read', () => ask(this.listener, 'join-session', { sessionId, after }));
      if (!ack.ok) throw new Error(`join-session was answered ${ack.error}`);
    } catch (error) {
      observed.close();
      throw error;
    }
  }

  async get(path: string): Promise<Reply> {
    return this.during('read', () => this.http.request('GET', path));
  }

  /** Lets it go on by itself; what goes wrong with it while the server lives is a problem. */
  aside(work: Promise<unknown>): Promise<unknown> {
    const guarded = work.catch((error: unknown) => this.failed(error));
    this.asides.push(guarded);
    return guarded;
  }

  failed(error: unknown): void {
    if (!this.life.over) this.problems.wrong(String(error instanceof Error ? error.stack : error));
  }

  /** Resolves when every client has seen that the server is gone. */
  async close(): Promise<void> {
    await Promise.all([...this.asides, ...this.observedSessions.map((observed) => observed.closed)]);
    this.client.close();
    this.http.close();
  }

  private observe(session: KnownSession, last: number | undefined): ObservedSession {
    const observed = new ObservedSession(session, this.life, this.expectedHistory, this.problems, last);
    this.observedSessions.push(observed);
    return observed;
  }

  private read(method: 'GET' | 'POST', path: string, body: object | undefined, observed: ObservedSession) {
    const reader = new SseReader(
      this.client.url,
      { method, path, ...(body && { body }) },
      ({ event, json }) => observed.take(event, json),
    );
    void reader.closed.then(() => observed.close());
    return refusalOf(reader);
  }

  private expected(session: KnownSession, status: number, body: Wire, { afterKill }: QueryOptions): void {
    const { code } = body as { code?: string };
    if (EXPECTED.has(code ?? '')) return;
    if (code === 'SESSION_NOT_FOUND' && session.deleting) return;
    if (code === 'DRAINING' && afterKill) return;
    throw new Error(`a query of ${session.id} was answered ${status} ${JSON.stringify(body)}`);
  }

  private async post(purpose: Purpose, path: string, body: object): Promise<Reply> {
    return this.during(purpose, () => this.http.request('POST', path, body));
  }

  private async during<T>(purpose: Purpose, work: () => Promise<T>): Promise<T> {
    if (this.life.over) throw new ServerGone();
    this.open.set(purpose, (this.open.get(purpose) ?? 0) + 1);
    this.life.note(`sent:${purpose}`);
    const result = await work();
    // What was under way when the server was killed stays so: it is counted then.
    if (!this.life.over) this.open.set(purpose, (this.open.get(purpose) ?? 0) - 1);
    this.life.note(`acked:${purpose}`);
    return result;
  }
}

/** What was answered instead of a stream; undefined when it has begun. */
async function refusalOf(reader: SseReader): Promise<Reply | undefined> {
  const { statusCode: status = 0 } = await reader.opened;
  if (status === 200) return undefined;
  await reader.closed;
  return { status, text: reader.text, body: JSON.parse(reader.text) };
}

function purposeOf({ key, whenBusy }: QueryOptions): Purpose {
  return key ? 'key' : (whenBusy ?? 'query');
}

function bodyOf(session: KnownSession, text: string, { whenBusy, key }: QueryOptions): object {
  return {
    sessionId: session.id,
    query: text,
    ...(whenBusy && { whenBusy }),
    ...(key && { idempotencyKey: key.key }),
  };
}

/** Ended, and not by the kill: whoever was told so was told before it. */
function hasEnded({ runs, events }: Stored, runId: string): boolean {
  const run = runs.get(runId);
  if (!run || isOpen(run) || run.status === 'interrupted') return false;
  const last = events.get(run.sessionId)?.findLast((event) => event.runId === runId);
  return run.startedAt === null || last?.type === 'agent_run_end';
}
