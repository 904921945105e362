import { normalizePath } from '../http/url-path.js';
import { isSafe } from './credentials.js';
import type { NestRoute } from './nest-routes.js';
import type { Scope } from './token.js';

/** Open routes: load balancers have no token. */
const OPEN = new Set(['/health', '/ready']);
/** Admin routes: they show the agent's settings. */
const ADMIN = new Set(['/agent/options']);

/** Scope that a request needs, by its method and path. A writing request to an unknown route needs `admin`. */
export class RouteScopes {
  private own: readonly NestRoute[] = [];
  private readonly base: string;

  constructor(basePath: string) {
    this.base = basePath.toLowerCase();
  }

  /** Names the routes of this server's own API; before that it has none. */
  register(routes: readonly NestRoute[]): void {
    this.own = routes;
  }

  isOpen(method: string, path: string): boolean {
    return isSafe(method) && OPEN.has(this.withinApi(path) ?? '');
  }

  needed(method: string, path: string): Scope {
    const route = this.withinApi(path);
    if (isSafe(method)) return route !== undefined && ADMIN.has(route) ? 'admin' : 'read';
    const isOwn =
      route !== undefined && this.own.some((own) => own.method === method && own.path.test(route));
    return isOwn ? 'query' : 'admin';
  }

  /** Path below the base path, as the router compares it. */
  private withinApi(path: string): string | undefined {
    const normal = normalizePath(path);
    if (!normal.startsWith(`${this.base}/`)) return undefined;
    return normal.slice(this.base.length).replace(/^\/v1(?=\/)/, '');
  }
}
