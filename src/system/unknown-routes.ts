import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { RequestHandler } from 'express';
import { DomainError } from '../common/errors.js';
import { allowedMethods } from '../common/routes.js';
import { AppConfig } from '../config/index.js';

/** Answers what no route has answered, below the base path and beside it. */
@Injectable()
export class UnknownRoutes implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly config: AppConfig,
  ) {}

  /** Nest has mounted every route by now, and mounts its error layer next: what is thrown here reaches it. */
  onModuleInit(): void {
    this.host.httpAdapter.use(unknownRoute(`${this.config.server.basePath}/docs`));
  }
}

function unknownRoute(docs: string): RequestHandler {
  return (req, res) => {
    const where = `${req.method} ${req.originalUrl.split('?', 1)[0]?.slice(0, 200)}`;
    const methods = allowedMethods(req);
    if (methods.length === 0) {
      throw new DomainError('ROUTE_NOT_FOUND', `There is no ${where}. GET ${docs} lists all that there is.`);
    }
    res.setHeader('allow', methods.join(', '));
    throw new DomainError('METHOD_NOT_ALLOWED', `${where} is not possible: use ${methods.join(' or ')}.`);
  };
}
