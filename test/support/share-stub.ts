import type http from 'node:http';
import { bytesOf, Requests, StubServer } from './stub-server.js';

/** An upload as the provider got it. */
export interface Upload {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly form: FormData;
}

/** A share provider behind real HTTP that keeps what is uploaded and answers as the test says. */
export class ShareStub extends StubServer {
  private readonly received = new Requests<Upload>();
  answer: (res: http.ServerResponse) => void = (res) =>
    ShareStub.json(res, 200, { url: 'https://share.example/page' });

  static start(): Promise<ShareStub> {
    return new ShareStub().listen();
  }

  static json(res: http.ServerResponse, status: number, body: unknown): void {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  get url(): string {
    return `${this.origin}/upload`;
  }

  get uploads(): readonly Upload[] {
    return this.received.all;
  }

  get lastUpload(): Upload {
    return this.received.last;
  }

  protected async handle(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const body = new Response(new Uint8Array(await bytesOf(req)), {
      headers: { 'content-type': req.headers['content-type'] ?? '' },
    });
    const form = await body.formData();
    this.received.add({ method: req.method ?? '', path: req.url ?? '', headers: req.headers, form });
    this.answer(res);
  }
}
