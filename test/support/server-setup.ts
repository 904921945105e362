import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AgentTarsConfig } from '../../src/index.js';
import { ModelStub } from './model-stub.js';
import { placed, ServerProcess } from './process.js';
import { rawJson } from './raw.js';

export interface SetupOptions {
  /** What the server is told beside its model and its directories: a file that `--config` names. */
  readonly config?: AgentTarsConfig;
  /** JavaScript that the server's process runs before it starts. */
  readonly prelude?: string;
  /** More arguments of `agent-tars serve`. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Files of the workspace, by their path in it. */
  readonly files?: Readonly<Record<string, string>>;
}

const NOTE = { 'note.txt': 'the note says sentinel-7391\n' };

/** The built server in a process of its own, in directories of its own, with a scripted model. */
export class ServerSetup {
  protected constructor(
    readonly server: ServerProcess,
    readonly model: ModelStub,
    /** Holds `workspace`, where the server was started, `data` and `home`. */
    readonly directory: string,
  ) {}

  static async start(options: SetupOptions = {}): Promise<ServerSetup> {
    const { server, model, directory } = await ServerSetup.open(options);
    return new ServerSetup(server, model, directory);
  }

  protected static async open({
    config = {},
    prelude = '',
    args = [],
    env = {},
    files = {},
  }: SetupOptions): Promise<Pick<ServerSetup, 'server' | 'model' | 'directory'>> {
    const directory = await mkdtemp(join(tmpdir(), 'agent-tars-setup-'));
    const [data, workspace, home] = [
      join(directory, 'data'),
      join(directory, 'workspace'),
      join(directory, 'home'),
    ];
    await mkdir(home);
    for (const [path, text] of Object.entries({ ...NOTE, ...files })) {
      await mkdir(dirname(join(workspace, path)), { recursive: true });
      await writeFile(join(workspace, path), text);
    }
    const file = join(directory, 'config.mjs');
    await writeFile(file, `${prelude}\nexport default ${JSON.stringify(config)};\n`);
    const model = await ModelStub.start();
    try {
      const all = [...placed(data, workspace, model.baseURL), '--config', file, ...args];
      const server = await ServerProcess.start(all, { cwd: workspace, env: { HOME: home, ...env } });
      return { server, model, directory };
    } catch (error) {
      await model.stop();
      throw error;
    }
  }

  get workspace(): string {
    return join(this.directory, 'workspace');
  }

  get data(): string {
    return join(this.directory, 'data');
  }

  async createSession(): Promise<string> {
    const { body } = await this.post<{ sessionId: string }>('sessions/create', {});
    return body.sessionId;
  }

  /** @param path below `/api/` */
  get<Body>(path: string): Promise<{ status: number; body: Body }> {
    return rawJson<Body>('GET', `${this.server.url}/api/${path}`);
  }

  post<Body>(path: string, body: object): Promise<{ status: number; body: Body }> {
    return rawJson<Body>('POST', `${this.server.url}/api/${path}`, body);
  }

  async stop(): Promise<void> {
    await this.server.kill();
    await this.model.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
