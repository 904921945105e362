import { once } from 'node:events';
import type http from 'node:http';
import { SENTINEL_KEY } from './leaks.js';
import { bytesOf, Requests, StubServer } from './stub-server.js';

/** A request as the model's endpoint got it. */
export interface ModelRequest {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: {
    readonly model: string;
    readonly stream?: boolean;
    readonly temperature?: number;
    readonly max_tokens?: number;
    readonly messages: readonly ModelMessage[];
    readonly tools?: readonly { readonly function: { readonly name: string } }[];
  };
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
}

export interface ModelMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly tool_call_id?: string;
}

/** Answers one request. */
export type Script = (reply: Reply, request: ModelRequest) => void | Promise<void>;

/** What a script can do with one request; each call goes out at once. */
export class Reply {
  private begun = false;
  private toolCalls = 0;

  constructor(
    private readonly res: http.ServerResponse,
    private readonly request: ModelRequest,
  ) {}

  /** Sends text deltas, one chunk each. */
  text(...deltas: string[]): this {
    for (const content of deltas) this.chunk({ content });
    return this;
  }

  thinking(...deltas: string[]): this {
    for (const reasoning_content of deltas) this.chunk({ reasoning_content });
    return this;
  }

  /** Calls a tool; the arguments go out in pieces, as models send them. */
  toolCall(name: string, args: object | string): this {
    const index = this.toolCalls++;
    const json = typeof args === 'string' ? args : JSON.stringify(args);
    const id = `call_${index}_${Math.random().toString(36).slice(2)}`;
    this.chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] });
    for (let at = 0; at < json.length; at += 8) {
      this.chunk({ tool_calls: [{ index, function: { arguments: json.slice(at, at + 8) } }] });
    }
    return this;
  }

  /** Ends the answer as models do. */
  end(finishReason = this.toolCalls > 0 ? 'tool_calls' : 'stop'): void {
    this.write({ choices: [{ index: 0, delta: {}, finish_reason: finishReason }] });
    this.write({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } });
    this.res.end('data: [DONE]\n\n');
  }

  /** Answers with an HTTP status instead. */
  fail(status: number, message = `status ${status}`, headers: http.OutgoingHttpHeaders = {}): void {
    this.res.writeHead(status, { 'content-type': 'application/json', ...headers });
    this.res.end(JSON.stringify({ error: { message } }));
  }

  /** Answers with anything. */
  raw(status: number, contentType: string, body: string): void {
    this.res.writeHead(status, { 'content-type': contentType });
    this.res.end(body);
  }

  /** Writes bytes into the stream as they are. */
  garbage(bytes: string): this {
    this.begin();
    this.res.write(bytes);
    return this;
  }

  /** Breaks the connection. */
  cut(): void {
    this.res.destroy();
  }

  /** Answers a request that did not ask for a stream. */
  whole(content: string): void {
    this.res.writeHead(200, { 'content-type': 'application/json' });
    const message = { role: 'assistant', content };
    this.res.end(
      JSON.stringify({
        id: 'x',
        object: 'chat.completion',
        created: 0,
        model: this.request.body.model,
        choices: [{ index: 0, message, finish_reason: 'stop' }],
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      }),
    );
  }

  private chunk(delta: object): void {
    this.write({ choices: [{ index: 0, delta, finish_reason: null }] });
  }

  private write(part: object): void {
    this.begin();
    const { model } = this.request.body;
    this.res.write(
      `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model, ...part })}\n\n`,
    );
  }

  private begin(): void {
    if (this.begun) return;
    this.begun = true;
    this.res.socket?.setNoDelay(true);
    this.res.writeHead(200, { 'content-type': 'text/event-stream' });
  }
}

/**
 * A language model behind real HTTP, OpenAI-compatible, that does what the test says: `answer` for every
 * request, or a script for the next ones.
 */
export class ModelStub extends StubServer {
  private readonly received = new Requests<ModelRequest>();
  /** What happens when no script waits. */
  answer: Script = (reply, request) =>
    request.body.stream ? reply.text('Hello', ' there', '!').end() : reply.whole('A Short Title');
  private readonly scripts: Script[] = [];

  static start(): Promise<ModelStub> {
    return new ModelStub().listen();
  }

  get baseURL(): string {
    return `${this.origin}/v1`;
  }

  get requests(): readonly ModelRequest[] {
    return this.received.all;
  }

  /** The configuration of a server that uses this model. */
  get config() {
    return {
      provider: 'openai-compatible' as const,
      id: 'scripted',
      baseURL: this.baseURL,
      apiKey: SENTINEL_KEY,
    };
  }

  /** All requests since the last call, which are forgotten. */
  takeRequests(): ModelRequest[] {
    return this.received.take();
  }

  /** Scripts the next requests, in order. */
  next(...scripts: Script[]): void {
    this.scripts.push(...scripts);
  }

  /** Resolves with the next request that comes. */
  request(): Promise<ModelRequest> {
    return this.received.next();
  }

  get lastRequest(): ModelRequest {
    return this.received.last;
  }

  /** How many connections there are, idle ones included. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  /** Hangs up on connections without a request, as providers do after a while. */
  closeIdle(): void {
    this.server.closeIdleConnections();
  }

  protected async handle(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const closed = once(res, 'close').then(() => undefined);
    const body = JSON.parse((await bytesOf(req)).toString()) as ModelRequest['body'];
    const request: ModelRequest = { path: req.url ?? '', headers: req.headers, body, closed };
    const script = this.scripts.shift() ?? this.answer;
    this.received.add(request);
    await script(new Reply(res, request), request);
  }
}

/** Something that a test opens by hand: scripts wait at it. */
export class Gate {
  private release: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => (this.release = resolve));

  open(): void {
    this.release();
  }
}

/** The text of the last user message of a request. */
export function lastUserText({ body }: ModelRequest): string {
  const content = body.messages.findLast(({ role }) => role === 'user')?.content;
  if (typeof content === 'string') return content;
  return (content as { text?: string }[]).map(({ text }) => text ?? '').join('');
}
