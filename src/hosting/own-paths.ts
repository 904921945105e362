import type { IncomingMessage } from 'node:http';
import { normalizePath, pathOf } from '../http/url-path.js';

/** Default path of Socket.IO's clients. */
export const SOCKET_PATH = '/socket.io';
const LOGIN_PATHS = ['/auth/link', '/auth/login', '/auth/logout'];

/** The paths of an HTTP server that belong to the features; the rest is the host's. */
export class OwnPaths {
  private readonly prefixes: readonly string[];
  private readonly exact: ReadonlySet<string>;

  /** @param hasLogin whether tokens are required, and browsers log in here */
  constructor(
    readonly basePath: string,
    hasLogin: boolean,
  ) {
    this.prefixes = [basePath.toLowerCase(), SOCKET_PATH];
    this.exact = new Set(hasLogin ? LOGIN_PATHS : []);
  }

  /** One path for each of the prefixes and exact paths. */
  get examples(): string[] {
    return [...this.prefixes, ...this.exact];
  }

  cover(path: string): boolean {
    const normal = normalizePath(path);
    if (this.exact.has(normal)) return true;
    return this.prefixes.some((prefix) => normal === prefix || normal.startsWith(`${prefix}/`));
  }

  coverRequest(req: IncomingMessage): boolean {
    return this.cover(pathOf(req));
  }
}
