import 'reflect-metadata';
import { type DynamicModule, type INestApplication, Logger, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import type { Express } from 'express';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { AppModule, type Extensions } from './app.module.js';
import { AppConfig, type ConfigInput, requireWorkspace, resolveConfig } from './config/index.js';
import { DatabaseUnavailable, DataLock, notOpened } from './database/index.js';
import { Limits } from './http/limits.js';
import { ExpressHttpAdapter } from './http/express-adapter.js';
import type { HandOver } from './http/hand-over.js';
import { LayersBefore } from './http/routes.js';
import { logger } from './logger.js';
import { boundRequests, Pipeline } from './pipeline.js';
import { ActiveRuns } from './runs/index.js';

/** The features in an application of their own. */
@Module({})
class ServerModule implements OnModuleInit {
  constructor(
    private readonly pipeline: Pipeline,
    private readonly host: HttpAdapterHost,
  ) {}

  static of(pipeline: Pipeline, features: DynamicModule): DynamicModule {
    return {
      module: ServerModule,
      imports: [features],
      providers: [{ provide: Pipeline, useValue: pipeline }],
    };
  }

  /** Nest has mounted every route by now, and mounts its error layer next. */
  onModuleInit(): void {
    this.pipeline.mountLast(this.host.httpAdapter);
  }
}

/**
 * The server, to be embedded: several can live in one process.
 *
 * @example
 * const server = new AgentTARSServer({ server: { port: 8888 } });
 * server.getApp().use('/custom-endpoint', (req, res) => res.json({ message: 'Hello' }));
 * await server.start();
 */
export class AgentTARSServer {
  readonly config: AppConfig;
  private readonly app: Express;
  private readonly pipeline: Pipeline;
  private nest: INestApplication | undefined;
  private starting: Promise<INestApplication> | undefined;
  private stopping: Promise<void> | undefined;
  private lock: DataLock | undefined;
  /** Layers of the Express application that are not Nest's, once it starts. */
  private layers: LayersBefore | undefined;
  /** The embedder's HTTP server that {@link attach} was given. */
  private host: Server | undefined;
  private handOver: HandOver | undefined;

  /**
   * @param config as exported by `agent-tars.config.ts`; every field has a default. An {@link AppConfig} is taken as
   * it is.
   * @throws InvalidConfig naming every bad value
   */
  constructor(
    config: ConfigInput | AppConfig = {},
    private readonly extensions: Extensions = {},
  ) {
    this.config =
      config instanceof AppConfig ? config : resolveConfig(config, { cwd: process.cwd(), env: process.env });
    this.pipeline = new Pipeline(this.config, new Limits(this.config.server.limits));
    this.app = this.pipeline.createExpress();
  }

  /** The Express application. Handlers that are added to it, at any time, come before the server's own routes. */
  getApp(): Express {
    return this.app;
  }

  /** URL of the server, once it has started: with `server.publicPath`, below which it answers as well. */
  get url(): string {
    const { address, port } = this.address();
    const host = address === '0.0.0.0' || address === '::' ? 'localhost' : address;
    const scheme = this.host instanceof TlsServer ? 'https' : 'http';
    return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${this.config.server.publicPath}`;
  }

  get port(): number {
    return this.address().port;
  }

  /** Number of runs that {@link stop} waits for, `server.shutdownGraceMs` at most. */
  get runsUnderWay(): number {
    return this.nest?.get(ActiveRuns, { strict: false }).running().length ?? 0;
  }

  /**
   * One-time link that logs a browser in with the owner's rights, valid for ten minutes. Undefined when no token is
   * required.
   * @param onEnd called when the link was opened, gave way to newer ones, or the server stops
   */
  createLoginLink(onEnd?: () => void): string | undefined {
    const { access } = this.pipeline;
    return access && `${this.url}/auth/link?code=${access.codes.create(onEnd)}`;
  }

  /**
   * Opens the database, closes the runs that a crash has left open, and listens. Resolves when the first
   * request can come.
   * @throws CannotListen, DatabaseNotOpened, DataInUse, InvalidConfig, TokensUnreadable
   */
  start(): Promise<void> {
    return this.begin();
  }

  /**
   * Starts as a part of an HTTP server of the embedder's, which listens itself, before or after this. What comes for
   * `server.basePath` and `/socket.io`, with `server.auth` for `/auth/link`, `/auth/login` and `/auth/logout` too, never
   * reaches its listeners; all else stays with them. {@link stop} leaves that server listening, as it was before.
   * @param http plain or with TLS; its timeouts hold
   * @throws DatabaseNotOpened, InvalidConfig, TokensUnreadable
   */
  attach(http: Server): Promise<void> {
    return this.begin(http);
  }

  /**
   * Lets runs end, ends the streams, closes the database. Safe to call twice; the server can start again, or be
   * attached.
   */
  async stop(): Promise<void> {
    await this.starting?.catch(() => undefined); // the caller of start() gets the rejection
    const nest = this.nest;
    this.nest = undefined;
    if (nest) this.stopping = this.close(nest).finally(() => (this.stopping = undefined));
    await this.stopping;
  }

  private async begin(host?: Server): Promise<void> {
    if (this.nest || this.starting) throw new Error('The server has been started already.');
    this.starting = this.open(host);
    try {
      this.nest = await this.starting;
      const http = host ?? (this.nest.getHttpServer() as Server);
      await this.lock?.publish(http.listening ? this.url : undefined);
    } finally {
      this.starting = undefined;
    }
  }

  private async open(host: Server | undefined): Promise<INestApplication> {
    await this.stopping?.catch(() => undefined); // the caller of stop() gets the rejection
    this.host = host;
    this.layers = new LayersBefore(this.app);
    let nest: INestApplication | undefined;
    try {
      await requireWorkspace(this.config.workspace);
      await this.pipeline.access?.open();
      this.lock = await DataLock.take(this.config.server);
      nest = await this.createApplication();
      await nest.init();
      this.layers.keep();
      await this.listen(nest);
      return nest;
    } catch (error) {
      if (nest) await this.close(nest);
      else this.pipeline.access?.close();
      await this.lock?.release(); // by itself where Nest could not be created
      throw this.explained(error);
    }
  }

  /** Explains a database that opens, but does not take the start's writes: the ends of runs that a crash left open. */
  private explained(error: unknown): unknown {
    const { storage } = this.config.server;
    const isDatabase = error instanceof DatabaseUnavailable;
    return isDatabase && storage.type === 'sqlite'
      ? notOpened(storage.path, (error.cause as Error) ?? error)
      : error;
  }

  private async close(nest: INestApplication): Promise<void> {
    try {
      await nest.close();
    } catch (error) {
      await (nest.getHttpAdapter() as ExpressHttpAdapter).close(); // a hook that failed may have come before
      throw error;
    } finally {
      this.handOver?.end();
      this.handOver?.release();
      this.handOver = undefined;
      this.pipeline.access?.close();
      this.layers?.removeOthers(); // the next start adds its own
    }
  }

  private async createApplication(): Promise<INestApplication> {
    const { config, pipeline, lock } = this;
    const { limits } = pipeline;
    const features = AppModule.with({
      ...this.extensions,
      config,
      limits,
      ...(lock && { lock }),
      isHosted: false,
    });
    const nest = await NestFactory.create(
      ServerModule.of(pipeline, features),
      new ExpressHttpAdapter(this.app),
      {
        bodyParser: false,
        abortOnError: false,
        forceCloseConnections: true,
        logger: false, // what fails until here is thrown, and told once
      },
    );
    this.guard(nest.getHttpServer() as Server);
    nest.useLogger(logger(config.logLevel, config.secrets));
    warnOfIgnored(config);
    pipeline.prepare(nest);
    return nest;
  }

  private guard(http: Server): void {
    const { config, pipeline, host } = this;
    if (host) {
      this.handOver = pipeline.handOver(host, http);
    } else {
      boundRequests(http);
      http.keepAliveTimeout = config.server.keepAliveMs;
      pipeline.guardServer(http);
    }
  }

  private async listen(nest: INestApplication): Promise<void> {
    const { port, host } = this.config.server;
    if (this.handOver) this.handOver.begin();
    else await (nest.getHttpAdapter() as ExpressHttpAdapter).listenOn(port, host);
    nest.get(HttpAdapterHost).listening = true;
  }

  private address(): AddressInfo {
    if (!this.nest) throw new Error('The server has not been started.');
    const address = (this.host ?? (this.nest.getHttpServer() as Server)).address();
    if (typeof address === 'object' && address) return address;
    throw new Error('The HTTP server that this server was attached to does not listen on a port.');
  }
}

/** Warns of ignored settings: a file for the published Agent TARS starts, but some of it has no effect here. */
function warnOfIgnored({ ignored }: AppConfig): void {
  if (ignored.length === 0) return;
  new Logger('Config').warn(`Ignored, because this server has nothing like it: ${ignored.join(', ')}.`);
}
