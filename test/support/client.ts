import type { IncomingHttpHeaders } from 'node:http';
import { io, type Socket } from 'socket.io-client';
import type { AgentEvent, StoredAgentEvent } from '../../src/index.js';
import { requireDocumented } from './documented-failures.js';
import { EventList } from './event-list.js';
import { requireNoKey } from './leaks.js';
import { type Frame, SseReader, type SseRequest } from './sse-reader.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read what they expect of an answer
export type Wire = any;

export interface Answer<Body = Record<string, never>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** An event with every field that some event has: tests look at what they expect. */
export type AnyEvent = { readonly type: string; readonly [field: string]: unknown };

/** Server-Sent Events as they arrive. */
export class EventReader extends EventList {
  /** Resolves with all events when the server has ended the stream. */
  readonly ended: Promise<AnyEvent[]>;

  private constructor(
    private readonly reader: SseReader,
    readonly status: number,
    readonly headers: Headers,
    path: string,
  ) {
    super();
    this.ended = reader.closed.then(() => {
      this.end(() => `${types(this.events).join()} ${this.raw().slice(0, 300)}`);
      requireNoKey(`the stream ${path}`, this.raw());
      return this.events;
    });
    this.ended.catch(() => undefined); // who awaits it is told
  }

  static async open(url: string, request: SseRequest): Promise<EventReader> {
    const early: Frame[] = [];
    let take = (frame: Frame): unknown => early.push(frame);
    const reader = new SseReader(url, request, (frame) => take(frame), undefined, true);
    const { statusCode = 0, headers } = await reader.opened;
    const events = new EventReader(reader, statusCode, new Headers(flat(headers)), request.path);
    take = ({ event, id }) =>
      events.add(id === undefined ? event : Object.assign(event, { lastEventId: id }));
    early.forEach(take);
    return events;
  }

  /** The raw text so far. */
  raw(): string {
    return this.reader.text;
  }

  /** Disconnects. */
  leave(): void {
    this.reader.cut('destroyed');
  }
}

const flat = (headers: IncomingHttpHeaders): [string, string][] =>
  Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  );

/** Talks to a server over real HTTP and real sockets. */
export class Client {
  private readonly sockets: Socket[] = [];

  /** @param headers sent with every request and every socket's handshake */
  constructor(
    readonly url: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  async get<Body = Wire>(path: string): Promise<Answer<Body>> {
    return this.send('GET', path);
  }

  async post<Body = Wire>(
    path: string,
    body: unknown = {},
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> {
    return this.send('POST', path, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
  }

  async send<Body>(
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...this.headers, ...headers },
      redirect: 'manual',
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    requireNoKey(`the answer of ${method} ${path}`, text);
    const isJson = response.headers.get('content-type')?.includes('json');
    const answer = (isJson ? JSON.parse(text) : text) as Body;
    if (isJson && response.status >= 400) await requireDocumented(method, path, answer as object);
    return { status: response.status, headers: response.headers, body: answer };
  }

  async createSession(body: object = {}): Promise<string> {
    const { body: created } = await this.post<{ sessionId: string }>('/api/sessions/create', body);
    return created.sessionId;
  }

  query(sessionId: string, query: unknown = 'hello', more: object = {}) {
    return this.post('/api/sessions/query', { sessionId, query, ...more });
  }

  /** A query whose events are read as they come. */
  stream(sessionId: string, query: unknown = 'hello', more: object = {}): Promise<EventReader> {
    return this.sse('POST', '/api/sessions/query/stream', { sessionId, query, ...more });
  }

  /** Follows a session from a cursor. */
  follow(sessionId: string, after?: number, headers: Record<string, string> = {}): Promise<EventReader> {
    const cursor = after === undefined ? '' : `&after=${after}`;
    return this.sse('GET', `/api/sessions/stream?sessionId=${sessionId}${cursor}`, undefined, headers);
  }

  async events(sessionId: string, more = ''): Promise<StoredAgentEvent[]> {
    const { body } = await this.get<{ events: StoredAgentEvent[] }>(
      `/api/sessions/events?sessionId=${sessionId}${more}`,
    );
    return body.events;
  }

  async status(sessionId: string) {
    const { body } = await this.get(`/api/sessions/status?sessionId=${sessionId}`);
    return body.status as { isProcessing: boolean; state: string; [key: string]: unknown };
  }

  sse(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<EventReader> {
    return EventReader.open(this.url, {
      method,
      path,
      headers: { ...this.headers, ...headers },
      ...(body && { body }),
    });
  }

  /** A connected socket. */
  async socket(
    transports: ('websocket' | 'polling')[] = ['websocket'],
    auth: Readonly<Record<string, unknown>> = {},
  ): Promise<Socket> {
    const socket = io(this.url, {
      transports,
      forceNew: true,
      reconnection: false,
      extraHeaders: this.headers,
      auth,
    });
    this.sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    return socket;
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
  }
}

/** The events that a socket gets, with the same waiting as a stream. */
export function eventsOf(socket: Socket, name = 'agent-event'): EventList {
  const list = new EventList();
  socket.on(name, (event: AnyEvent) => {
    requireNoKey(`a ${name} of a socket`, JSON.stringify(event));
    list.add(event);
  });
  return list;
}

export const types = (events: readonly { type: string }[]): string[] => events.map(({ type }) => type);

/** The deltas of each message, joined. */
export function joinedDeltas(
  events: readonly AnyEvent[],
  type = 'assistant_streaming_message',
): Map<string, string> {
  const joined = new Map<string, string>();
  for (const event of events) {
    if (event.type !== type) continue;
    const id = event['messageId'] as string;
    joined.set(id, (joined.get(id) ?? '') + (event['content'] as string));
  }
  return joined;
}

export type { AgentEvent };
