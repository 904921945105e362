import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentTARSServer, type AgentTarsConfig, type Extensions } from '../../src/index.js';
import { Client } from './client.js';
import { requireNoKeyBelow } from './leaks.js';
import { ModelStub } from './model-stub.js';

export interface TestOptions {
  readonly config?: AgentTarsConfig;
  readonly extensions?: Extensions;
  /** Start without the scripted model: with the embedded one, or what the config names. */
  readonly withoutModel?: boolean;
  /** What an embedder does with the server before it starts. */
  readonly beforeStart?: (server: AgentTARSServer) => void;
}

/** The real server on a port of its own, a real SQLite file, and a scripted model over real HTTP. */
export class TestServer extends Client {
  private constructor(
    public server: AgentTARSServer,
    readonly model: ModelStub,
    /** A directory of its own, holding `note.txt`. */
    readonly workspace: string,
    readonly directory: string,
    private readonly config: AgentTarsConfig,
    private readonly extensions: Extensions,
  ) {
    super(server.url);
  }

  static async start({
    config = {},
    extensions = {},
    withoutModel,
    beforeStart,
  }: TestOptions = {}): Promise<TestServer> {
    const directory = await mkdtemp(join(tmpdir(), 'agent-tars-test-'));
    const workspace = await mkdtemp(join(directory, 'workspace-'));
    await writeFile(join(workspace, 'note.txt'), 'the note says sentinel-7391\n');
    const model = await ModelStub.start();
    const full: AgentTarsConfig = {
      workspace,
      dataDir: join(directory, 'data'),
      logLevel: 'silent',
      ...(!withoutModel && { model: model.config }),
      ...config,
      server: { port: 0, shutdownGraceMs: 0, ...config.server },
    };
    const server = new AgentTARSServer(full, extensions);
    beforeStart?.(server);
    try {
      await server.start();
    } catch (error) {
      await model.stop();
      throw error;
    }
    return new TestServer(server, model, workspace, directory, full, extensions);
  }

  /** Stops the server and starts another on the same data. */
  async restart(config: AgentTarsConfig = {}): Promise<TestServer> {
    this.close();
    await this.server.stop();
    const full = { ...this.config, ...config, server: { ...this.config.server, ...config.server } };
    const server = new AgentTARSServer(full, this.extensions);
    await server.start();
    return new TestServer(server, this.model, this.workspace, this.directory, full, this.extensions);
  }

  async stop(): Promise<void> {
    this.close();
    await this.server.stop();
    await this.model.stop();
    await requireNoKeyBelow(join(this.directory, 'data'));
    await rm(this.directory, { recursive: true, force: true });
  }
}
