import type { RequestHandler } from 'express';
import { cutText } from '../common/text.js';
import { MethodNotAllowed, RouteNotFound } from './http.errors.js';
import { allowedMethods } from './routes.js';

/**
 * Answers what no route has answered, below the base path and beside it.
 * @param docs the path of the API's documentation
 */
export function unknownRoute(docs: string): RequestHandler {
  return (req) => {
    const where = `${req.method} ${cutText(req.originalUrl.split('?', 1)[0] ?? '', 200)}`;
    const methods = allowedMethods(req);
    if (methods.length === 0) {
      throw new RouteNotFound(`There is no ${where}. GET ${docs} lists all that there is.`);
    }
    throw new MethodNotAllowed(where, methods);
  };
}
