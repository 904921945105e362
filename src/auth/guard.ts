import type { Request, RequestHandler, Response } from 'express';
import { setClientId } from '../http/client-id.js';
import { DomainError } from '../common/errors.js';
import { cutText } from '../common/text.js';
import { writeError } from '../http/error-response.js';
import type { AccessControl } from './access-control.js';
import { sendLoginPage } from './login-page.js';

/** Middleware that requires a token: behind the front door, before everything else, extensions included. */
export function accessGuard(access: AccessControl): RequestHandler {
  return (req, res, next) => {
    if (access.routes.isOpen(req.method, req.path)) return next();
    try {
      const entry = access.authenticateRequest(req);
      setClientId(req, entry.id);
      access.requireScope(
        entry,
        access.routes.needed(req.method, req.path),
        `${req.method} ${cutText(req.path, 100)}`,
      );
      res.once(
        'close',
        access.live.add(entry.id, () => res.destroy()), // only the stream ends: a run goes on
      );
    } catch (error) {
      return refuse(req, res, error);
    }
    next();
  };
}

/** Writes the error of a refused request; a browser's page request gets the login page. */
export function refuse(req: Request, res: Response, error: unknown): void {
  if (!(error instanceof DomainError)) throw error;
  if (error.code === 'UNAUTHORIZED' && isPage(req)) sendLoginPage(req, res, error);
  else writeError(res, error);
}

function isPage(req: Request): boolean {
  return req.method === 'GET' && (req.path === '/' || (req.headers.accept?.includes('text/html') ?? false));
}
