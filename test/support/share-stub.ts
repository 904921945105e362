import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** An upload as the provider got it. */
export interface Upload {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly form: FormData;
}

/** A share provider behind real HTTP that keeps what is uploaded and answers as the test says. */
export class ShareStub {
  readonly uploads: Upload[] = [];
  answer: (res: http.ServerResponse) => void = (res) =>
    ShareStub.json(res, 200, { url: 'https://share.example/page' });

  private constructor(private readonly server: http.Server) {}

  static async start(): Promise<ShareStub> {
    const server = http.createServer();
    const stub = new ShareStub(server);
    server.on('request', (req, res) => void stub.handle(req, res));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return stub;
  }

  static json(res: http.ServerResponse, status: number, body: unknown): void {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/upload`;
  }

  get lastUpload(): Upload {
    const last = this.uploads.at(-1);
    if (!last) throw new Error('Nothing has been uploaded.');
    return last;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async handle(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of req) parts.push(part as Buffer);
    const body = new Response(Buffer.concat(parts), {
      headers: { 'content-type': req.headers['content-type'] ?? '' },
    });
    const form = await body.formData();
    this.uploads.push({ method: req.method ?? '', path: req.url ?? '', headers: req.headers, form });
    this.answer(res);
  }
}
