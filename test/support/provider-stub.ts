import { once } from 'node:events';
import type http from 'node:http';
import type { ProviderRule } from './provider-rules.js';
import { bytesOf, Requests, StubServer } from './stub-server.js';

/** A request as the provider got it. */
export interface ProviderRequest {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- tests read what they expect of a request
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
}

/** What a script can do with one request, in words that every provider has; each call goes out at once. */
export abstract class ProviderReply {
  constructor(
    private readonly res: http.ServerResponse,
    protected readonly request: ProviderRequest,
  ) {}

  /** Text deltas, one event each. */
  abstract text(...deltas: string[]): this;
  /** Deltas of thinking; where the provider signs it, with a signature that {@link signatureOf} gives. */
  abstract thinking(...deltas: string[]): this;
  abstract toolCall(id: string, name: string, args: object): this;
  /** An error event in the middle of the stream, and its end. */
  abstract error(message: string): void;
  /** Ends the answer in order, saying that it took 11 tokens in and 5 out. */
  abstract end(): void;
  /** Answers a request that did not ask for a stream. */
  abstract whole(text: string): void;
  /** Answers with an HTTP status instead, in the provider's own words. */
  abstract fail(status: number, message: string, headers?: http.OutgoingHttpHeaders): void;

  /** Breaks the connection. */
  cut(): void {
    this.res.destroy();
  }

  /** Ends the connection in order, but not the answer. */
  hangUp(): void {
    this.res.end();
  }

  /** Answers with anything. */
  raw(status: number, contentType: string, body: string): void {
    this.res.writeHead(status, { 'content-type': contentType });
    this.res.end(body);
  }

  /** Sends events as they are, and leaves the connection open. */
  events(...events: object[]): this {
    for (const event of events) this.send(event, (event as { type?: string }).type);
    return this;
  }

  protected json(status: number, body: object, headers: http.OutgoingHttpHeaders = {}): void {
    this.res.writeHead(status, { 'content-type': 'application/json', ...headers });
    this.res.end(JSON.stringify(body));
  }

  protected send(data: object | string, event?: string): this {
    if (!this.res.headersSent) {
      this.res.socket?.setNoDelay(true);
      this.res.writeHead(200, { 'content-type': 'text/event-stream' });
    }
    const json = typeof data === 'string' ? data : JSON.stringify(data);
    this.res.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${json}\n\n`);
    return this;
  }
}

/** How the stubs sign what they thought, or the call that it led to. */
export const signatureOf = (signed: string): string => Buffer.from(`signed: ${signed}`).toString('base64');

export type ReplyClass<Reply> = new (res: http.ServerResponse, request: ProviderRequest) => Reply;
export type Play<Reply> = (reply: Reply, request: ProviderRequest) => void | Promise<void>;

/** A provider of language models behind real HTTP that does what the test says, one script for each request. */
export class ProviderStub<Reply extends ProviderReply> extends StubServer {
  private readonly received = new Requests<ProviderRequest>();
  /** Requests that are refused, in the place of a script. */
  rule: ProviderRule = () => undefined;
  private readonly scripts: Play<Reply>[] = [];

  private constructor(private readonly Reply: ReplyClass<Reply>) {
    super();
  }

  static start<Reply extends ProviderReply>(Reply: ReplyClass<Reply>): Promise<ProviderStub<Reply>> {
    return new ProviderStub(Reply).listen();
  }

  get requests(): readonly ProviderRequest[] {
    return this.received.all;
  }

  /** Scripts the next requests, in order. */
  next(...scripts: Play<Reply>[]): void {
    this.scripts.push(...scripts);
  }

  /** Resolves with the next request that comes. */
  request(): Promise<ProviderRequest> {
    return this.received.next();
  }

  get lastRequest(): ProviderRequest {
    return this.received.last;
  }

  protected async handle(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const closed = once(res, 'close').then(() => undefined);
    const body: unknown = JSON.parse((await bytesOf(req)).toString());
    const request: ProviderRequest = { path: req.url ?? '', headers: req.headers, body, closed };
    this.received.add(request);
    const refusal = this.rule(body);
    if (refusal) {
      res.writeHead(refusal[0], { 'content-type': 'application/json' });
      res.end(JSON.stringify(refusal[1]));
      return;
    }
    const script: Play<Reply> = this.scripts.shift() ?? ((reply) => reply.text('No script.').end());
    await script(new this.Reply(res, request), request);
  }
}
