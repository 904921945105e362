import {
  type BeforeApplicationShutdown,
  Global,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  Optional,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModuleRef, type NestContainer } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { Express, RequestHandler } from 'express';
import type { Server } from 'node:http';
import type { HandOver } from '../http/hand-over.js';
import { Limits } from '../http/limits.js';
import { SOCKET_PATH } from '../http/own-paths.js';
import { AppConfig } from '../config/index.js';
import { boundRequests, Pipeline } from '../pipeline.js';
import { HostedApplication } from './hosted-application.js';
import { hideControllers, ownModules } from './own-modules.js';
import {
  hasRoot,
  requireFoundation,
  requireFreePaths,
  requireFreeSockets,
  requireOne,
} from './unfit-host.js';

const pipeline = {
  provide: Pipeline,
  useFactory: (config: AppConfig, limits: Limits) => new Pipeline(config, limits),
  inject: [AppConfig, Limits],
};

/**
 * The door between the HTTP server of a host and the features. Global: its hooks come before those of other modules.
 */
@Global()
@Module({ providers: [pipeline] })
export class HostedDoorModule
  implements
    NestModule,
    OnModuleInit,
    OnApplicationBootstrap,
    BeforeApplicationShutdown,
    OnApplicationShutdown
{
  private hosted: HostedApplication | undefined;
  private handOver: HandOver | undefined;
  private showControllers: () => void = () => undefined;
  private servesRoot = false;

  /** Optional, because another copy of Nest's core provides none of these. */
  constructor(
    private readonly config: AppConfig,
    private readonly pipeline: Pipeline,
    @Optional() private readonly moduleRef?: ModuleRef,
    @Optional() private readonly hostConfig?: ApplicationConfig,
    @Optional() private readonly adapterHost?: HttpAdapterHost,
  ) {}

  /**
   * Called by an application with HTTP, once it has connected its gateways and before it mounts controllers.
   * @throws UnfitHost, TokensUnreadable
   */
  async configure(): Promise<void> {
    const { moduleRef, hostConfig, adapterHost, pipeline } = this;
    const platform = adapterHost?.httpAdapter?.getType();
    if (!moduleRef || !hostConfig || !adapterHost) return requireFoundation({ sharesCore: false, platform });
    requireFoundation({ sharesCore: true, platform });
    // Private to Nest, but the only way to the modules with their middleware and gateways.
    const { container } = moduleRef as unknown as { readonly container: NestContainer };
    const own = await ownModules(container);
    const socketPath = hostConfig.getIoAdapter() instanceof IoAdapter ? SOCKET_PATH : '/';
    requireOne(container.getModules().values());
    requireFreeSockets(container.getModules().values(), own, pipeline.paths, socketPath);
    await pipeline.access?.open();
    this.hosted = new HostedApplication({ container, config: hostConfig }, own, pipeline);
    this.handOver = this.guard(this.hosted, adapterHost.httpAdapter.getHttpServer() as Server);
    pipeline.prepare(this.hosted);
    await this.hosted.init();
    this.showControllers = hideControllers(own.values());
  }

  /** Called when the host has mounted its controllers. */
  onModuleInit(): void {
    this.showControllers();
    if (this.hosted && this.config.webui.enabled) this.adapterHost?.httpAdapter.use(this.root);
  }

  /** @throws UnfitHost */
  onApplicationBootstrap(): void {
    if (!this.hosted) return;
    const app = this.adapterHost?.httpAdapter.getInstance<Express>() as Express;
    requireFreePaths(app, this.pipeline.paths);
    this.servesRoot = !hasRoot(app);
  }

  /** Called when the streams have ended and the sockets got their last messages. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.hosted?.end();
    this.handOver?.end();
  }

  onApplicationShutdown(): void {
    this.pipeline.access?.close();
  }

  private guard({ server }: HostedApplication, http: Server): HandOver {
    boundRequests(http);
    const handOver = this.pipeline.handOver(http, server);
    handOver.begin();
    return handOver;
  }

  /** Serves the page at `/` when the host has none. */
  private readonly root: RequestHandler = (req, res, next) => {
    const isPage = this.pipeline.paths.isRoot(req.path) && (req.method === 'GET' || req.method === 'HEAD');
    if (this.servesRoot && isPage) this.handOver?.serve(req, res);
    else next();
  };
}
