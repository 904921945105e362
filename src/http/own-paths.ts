import type { IncomingMessage } from 'node:http';
import { withoutPrefix } from './public-path.js';
import { normalizePath, pathOf } from './url-path.js';

/** Default path of Socket.IO's clients. */
export const SOCKET_PATH = '/socket.io';
const LOGIN_PATHS = ['/auth/link', '/auth/login', '/auth/logout'];

/** The paths of an HTTP server that belong to the features; the rest is the host's. */
export class OwnPaths {
  private readonly prefixes: readonly string[];
  private readonly exact: ReadonlySet<string>;
  readonly basePath: string;
  private readonly publicPath: string;

  /** @param hasLogin whether tokens are required, and browsers log in here */
  constructor(
    { basePath, publicPath }: { readonly basePath: string; readonly publicPath: string },
    hasLogin: boolean,
  ) {
    this.basePath = basePath;
    this.publicPath = publicPath;
    this.prefixes = [basePath.toLowerCase(), SOCKET_PATH];
    this.exact = new Set(hasLogin ? LOGIN_PATHS : []);
  }

  /** An example of each prefix and exact path, below the public path too. */
  get examples(): string[] {
    const paths = [...this.prefixes, ...this.exact];
    return this.publicPath === '' ? paths : [...paths, ...paths.map((path) => this.publicPath + path)];
  }

  /** Whether a path is that of the page which the host may have too. */
  isRoot(path: string): boolean {
    return withoutPrefix(path, this.publicPath) === '/';
  }

  cover(path: string): boolean {
    const normal = normalizePath(withoutPrefix(path, this.publicPath));
    if (this.exact.has(normal)) return true;
    return this.prefixes.some((prefix) => normal === prefix || normal.startsWith(`${prefix}/`));
  }

  coverRequest(req: IncomingMessage): boolean {
    return this.cover(pathOf(req));
  }
}
