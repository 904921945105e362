import { createParser } from 'eventsource-parser';
import http from 'node:http';
import type { Wire } from '../../support/client.js';

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly body: Wire;
}

/** HTTP as cheap as it gets, and with what came over the wire as it came: many of these run beside the servers. */
export class HttpClient {
  private readonly agent = new http.Agent({ keepAlive: true });

  constructor(private readonly url: string) {}

  /** Rejects when the whole answer did not come. */
  request(method: string, path: string, body?: object): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const req = this.open(method, path, body, (res) => readReply(res).then(resolve, reject));
      req.once('error', reject);
    });
  }

  /**
   * Reads Server-Sent Events. Resolves with undefined when they have begun, or with what was answered instead.
   * @param onEnd called once, when nothing more comes, for whatever reason
   */
  events(
    method: string,
    path: string,
    body: object | undefined,
    onData: (text: string) => void,
    onEnd: () => void,
  ): Promise<Reply | undefined> {
    return new Promise((resolve, reject) => {
      const req = this.open(method, path, body, (res) => {
        if (res.statusCode !== 200) return readReply(res).then(resolve, reject);
        const parser = createParser({ onEvent: ({ data }) => onData(data) });
        res.setEncoding('utf8');
        res.on('data', (text: string) => parser.feed(text));
        res.on('error', () => undefined); // cut by the kill: what had come counts
        resolve(undefined);
      });
      req.once('error', reject);
      req.once('close', onEnd);
    });
  }

  close(): void {
    this.agent.destroy();
  }

  private open(
    method: string,
    path: string,
    body: object | undefined,
    onResponse: (res: http.IncomingMessage) => unknown,
  ): http.ClientRequest {
    const headers = body && { 'content-type': 'application/json' };
    const req = http.request(this.url + path, { method, agent: this.agent, ...(headers && { headers }) });
    req.once('response', onResponse);
    req.end(body && JSON.stringify(body));
    return req;
  }
}

async function readReply(res: http.IncomingMessage): Promise<Reply> {
  const parts: Buffer[] = [];
  for await (const part of res) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  return { status: res.statusCode ?? 0, text, body: JSON.parse(text) };
}
