import { type INestApplication, RequestMethod } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import express, { type Express, type RequestHandler } from 'express';
import type { Server } from 'node:http';
import { FEATURES } from './app.module.js';
import { AccessControl, accessGuard, loginRoutes, routesOf } from './auth/index.js';
import { jsonBody } from './http/json-body.js';
import { ErrorFilter, namedErrors } from './http/error.filter.js';
import {
  type GuardOptions,
  type OriginPolicy,
  enforceOriginPolicy,
  guardServer,
} from './http/origin-policy.js';
import { Gate } from './http/gate.js';
import { HandOver } from './http/hand-over.js';
import { limitRequests, Limits } from './http/limits.js';
import { answerOneByOne } from './http/one-by-one.js';
import { OwnPaths } from './http/own-paths.js';
import { maskSecrets } from './common/secret.js';
import { leavePolicy, requirePolicy, securityHeaders } from './http/security-headers.js';
import { validationPipe } from './http/validation.js';
import type { AppConfig } from './config/index.js';
import { SocketAdapter } from './gateway/io.adapter.js';
import { DocsService } from './docs/docs.service.js';
import { answerBrokenRequests } from './http/client-errors.js';
import { unknownRoute } from './http/not-found.js';
import { staticUi } from './web-ui/static-ui.js';

/**
 * Time for a client to send its headers: a slower one only holds the connection. A body may take five minutes (Node's
 * default).
 */
const HEADERS_TIMEOUT_MS = 15_000;

/** Limits that Node itself enforces, before any listener sees a request: the same for the whole server. */
export function boundRequests(server: Server): void {
  const { headersTimeout } = server;
  if (headersTimeout === 0 || headersTimeout > HEADERS_TIMEOUT_MS) server.headersTimeout = HEADERS_TIMEOUT_MS;
  if (server.listenerCount('clientError') === 0) answerBrokenRequests(server);
}

/**
 * All that stands between a connection and a controller, in the order in which a request meets it:
 * {@link guardServer}, {@link createExpress}, what an embedder adds, {@link prepare}, the controllers, {@link mountLast}.
 */
export class Pipeline {
  /** Undefined when no token is required. */
  readonly access: AccessControl | undefined;
  readonly gate: Gate;
  readonly paths: OwnPaths;

  constructor(
    private readonly config: AppConfig,
    readonly limits: Limits,
  ) {
    const { dataDir, server } = config;
    const { basePath, auth, trustProxy } = server;
    this.access = auth && new AccessControl({ dataDir, basePath, token: auth.token });
    this.gate = new Gate(limits, trustProxy, this.access);
    this.paths = new OwnPaths(config.server, this.access !== undefined);
  }

  /** Before the HTTP server's own listeners, because Socket.IO answers its requests there, without Express. */
  guardServer(server: Server, place: Omit<GuardOptions, 'gate'> = {}): void {
    guardServer(server, this.rules, { ...place, gate: this.gate });
    answerOneByOne(server); // before the door: what waits for its turn has not come yet
  }

  /**
   * Guards a server that listens nowhere, and gets what comes to `host` for the own paths.
   * @returns to be begun once the server is ready
   */
  handOver(host: Server, own: Server): HandOver {
    const handOver = new HandOver(host, own, {
      covers: (req) => this.paths.coverRequest(req),
      admits: (socket) => this.gate.admits(socket),
    });
    this.guardServer(own, { reconnect: handOver.reconnect });
    return handOver;
  }

  /** An Express application with the guards of all that is added to it. */
  createExpress(): Express {
    const { access, limits } = this;
    const app = express();
    app.disable('x-powered-by');
    app.set('trust proxy', this.config.server.trustProxy ? 1 : false);
    app.use(securityHeaders()); // first: a refusal has them too
    app.use(enforceOriginPolicy(this.rules)); // before tokens: a page of another origin learns nothing of them
    if (access) app.use(loginRoutes(access), accessGuard(access)); // in this order: a login is how a token comes
    app.use(limitRequests(limits)); // behind the guard: it has found the token that a request counts for
    app.use(leavePolicy()); // last: what refuses above has no page of an embedder's
    return app;
  }

  /** Gives an application that serves {@link createExpress} what its controllers and gateways need, before its `init`. */
  prepare(app: INestApplication): void {
    const { basePath, maxBodyBytes } = this.config.server;
    app.use(requirePolicy()); // first: what comes before is an embedder's
    app.use(versionPrefix(basePath)); // before handlers that read the path
    app.use(...jsonBody(maxBodyBytes)); // behind an embedder's own routes, which may take other bodies
    for (const handler of this.otherUi()) app.use(handler); // last: it has an answer to every GET
    app.setGlobalPrefix(basePath, { exclude: [{ path: '/', method: RequestMethod.GET }] });
    app.useGlobalPipes(validationPipe());
    app.useGlobalFilters(new ErrorFilter((error) => maskSecrets(describe(error), this.config.secrets)));
    const { rules: door, access, gate } = this;
    access?.routes.register(routesOf(app, FEATURES));
    app.useWebSocketAdapter(new SocketAdapter(app, { door, access, gate }));
    app.get(DocsService).attach(app);
  }

  /** Mounts the last route: behind the controllers, and before Nest's layers, whose filters see its errors. */
  mountLast(adapter: AbstractHttpAdapter): void {
    const { publicPath, basePath } = this.config.server;
    adapter.use(unknownRoute(`${publicPath}${basePath}/docs`));
    adapter.use(namedErrors);
  }

  private get rules(): OriginPolicy {
    const { server } = this.config;
    const { allowedHosts, allowedOrigins: origins, trustProxy, publicPath, basePath } = server;
    const host = (server.host.includes(':') ? `[${server.host}]` : server.host).toLowerCase();
    const localOnly = !server.auth && !server.insecureNoAuth;
    return { host, allowedHosts, origins, trustProxy, publicPath, basePath, localOnly };
  }

  private otherUi(): RequestHandler[] {
    const { webui, agent, server } = this.config;
    if (!webui.enabled || webui.staticPath === undefined) return [];
    const { basePath } = server;
    return staticUi({ directory: webui.staticPath, basePath, title: agent.name });
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
