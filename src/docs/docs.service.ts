import { type INestApplication, Injectable } from '@nestjs/common';
import { AppConfig } from '../config/index.js';
import { buildDocument } from './document.js';
import { docsPage } from './swagger-page.js';

/** The API's documentation: built from the running application on first request, then cached. */
@Injectable()
export class DocsService {
  private app: INestApplication | undefined;
  private built: Promise<string> | undefined;

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
    this.built ??= this.build();
    this.built.catch(() => (this.built = undefined)); // the next request tries again
    const servers = [{ url: root.replace(/(?<=.)\/$/, '') }];
    return `{"servers":${JSON.stringify(servers)},${(await this.built).slice(1)}`;
  }

  private async build(): Promise<string> {
    if (!this.app) throw new Error('DocsService.attach was not called: there is no application to document.');
    const { publicPath, basePath } = this.config.server;
    return JSON.stringify(await buildDocument(this.app, this.title, about(publicPath + basePath)));
  }

  private get title(): string {
    return `${this.config.agent.name} Server`;
  }
}

function about(basePath: string): string {
  return (
    'An agent server: sessions, queries and one ordered, stored stream of events. ' +
    `Every route under ${basePath} answers under ${basePath}/v1 as well. Times are milliseconds since the epoch.`
  );
}
