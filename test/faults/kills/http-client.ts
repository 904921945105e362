import http from 'node:http';
import type { Wire } from '../../support/client.js';

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly body: Wire;
}

/** JSON over HTTP as cheap as it gets, with the text as it came: many of these run beside the servers. */
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
