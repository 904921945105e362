import { type INestApplication, Injectable } from '@nestjs/common';
import { RouteScopes } from '../auth/index.js';
import { AppConfig, buildInfo } from '../config/index.js';
import { readApiTypes, type Schema } from './api-types.js';
import { buildDocument } from './document.js';
import { buildSocketDocument } from './socket-document.js';
import { docsPage } from './swagger-page.js';

/** The documents, as JSON text. */
interface Documents {
  readonly api: string;
  readonly sockets: string;
}

/** Shown where the server takes any free port. */
const DEFAULT_PORT = 8888;

/** The API's documentation: built from the running application on first request, then cached. */
@Injectable()
export class DocsService {
  private app: INestApplication | undefined;
  private built: Promise<Documents> | undefined;

  constructor(private readonly config: AppConfig) {}

  /** Sets the application to document: Nest cannot inject it into a provider. */
  attach(app: INestApplication): void {
    this.app = app;
  }

  /** Path of the page, below the public path. */
  get path(): string {
    return `${this.config.server.basePath}/docs`;
  }

  /**
   * The page that shows the documentation, as HTML.
   * @param link to the page's own files
   */
  page(link: string): string {
    return docsPage(this.title, link);
  }

  /**
   * The OpenAPI document as JSON text.
   * @param root link from the document to the server's root
   */
  async document(root: string): Promise<string> {
    const servers = [{ url: root.replace(/(?<=.)\/$/, '') }];
    return `{"servers":${JSON.stringify(servers)},${(await this.documents()).api.slice(1)}`;
  }

  /** The AsyncAPI document of the sockets as JSON text. */
  async socketDocument(): Promise<string> {
    return (await this.documents()).sockets;
  }

  private documents(): Promise<Documents> {
    this.built ??= this.build();
    this.built.catch(() => (this.built = undefined)); // the next request tries again
    return this.built;
  }

  private async build(): Promise<Documents> {
    if (!this.app) throw new Error('DocsService.attach was not called: there is no application to document.');
    const { title } = this;
    const { publicPath, basePath, host, port, auth } = this.config.server;
    const scopes = new RouteScopes(basePath);
    const requiresToken = auth !== undefined;
    const about = aboutApi(publicPath + basePath);
    const isOpen = (path: string) => scopes.isOpen('GET', path);
    const api = await buildDocument(this.app, { title, about, requiresToken, isOpen });
    const named = `${host.includes(':') ? `[${host}]` : host}:${Number(port) || DEFAULT_PORT}`;
    const [types, { version }] = await Promise.all([readApiTypes(), buildInfo()]);
    const schemas = api.components?.schemas as Readonly<Record<string, Schema>>;
    const sockets = buildSocketDocument(types, schemas, {
      title,
      version,
      host: named,
      publicPath,
      requiresToken,
    });
    return { api: JSON.stringify(api), sockets: JSON.stringify(sockets) };
  }

  private get title(): string {
    return `${this.config.agent.name} Server`;
  }
}

function aboutApi(basePath: string): string {
  return (
    'An agent server: sessions, queries and one ordered, stored stream of events. ' +
    `Every route under ${basePath} answers under ${basePath}/v1 as well. Times are milliseconds since the epoch. ` +
    `The messages of its sockets are in ${basePath}/docs/asyncapi.json.`
  );
}
