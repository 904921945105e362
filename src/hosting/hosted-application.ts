import type { HttpServer } from '@nestjs/common';
import {
  type AbstractHttpAdapter,
  ApplicationConfig,
  GraphInspector,
  HttpAdapterHost,
  NestApplication,
  type NestContainer,
} from '@nestjs/core';
import type { Server } from 'node:http';
import { ExpressHttpAdapter } from '../http/express-adapter.js';
import { SessionsGateway } from '../gateway/sessions.gateway.js';
import type { Pipeline } from '../pipeline.js';
import type { NestModule } from './own-modules.js';

/**
 * The application within the host's: it mounts the controllers and connects the gateway of some of the host's
 * modules, with a prefix, pipes, a filter, a socket adapter and an HTTP server of its own, which listens nowhere.
 * Providers and their hooks belong to the host.
 */
export class HostedApplication extends NestApplication {
  private readonly adapter: AbstractHttpAdapter;

  /** @param host where the modules come from, and its configuration */
  constructor(
    host: { readonly container: NestContainer; readonly config: ApplicationConfig },
    modules: ReadonlyMap<string, NestModule>,
    private readonly pipeline: Pipeline,
  ) {
    const adapter = new ExpressHttpAdapter(pipeline.createExpress());
    const container = containerOf(host.container, modules, adapter);
    super(container, adapter as HttpServer, new HostedConfig(host.config), new GraphInspector(container), {
      bodyParser: false,
      autoFlushLogs: false, // the host flushes them
    });
    this.adapter = adapter;
  }

  get server(): Server {
    return this.getUnderlyingHttpServer<Server>();
  }

  /** Closes the sockets. */
  async end(): Promise<void> {
    await this.dispose();
  }

  /** Called when the routes have been mounted, and before Nest's layers for errors; the host calls the hooks. */
  protected override async callInitHook(): Promise<void> {
    this.pipeline.mountLast(this.adapter);
  }

  protected override async callBootstrapHook(): Promise<void> {}
}

/**
 * Configuration without the host's global pipes, filters and interceptors. Its guards stay: a guard can only refuse,
 * and the host relies on it.
 */
class HostedConfig extends ApplicationConfig {
  constructor(private readonly host: ApplicationConfig) {
    super();
  }

  override getGlobalGuards(): ReturnType<ApplicationConfig['getGlobalGuards']> {
    return this.host.getGlobalGuards();
  }

  override getGlobalRequestGuards(): ReturnType<ApplicationConfig['getGlobalRequestGuards']> {
    return this.host.getGlobalRequestGuards();
  }
}

/** View of the host's container with only some modules. */
function containerOf(
  container: NestContainer,
  modules: ReadonlyMap<string, NestModule>,
  adapter: AbstractHttpAdapter,
): NestContainer {
  const all = container.getModules();
  const seen = new (all.constructor as new () => typeof all)();
  for (const [key, module] of modules) seen.set(key, withGateway(module));
  // RouterModule looks up the paths of modules by this id.
  Object.defineProperty(seen, 'applicationId', { value: all.applicationId });
  const adapterHost = new HttpAdapterHost();
  adapterHost.httpAdapter = adapter;
  return Object.assign(Object.create(container) as NestContainer, {
    getModules: () => seen,
    getModuleByKey: (key: string) => seen.get(key),
    getHttpAdapterRef: () => adapter,
    getHttpAdapterHostRef: () => adapterHost,
  });
}

/** The module with its gateway as a class, which Nest connects; a factory hides the gateway from the host. */
function withGateway(module: NestModule): NestModule {
  const hidden = module.providers.get(SessionsGateway);
  if (!hidden) return module;
  const shown: unknown = Object.create(hidden, {
    metatype: { value: SessionsGateway },
    inject: { value: undefined },
  });
  const providers = new Map<unknown, unknown>([...module.providers, [SessionsGateway, shown]]);
  return Object.create(module, { providers: { value: providers } }) as NestModule;
}
