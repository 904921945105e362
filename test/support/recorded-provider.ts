import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AnthropicReply, ChatReply, GoogleReply, ResponsesReply } from './provider-replies.js';
import { PROVIDER_RULES } from './provider-rules.js';
import type { ProviderRequest } from './provider-stub.js';
import { answersOf, type RecordedCase } from './recorded-cases.js';

const REPLIES = {
  chat: ChatReply,
  anthropic: AnthropicReply,
  google: GoogleReply,
  responses: ResponsesReply,
} as const;

/** Milliseconds between two comments that keep a connection alive. */
const BEAT_MS = 150;

/**
 * Providers behind one real HTTP server: below `/NAME/` is the one of the case of that name, and plays the recorded
 * answers. When they are spent, it answers with a plain text.
 */
export class RecordedProvider {
  private readonly requests = new Map<string, ProviderRequest[]>();
  /** Requests of each case that were not refused. */
  private readonly answered = new Map<string, number>();

  private constructor(
    private readonly server: http.Server,
    private readonly cases: readonly RecordedCase[],
  ) {}

  static async start(cases: readonly RecordedCase[]): Promise<RecordedProvider> {
    const server = http.createServer();
    const provider = new RecordedProvider(server, cases);
    server.on('request', (req, res) => void provider.handle(req, res));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return provider;
  }

  /** Base URL of a case's provider. */
  urlOf(name: string): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${name}/v1`;
  }

  requestsOf(name: string): readonly ProviderRequest[] {
    return this.requests.get(name) ?? [];
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async handle(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const closed = once(res, 'close').then(() => undefined);
    const parts: Buffer[] = [];
    for await (const part of req) parts.push(part as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(parts).toString());
    const path = req.url ?? '';
    const each = this.cases.find(({ name }) => path.startsWith(`/${name}/`));
    if (!each) throw new Error(`There is no case at ${path}.`);
    const request: ProviderRequest = { path, headers: req.headers, body, closed };
    this.requests.set(each.name, [...this.requestsOf(each.name), request]);
    const refusal = each.providerRule && PROVIDER_RULES[each.providerRule]?.(body);
    if (!refusal) return this.answer(each, request, res);
    res.writeHead(refusal[0], { 'content-type': 'application/json' });
    res.end(JSON.stringify(refusal[1]));
  }

  private async answer(
    each: RecordedCase,
    request: ProviderRequest,
    res: http.ServerResponse,
  ): Promise<void> {
    const answered = this.answered.get(each.name) ?? 0;
    this.answered.set(each.name, answered + 1);
    const answers = answersOf(each);
    const recorded = each.repeat ? answers.at(-1) : answers[answered];
    if (recorded !== undefined) return play(each, recorded, res);
    const Reply = REPLIES[(request.path.endsWith('/messages') && each.switchTo) || each.kind];
    new Reply(res, request).text('Final.').end();
  }
}

async function play(
  { status = 200, headers, keepalive = 0, end }: RecordedCase,
  recorded: string,
  res: http.ServerResponse,
): Promise<void> {
  res.writeHead(status, headers ?? { 'content-type': 'text/event-stream; charset=utf-8' });
  for (let i = 0; i < keepalive; i++) {
    res.write(': PROCESSING\n\n');
    await sleep(BEAT_MS); // the provider thinks for longer than the server waits for a silent one
  }
  res.write(recorded);
  if (end !== 'hang') res.end();
}
