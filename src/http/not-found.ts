import type { RequestHandler } from 'express';
import { DomainError } from '../common/errors.js';
import { allowedMethods } from './routes.js';

/**
 * Answers what no route has answered, below the base path and beside it.
 * @param docs the path of the API's documentation
 */
export function unknownRoute(docs: string): RequestHandler {
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
