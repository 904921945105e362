import { type INestApplication, Injectable } from '@nestjs/common';
import { AppConfig } from '../config/index.js';
import { buildDocument } from './document.js';
import { docsPage, initScript } from './swagger-page.js';

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

  /** The page that shows the documentation, as HTML. */
  get page(): string {
    return docsPage(this.title, this.path);
  }

  /** The script that starts the page. */
  get script(): string {
    return initScript(this.path);
  }

  /** The OpenAPI document as JSON text. */
  document(): Promise<string> {
    this.built ??= this.build();
    this.built.catch(() => (this.built = undefined)); // the next request tries again
    return this.built;
  }

  private async build(): Promise<string> {
    if (!this.app) throw new Error('DocsService.attach was not called: there is no application to document.');
    return JSON.stringify(await buildDocument(this.app, this.title, about(this.config.server.basePath)));
  }

  private get title(): string {
    return `${this.config.agent.name} Server`;
  }

  private get path(): string {
    return `${this.config.server.basePath}/docs`;
  }
}

function about(basePath: string): string {
  return (
    'An agent server: sessions, queries and one ordered, stored stream of events. ' +
    `Every route under ${basePath} answers under ${basePath}/v1 as well. Times are milliseconds since the epoch.`
  );
}
