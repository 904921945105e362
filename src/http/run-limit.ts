import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { clientIdOf } from './client-id.js';
import { Limits } from './limits.js';

/** Holds each client to its number of queries a minute: of all that asks a model. What a socket sends counts too, in the gateway. */
@Injectable()
export class RunLimit implements CanActivate {
  constructor(private readonly limits: Limits) {}

  canActivate(context: ExecutionContext): boolean {
    this.limits.takeRun(clientIdOf(context.switchToHttp().getRequest<Request>()));
    return true;
  }
}
