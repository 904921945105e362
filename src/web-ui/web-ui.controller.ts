import { Controller, Get, Header, Req } from '@nestjs/common';
import type { Request as ExpressRequest } from 'express';
import { Fails } from '../http/fails.js';
import { ModelCatalog } from '../models/index.js';
import { PAGE_STYLE } from '../common/html.js';
import { linkTo } from '../http/public-path.js';
import { pagePolicy } from '../http/security-headers.js';
import { AppConfig } from '../config/index.js';
import { SessionsService } from '../sessions/index.js';
import { homePage } from './home-page.js';

const SHOWN = 50;

/** The web page. */
@Controller()
@Fails('DATABASE_UNAVAILABLE')
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
  async home(@Req() req: ExpressRequest): Promise<string> {
    return homePage({
      name: this.config.agent.name,
      model: `${this.catalog.default.displayName} (${this.catalog.default.provider})`,
      workspace: this.config.workspace,
      api: linkTo(req, this.config.server.basePath),
      sessions: await this.sessions.newest(SHOWN),
    });
  }
}
