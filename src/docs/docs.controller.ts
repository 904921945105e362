import { Controller, Get, Header, Param, Req, type StreamableFile } from '@nestjs/common';
import type { Request as ExpressRequest } from 'express';
import { Fails } from '../http/fails.js';
import { DOCS_POLICY } from '../http/security-headers.js';
import { linkTo } from '../http/public-path.js';
import { openAsset } from './swagger-assets.js';
import { INIT_SCRIPT } from './swagger-page.js';
import { DocsService } from './docs.service.js';

/** The documentation of this API. */
@Controller('docs')
export class DocsController {
  constructor(private readonly docs: DocsService) {}

  /** This documentation as a page, to read and to try out. */
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', DOCS_POLICY)
  page(@Req() req: ExpressRequest): string {
    return this.docs.page(linkTo(req, this.docs.path));
  }

  /** This documentation as an OpenAPI 3.1 document. */
  @Get('openapi.json')
  @Header('content-type', 'application/json; charset=utf-8')
  document(@Req() req: ExpressRequest): Promise<string> {
    return this.docs.document(linkTo(req, '/'));
  }

  /** The messages of sockets as an AsyncAPI 3.0 document. */
  @Get('asyncapi.json')
  @Header('content-type', 'application/json; charset=utf-8')
  socketDocument(): Promise<string> {
    return this.docs.socketDocument();
  }

  /** The script that starts the page. */
  @Get('init.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  script(): string {
    return INIT_SCRIPT;
  }

  /** A file of Swagger UI that the page loads. */
  @Get(':file')
  @Fails('ROUTE_NOT_FOUND')
  @Header('cache-control', 'public, max-age=3600')
  asset(@Param('file') file: string): StreamableFile {
    return openAsset(file);
  }
}
