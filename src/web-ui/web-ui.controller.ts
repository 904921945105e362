import { Controller, Get, Header } from '@nestjs/common';
import { ModelCatalog } from '../models/index.js';
import { PAGE_STYLE } from '../common/html.js';
import { pagePolicy } from '../http/security-headers.js';
import { AppConfig } from '../config/index.js';
import { SessionsService } from '../sessions/index.js';
import { homePage } from './home-page.js';

const SHOWN = 50;

@Controller()
export class WebUiController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly catalog: ModelCatalog,
    private readonly config: AppConfig,
  ) {}

  /** The web page of this server. */
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', pagePolicy({ styles: [PAGE_STYLE] }))
  async home(): Promise<string> {
    return homePage({
      name: this.config.agent.name,
      model: `${this.catalog.default.displayName} (${this.catalog.default.provider})`,
      workspace: this.config.workspace,
      basePath: this.config.server.basePath,
      sessions: await this.sessions.newest(SHOWN),
    });
  }
}
