import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentTarsConfig } from '../../src/index.js';
import { ModelStub } from './model-stub.js';
import { ServerProcess } from './process.js';
import { request } from './request.js';

export interface SetupOptions {
  /** What the server is told beside its model and its directories. */
  readonly config?: Pick<AgentTarsConfig, 'server' | 'agent'>;
  /** JavaScript that the server's process runs before it starts. */
  readonly prelude?: string;
}

/** The built server in a process of its own, in a directory of its own, with a scripted model. */
export class ServerSetup {
  private constructor(
    readonly server: ServerProcess,
    readonly model: ModelStub,
    readonly directory: string,
  ) {}

  static async start({ config = {}, prelude = '' }: SetupOptions = {}): Promise<ServerSetup> {
    const model = await ModelStub.start();
    const directory = await mkdtemp(join(tmpdir(), 'agent-tars-faults-'));
    const full = { workspace: directory, dataDir: join(directory, 'data'), model: model.config, ...config };
    await writeFile(join(directory, 'note.txt'), 'the note says sentinel-7391\n');
    const file = `${prelude}\nexport default ${JSON.stringify(full)};\n`;
    await writeFile(join(directory, 'agent-tars.config.mjs'), file);
    const server = await ServerProcess.start([], { cwd: directory });
    return new ServerSetup(server, model, directory);
  }

  async createSession(): Promise<string> {
    const { body } = await this.post<{ sessionId: string }>('sessions/create', {});
    return body.sessionId;
  }

  /** @param path below `/api/` */
  get<Body>(path: string): Promise<{ status: number; body: Body }> {
    return request<Body>('GET', `${this.server.url}/api/${path}`);
  }

  post<Body>(path: string, body: object): Promise<{ status: number; body: Body }> {
    return request<Body>('POST', `${this.server.url}/api/${path}`, body);
  }

  async stop(): Promise<void> {
    await this.server.kill();
    await this.model.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
