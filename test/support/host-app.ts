import { type INestApplication, type LoggerService, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentTarsModule, type AgentTarsConfig, type Registration } from '../../src/index.js';
import { ModelStub } from './model-stub.js';

export interface HostOptions {
  readonly config?: AgentTarsConfig;
  readonly register?: Omit<Registration, 'config'>;
  /** What the host has beside the module. */
  readonly host?: ModuleMetadata;
  /** What the host does between `NestFactory.create` and `listen`. */
  readonly beforeListen?: (app: INestApplication) => void;
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** The host's own. Default: none. */
  readonly logger?: LoggerService;
}

/** Somebody's own Nest application that imports the module, with a scripted model. */
export class HostApp {
  private constructor(
    readonly app: INestApplication,
    readonly model: ModelStub,
    private readonly directory: string,
  ) {}

  /** Rejects with what the application does not start for. */
  static async start(options: HostOptions = {}): Promise<HostApp> {
    const directory = await mkdtemp(join(tmpdir(), 'agent-tars-host-'));
    const model = await ModelStub.start();
    const app = await NestFactory.create(moduleOf(options, directory, model), {
      logger: options.logger ?? false,
      abortOnError: false,
    });
    const started = new HostApp(app, model, directory);
    try {
      options.beforeListen?.(app);
      await app.listen(0, options.address ?? '127.0.0.1');
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  get port(): number {
    return ((this.app.getHttpServer() as Server).address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.model.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

function moduleOf({ config = {}, register, host }: HostOptions, directory: string, model: ModelStub) {
  const full: AgentTarsConfig = {
    workspace: directory,
    dataDir: join(directory, 'data'),
    model: model.config,
    ...config,
    server: { storage: { type: 'memory' }, shutdownGraceMs: 0, ...config.server },
  };
  @Module({
    ...host,
    imports: [AgentTarsModule.register({ ...register, config: full }), ...(host?.imports ?? [])],
  })
  class HostModule {}
  return HostModule;
}
