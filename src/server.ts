import 'reflect-metadata';
import { type INestApplication, RequestMethod } from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import express, { type Express, type RequestHandler } from 'express';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AgentTarsModule, type Extensions, FEATURES } from './app.module.js';
import { Access, accessGuard, loginRoutes, ownRoutes } from './auth/index.js';
import { jsonBody } from './common/body.js';
import { type DoorRules, frontDoor, guardDoor } from './common/front-door.js';
import { ErrorFilter } from './common/error.filter.js';
import { toDomainError } from './common/errors.js';
import { limitRequests, Limits } from './common/limits.js';
import { routeStack } from './common/routes.js';
import { securityHeaders } from './common/security-headers.js';
import { validationPipe } from './common/validation.js';
import { AppConfig, type ConfigInput, resolveConfig } from './config/index.js';
import { notOpened } from './database/index.js';
import { SocketAdapter } from './gateway/io.adapter.js';
import { HttpAdapter } from './listen.js';
import { logger } from './logger.js';
import { staticUi } from './web-ui/static-ui.js';
import { DocsService } from './system/docs/docs.service.js';

/** Whoever takes longer to say what it wants only holds the connection. A body may take five minutes (Node's default). */
const HEADERS_TIMEOUT_MS = 15_000;

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
  private readonly app: Express = express();
  /** Undefined when nobody is asked for a token. */
  private readonly access: Access | undefined;
  private readonly limits: Limits;
  private nest: INestApplication | undefined;
  private starting: Promise<INestApplication> | undefined;
  private stopping: Promise<void> | undefined;
  /** How many layers of the Express application are not Nest's. */
  private ownRoutes = 0;

  /**
   * @param config what `agent-tars.config.ts` exports; everything has a default. An {@link AppConfig} is taken
   * as it is.
   * @throws InvalidConfig naming every bad value
   */
  constructor(
    config: ConfigInput | AppConfig = {},
    private readonly extensions: Extensions = {},
  ) {
    this.config =
      config instanceof AppConfig ? config : resolveConfig(config, { cwd: process.cwd(), env: process.env });
    this.app.disable('x-powered-by');
    this.app.set('trust proxy', this.config.server.trustProxy ? 1 : false);
    this.limits = new Limits(this.config.server.limits);
    this.access = this.config.server.auth && new Access(this.config);
    this.app.use(securityHeaders(), frontDoor(this.door));
    if (this.access) this.app.use(loginRoutes(this.access), accessGuard(this.access));
    this.app.use(limitRequests(this.limits));
  }

  private get door(): DoorRules {
    const { host: address, allowedHosts, allowedOrigins: origins, trustProxy, basePath } = this.config.server;
    const host = address.includes(':') ? `[${address}]` : address;
    return { host: host.toLowerCase(), allowedHosts, origins, trustProxy, basePath };
  }

  /** The Express application. What is added before {@link start} comes before the server's own routes. */
  getApp(): Express {
    return this.app;
  }

  /** Where the server is reached, once it has started. */
  get url(): string {
    const { address, port } = this.address();
    const host = address === '0.0.0.0' || address === '::' ? 'localhost' : address;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  get port(): number {
    return this.address().port;
  }

  /**
   * A link that logs a browser in, with all that the owner may: good once, and for ten minutes. Undefined when
   * nobody is asked for a token.
   * @param onEnd is called when the link was opened, gave way to newer ones, or the server stops
   */
  createLoginLink(onEnd?: () => void): string | undefined {
    return this.access && `${this.url}/auth/link?code=${this.access.codes.create(onEnd)}`;
  }

  /**
   * Opens the database, closes the runs that a crash has left open, and listens. Resolves when the first
   * request can come.
   * @throws CannotListen, DatabaseNotOpened, TokensUnreadable
   */
  async start(): Promise<void> {
    if (this.nest || this.starting) throw new Error('The server has been started already.');
    this.starting = this.open();
    try {
      this.nest = await this.starting;
    } finally {
      this.starting = undefined;
    }
  }

  /** Lets runs end, ends the streams, closes the database. Safe to call twice; the server can start again. */
  async stop(): Promise<void> {
    await this.starting?.catch(() => undefined); // who started it is told
    const nest = this.nest;
    this.nest = undefined;
    if (nest) this.stopping = this.close(nest);
    await this.stopping;
  }

  private async open(): Promise<INestApplication> {
    await this.stopping;
    this.ownRoutes = routeStack(this.app).length;
    let nest: INestApplication | undefined;
    try {
      await this.access?.open();
      nest = await this.createApplication();
      await this.listen(nest);
      return nest;
    } catch (error) {
      if (nest) await this.close(nest);
      else this.access?.close();
      throw this.explained(error);
    }
  }

  /** The database may have opened and still not take what the start writes: the ends of runs that a crash left open. */
  private explained(error: unknown): unknown {
    const { storage } = this.config.server;
    const isDatabase = toDomainError(error).code === 'DATABASE_UNAVAILABLE';
    return isDatabase && storage.type === 'sqlite' ? notOpened(storage.path, error as Error) : error;
  }

  private async close(nest: INestApplication): Promise<void> {
    await nest.close();
    this.access?.close();
    routeStack(this.app).splice(this.ownRoutes); // the next start adds its own
  }

  private async createApplication(): Promise<INestApplication> {
    const { basePath, maxBodyBytes } = this.config.server;
    const nest = await NestFactory.create(
      AgentTarsModule.register({ ...this.extensions, config: this.config, limits: this.limits }),
      new HttpAdapter(this.app),
      {
        bodyParser: false,
        abortOnError: false,
        forceCloseConnections: true,
        logger: false, // what fails until here is thrown, and told once
      },
    );
    const http = nest.getHttpServer() as Server;
    http.headersTimeout = HEADERS_TIMEOUT_MS;
    guardDoor(http, this.door, (socket) => this.limits.admits(socket));
    nest.useLogger(logger(this.config.logLevel, this.config.secrets));
    nest.use(versionPrefix(basePath), ...jsonBody(maxBodyBytes), ...this.otherUi());
    nest.setGlobalPrefix(basePath, { exclude: [{ path: '/', method: RequestMethod.GET }] });
    nest.useGlobalPipes(validationPipe());
    nest.useGlobalFilters(new ErrorFilter(describe));
    const { door, access, limits } = this;
    access?.routes.learn(ownRoutes(nest, FEATURES));
    nest.useWebSocketAdapter(new SocketAdapter(nest, { door, access, limits }));
    nest.get(DocsService).attach(nest);
    return nest;
  }

  private otherUi(): RequestHandler[] {
    const { webui, agent, server } = this.config;
    if (!webui.enabled || webui.staticPath === undefined) return [];
    const { basePath } = server;
    return staticUi({ directory: webui.staticPath, basePath, config: { title: agent.name, basePath } });
  }

  private async listen(nest: INestApplication): Promise<void> {
    const { port, host } = this.config.server;
    await nest.init();
    await (nest.getHttpAdapter() as HttpAdapter).listenOn(port, host);
    nest.get(HttpAdapterHost).listening = true;
  }

  private address(): AddressInfo {
    if (!this.nest) throw new Error('The server has not been started.');
    return (this.nest.getHttpServer() as { address(): AddressInfo }).address();
  }
}

/** `/api/v1/…` is `/api/…`: one routing table under two prefixes. */
function versionPrefix(basePath: string): RequestHandler {
  const versioned = `${basePath}/v1`;
  return (req, _res, next) => {
    const after = req.url.charAt(versioned.length);
    if (req.url.startsWith(versioned) && (after === '/' || after === '?' || after === '')) {
      req.url = basePath + req.url.slice(versioned.length);
    }
    next();
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
