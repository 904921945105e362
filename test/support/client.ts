import { createParser } from 'eventsource-parser';
import { io, type Socket } from 'socket.io-client';
import type { AgentEvent, StoredAgentEvent } from '../../src/index.js';
import { requireNoKey } from './leaks.js';

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
export interface EventReader {
  readonly status: number;
  readonly headers: Headers;
  /** What has arrived so far. */
  readonly events: AnyEvent[];
  /** The raw text so far. */
  readonly raw: () => string;
  /** Resolves with the first event, past or to come, that fits; rejects when the stream ends without one. */
  until(fits: string | ((event: AnyEvent) => boolean)): Promise<AnyEvent>;
  /** Resolves with all events when the server has ended the stream. */
  readonly ended: Promise<AnyEvent[]>;
  /** Disconnects. */
  leave(): void;
}

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
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : text) as Body,
    };
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

  async sse(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<EventReader> {
    const controller = new AbortController();
    const response = await fetch(this.url + path, {
      method,
      signal: controller.signal,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...this.headers,
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return readEvents(response, () => controller.abort());
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

function readEvents(response: Response, abort: () => void): EventReader {
  const events: AnyEvent[] = [];
  const waiting = new Set<() => void>();
  let raw = '';
  let over = false;
  const wake = () => waiting.forEach((check) => check());
  const parser = createParser({
    onEvent: ({ data, id }) => {
      const event = JSON.parse(data) as AnyEvent;
      events.push(id === undefined ? event : Object.assign(event, { lastEventId: id }));
      wake();
    },
  });
  const ended = (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        const text = decoder.decode(chunk as Uint8Array, { stream: true });
        raw += text;
        parser.feed(text);
      }
      requireNoKey(`the stream ${response.url}`, raw);
    } catch (error) {
      if (String(error).includes('key is in')) throw error;
      // the connection was cut, by the test or by the server: what had come counts
    }
    over = true;
    wake();
    return events;
  })();
  return {
    status: response.status,
    headers: response.headers,
    events,
    raw: () => raw,
    ended,
    leave: abort,
    until: (fits) => {
      const test = typeof fits === 'string' ? (event: AnyEvent) => event.type === fits : fits;
      return new Promise((resolve, reject) => {
        const check = () => {
          const found = events.find(test);
          if (!found && !over) return;
          waiting.delete(check);
          if (found) resolve(found);
          else
            reject(
              new Error(
                `The stream ended without it: ${events.map(({ type }) => type).join()} ${raw.slice(0, 300)}`,
              ),
            );
        };
        waiting.add(check);
        check();
      });
    },
  };
}

/** The events that a socket gets, with the same waiting as a stream. */
export function eventsOf(socket: Socket, name = 'agent-event') {
  const events: AnyEvent[] = [];
  const waiting = new Set<() => void>();
  socket.on(name, (event: AnyEvent) => {
    requireNoKey(`a ${name} of a socket`, JSON.stringify(event));
    events.push(event);
    waiting.forEach((check) => check());
  });
  return {
    events,
    until(fits: string | ((event: AnyEvent) => boolean)): Promise<AnyEvent> {
      const test = typeof fits === 'string' ? (event: AnyEvent) => event.type === fits : fits;
      return new Promise((resolve) => {
        const check = () => {
          const found = events.find(test);
          if (!found) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      });
    },
  };
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
